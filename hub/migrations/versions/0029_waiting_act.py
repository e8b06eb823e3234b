"""acts that wait until a second person agrees"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "waiting_act",
        *(sa.Column(name, words, nullable=False) for name in ("id", "by", "reason", "verdict", "settled_by", "act")),
        sa.Column("pairs", sa.Text(), nullable=False),
        sa.Column("at", number, nullable=False),
        sa.Column("settled_at", number, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("waiting_act")
