"""customers of a type, in order of id"""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_index("customer_type_id", "customer", ["type", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("customer_type_id", "customer")
