"""what happened by its reference to an offer of a campaign"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    op.add_column("interaction", sa.Column("reference", words, nullable=False, server_default=""))
    some = sa.text("reference <> ''")
    op.create_index(
        "interaction_reference", "interaction", ["reference", "at"], sqlite_where=some, postgresql_where=some
    )


def downgrade() -> None:
    op.drop_index("interaction_reference", "interaction")
    op.drop_column("interaction", "reference")
