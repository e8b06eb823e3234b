"""since when a source is looked after"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("source_state") as state:
        state.add_column(sa.Column("seen", number, nullable=False, server_default="0"))
    with op.batch_alter_table("source_state") as state:
        state.alter_column("seen", existing_type=number, existing_nullable=False, server_default=None)
    op.execute("UPDATE source_state SET seen = started")


def downgrade() -> None:
    op.drop_column("source_state", "seen")
