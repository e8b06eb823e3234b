"""the review queue as it was ranked last"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "review_item",
        *(sa.Column(name, number, nullable=False) for name in ("left", "right")),
        sa.Column("kind", words, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("number", "place")),
        sa.Column("type", words, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("one", "two")),
        sa.Column("weight", number, nullable=True),
        *(sa.Column(name, number, nullable=False) for name in ("values", "deliveries")),
        sa.PrimaryKeyConstraint("left", "right", "kind", "number"),
    )
    op.create_index("review_item_place", "review_item", ["place", "left", "right"], unique=False)
    op.create_index("review_item_one", "review_item", ["one"], unique=False)
    op.create_table(
        "review_ranked",
        sa.Column("id", number, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("review_ranked")
    op.drop_table("review_item")
