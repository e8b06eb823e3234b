"""what people agreed or objected to, by the name of a record"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    owner = ["owner_source", "owner_stream", "owner_key"]
    op.create_table(
        "consent",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in (*owner, "purpose", "channel", "state")),
        sa.Column("at", number, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in ("text", "how", "place")),
        sa.PrimaryKeyConstraint("rid"),
    )
    op.create_index("consent_owner", "consent", owner)
    op.create_index("consent_state", "consent", ["state"])


def downgrade() -> None:
    op.drop_table("consent")
