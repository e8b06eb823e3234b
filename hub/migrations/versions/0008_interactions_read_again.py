"""interactions: what figures are made of as columns; by what the rows of each stream were read

The rows are derived: they are dropped here, and read again from what landed.
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"

OWNER = ("type", "owner_source", "owner_stream", "owner_key")
INDEX = ["owner_source", "owner_stream", "owner_key", "at", "rid"]


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_table("interaction")
    op.create_table(
        "interaction",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in OWNER),
        sa.Column("at", number, nullable=False),
        sa.Column("channel", words, nullable=False),
        sa.Column("state", words, nullable=False),
        sa.Column("counts", sa.Integer(), nullable=False),
        sa.Column("seconds", number, nullable=False),
        sa.Column("amount", number, nullable=False),
        sa.Column("currency", words, nullable=False),
        sa.Column("cost", number, nullable=False),
        sa.Column("cost_currency", words, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rid"),
    )
    op.create_index("interaction_of", "interaction", INDEX)
    op.create_table(
        "reading",
        sa.Column("source", words, nullable=False),
        sa.Column("stream", words, nullable=False),
        sa.Column("hash", words, nullable=False),
        sa.Column("after", words, nullable=True),
        sa.PrimaryKeyConstraint("source", "stream"),
    )


def downgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_table("reading")
    op.drop_table("interaction")
    op.create_table(
        "interaction",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        *(sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=False) for name in OWNER),
        sa.Column("at", number, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rid"),
    )
    op.create_index("interaction_of", "interaction", INDEX)
