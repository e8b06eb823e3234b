"""what happened with customers, by the name of its owner"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    names = ("type", "owner_source", "owner_stream", "owner_key")
    op.create_table(
        "interaction",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in names),
        sa.Column("at", number, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rid"),
    )
    columns = ["owner_source", "owner_stream", "owner_key", "at", "rid"]
    op.create_index("interaction_of", "interaction", columns)


def downgrade() -> None:
    op.drop_table("interaction")
