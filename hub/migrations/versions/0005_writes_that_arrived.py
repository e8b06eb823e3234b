"""which writes of the hub surely arrived, and the values of each: so that what a source makes of them later is known"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("write_log", sa.Column("parts", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column(
        "write_log", sa.Column("arrived", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("write_log", "arrived")
    op.drop_column("write_log", "parts")
