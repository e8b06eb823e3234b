"""records that the hub makes in a source that lacks a customer"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "creation",
        sa.Column("id", number, autoincrement=False, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in ("token", "source", "stream")),
        sa.Column("rid", number, nullable=False),
        sa.Column("status", words, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", number, nullable=False),
        sa.Column("detail", words, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.Column("unsure", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("hashes", sa.Text(), nullable=True),
        sa.Column("key", words, nullable=True),
        sa.Column("made", number, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "stream", "rid", name="creation_for"),
    )
    op.create_index("creation_next", "creation", ["source", "stream", "status", "next_at"])
    op.create_index("creation_key", "creation", ["source", "stream", "key"])


def downgrade() -> None:
    op.drop_table("creation")
