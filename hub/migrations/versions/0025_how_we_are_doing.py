"""how we are doing, day by day"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0025"
down_revision = "0024"

KEYS = ("day", "measure", "what", "by", "currency")


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "performance",
        *(sa.Column(name, words, nullable=False) for name in KEYS),
        *(sa.Column(name, number, nullable=False) for name in ("n", "part", "seconds", "amount")),
        sa.PrimaryKeyConstraint(*KEYS),
    )


def downgrade() -> None:
    op.drop_table("performance")
