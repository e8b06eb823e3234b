"""every consumer of the outbox has a row of its own: name, view, position"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = "0008"

NAME = "'webhook ' || id"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    with op.batch_alter_table("position") as position:
        position.add_column(sa.Column("view", words, nullable=False, server_default=""))
    with op.batch_alter_table("position") as position:
        position.alter_column("view", existing_type=words, existing_nullable=False, server_default=None)
    op.execute(f'INSERT INTO position (name, "view", seq) SELECT {NAME}, role, seq FROM subscription')
    with op.batch_alter_table("subscription") as subscription:
        subscription.drop_column("seq")


def downgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("subscription") as subscription:
        subscription.add_column(sa.Column("seq", number, nullable=False, server_default="0"))
    op.execute(
        "UPDATE subscription SET seq = coalesce((SELECT p.seq FROM position p WHERE p.name = "
        "'webhook ' || subscription.id), 0)"
    )
    with op.batch_alter_table("subscription") as subscription:
        subscription.alter_column("seq", existing_type=number, existing_nullable=False, server_default=None)
    op.execute("DELETE FROM position WHERE name LIKE 'webhook %'")
    with op.batch_alter_table("position") as position:
        position.drop_column("view")
