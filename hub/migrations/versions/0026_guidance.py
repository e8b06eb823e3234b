"""texts of guidance that were given"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "card_version",
        *(sa.Column(name, words, nullable=False) for name in ("card", "version", "title")),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("since", number, nullable=False),
        sa.PrimaryKeyConstraint("card", "version"),
    )


def downgrade() -> None:
    op.drop_table("card_version")
