"""streams to which too much would be written at once"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    op.create_table(
        "write_hold",
        *(sa.Column(name, words, nullable=False) for name in ("source", "stream")),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("confirmed_by", words, nullable=False),
        sa.PrimaryKeyConstraint("source", "stream"),
    )


def downgrade() -> None:
    op.drop_table("write_hold")
