"""how often a record was removed from a system since its customer left; records that were made, by their number"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("write_back", sa.Column("removals", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("creation_made", "creation", ["made"])


def downgrade() -> None:
    op.drop_index("creation_made", "creation")
    op.drop_column("write_back", "removals")
