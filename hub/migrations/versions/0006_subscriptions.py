"""subscriptions, and what is sent for them"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sqlmodel.sql.sqltypes.AutoString()
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", TEXT, nullable=False),
        *(sa.Column(n, TEXT, nullable=False) for n in ("name", "principal", "role", "purpose", "types", "attributes")),
        *(sa.Column(n, TEXT, nullable=False) for n in ("url", "owner", "state", "reason")),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", BIG, nullable=True),
        sa.Column("failing_since", BIG, nullable=True),
        *(sa.Column(n, BIG, nullable=False) for n in ("next_at", "seq", "at")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("subscription", TEXT, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("customer", TEXT, nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("delivery_event", "delivery", ["subscription", "seq"], unique=True)
    op.create_index("delivery_next", "delivery", ["subscription", "status", "next_at"])
    op.create_index("delivery_customer", "delivery", ["subscription", "customer", "seq"])


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("subscription")
