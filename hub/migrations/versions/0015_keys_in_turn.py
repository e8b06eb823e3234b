"""keys that one holder was given in turn; keys narrower than their role"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    with op.batch_alter_table("api_key") as table:
        table.add_column(sa.Column("holder", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        table.add_column(sa.Column("scopes", sa.Text(), nullable=True))
    op.execute("UPDATE api_key SET holder = id")
    with op.batch_alter_table("api_key") as table:
        table.alter_column("holder", existing_type=sa.String(), nullable=False)
        table.create_index("ix_api_key_holder", ["holder"])


def downgrade() -> None:
    with op.batch_alter_table("api_key") as table:
        table.drop_index("ix_api_key_holder")
        table.drop_column("scopes")
        table.drop_column("holder")
