"""source_state: when a source was pulled last, what failed, whether it is paused"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "source_state",
        sa.Column("source", words, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("started", "ended", "reconciled")),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", words, nullable=False),
        sa.Column("nudged", number, nullable=False),
        sa.Column("wait_until", number, nullable=False),
        sa.Column("paused_at", number, nullable=True),
        sa.Column("paused_by", words, nullable=False),
        sa.Column("paused_why", words, nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    op.drop_table("source_state")
