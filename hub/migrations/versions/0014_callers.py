"""callers: failed answers, and views opened for one customer"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "failed_answer",
        sa.Column("subject", words, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("since", "locked_until")),
        sa.PrimaryKeyConstraint("subject"),
    )
    names = ("id", "principal", "name", "role", "seen_as", "customer", "reason")
    op.create_table(
        "opened_view",
        *(sa.Column(name, words, nullable=False) for name in names),
        *(sa.Column(name, number, nullable=False) for name in ("at", "until")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_opened_view_principal", "opened_view", ["principal"])


def downgrade() -> None:
    op.drop_table("opened_view")
    op.drop_table("failed_answer")
