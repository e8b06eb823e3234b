"""what companies asked of customers, and what these granted"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "company_ask",
        *(sa.Column(n, words, nullable=False) for n in ("id", "principal", "company", "role", "purpose")),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("ongoing", sa.Integer(), nullable=False),
        *(sa.Column(n, words, nullable=False) for n in ("contact", "subject")),
        sa.Column("granted", sa.Text(), nullable=False),
        sa.Column("state", words, nullable=False),
        sa.Column("at", number, nullable=False),
        *(sa.Column(n, number, nullable=True) for n in ("answered_at", "had_at")),
        sa.Column("had", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("company_ask_contact", "company_ask", ["contact"])
    op.create_index("company_ask_subject", "company_ask", ["subject"])


def downgrade() -> None:
    op.drop_table("company_ask")
