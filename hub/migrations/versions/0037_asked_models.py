"""what somebody wants done with a model"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for name in ("asked", "asked_by"):
        op.add_column("model", sa.Column(name, words, nullable=False, server_default=""))
    op.add_column("model", sa.Column("asked_at", number, nullable=True))


def downgrade() -> None:
    for name in ("asked_at", "asked_by", "asked"):
        op.drop_column("model", name)
