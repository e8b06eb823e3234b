"""codes that were sent to contact points"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sent_code",
        *(sa.Column(name, words, nullable=False) for name in ("ticket", "contact", "purpose", "subject", "code")),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("ticket"),
    )
    op.create_index("ix_sent_code_contact", "sent_code", ["contact"])


def downgrade() -> None:
    op.drop_table("sent_code")
