"""what happened with a record counted by month; who is in which segment; whether a row counts is told by its type"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0016"
down_revision = "0015"

KEYS = ("type", "channel", "state", "currency", "cost_currency")
NUMBERS = ("n", "seconds", "amount", "least", "most", "cost", "first", "last")


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    owner = ("owner_source", "owner_stream", "owner_key")
    op.drop_column("interaction", "counts")
    op.execute("UPDATE reading SET hash = ''")  # so that all rows are read, and counted, again
    op.create_table(
        "tally",
        *(sa.Column(name, words, nullable=False) for name in owner),
        sa.Column("month", sa.Integer(), nullable=False),
        *(sa.Column(name, words, nullable=False) for name in KEYS),
        *(sa.Column(name, number, nullable=False) for name in NUMBERS),
        sa.PrimaryKeyConstraint(*owner, "month", *KEYS),
    )
    op.create_table(
        "segment_member",
        sa.Column("segment", words, nullable=False),
        sa.Column("customer", words, nullable=False),
        sa.PrimaryKeyConstraint("segment", "customer"),
    )
    op.create_table(
        "segment_count",
        sa.Column("segment", words, nullable=False),
        sa.Column("day", words, nullable=False),
        sa.Column("n", number, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("segment", "day"),
    )


def downgrade() -> None:
    op.drop_table("segment_count")
    op.drop_table("segment_member")
    op.drop_table("tally")
    op.add_column("interaction", sa.Column("counts", sa.Integer(), nullable=False, server_default="1"))
