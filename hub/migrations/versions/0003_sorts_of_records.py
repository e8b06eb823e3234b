"""sorts of records: customers, and what belongs to them; all that are there are customers"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    sort = sa.Column("sort", sqlmodel.sql.sqltypes.AutoString(), server_default="customer", nullable=False)
    op.add_column("record", sort)
