"""accounts and sessions of people, and who waits after wrong passwords; a key's holder is a system or staff"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "account",
        sa.Column("id", words, nullable=False),
        sa.Column("issuer", words, nullable=False),
        sa.Column("subject", words, nullable=False),
        sa.Column("name", words, nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("password", words, nullable=True),
        sa.Column("set_up", words, nullable=True),
        sa.Column("set_up_until", number, nullable=True),
        sa.Column("totp", words, nullable=True),
        sa.Column("totp_step", number, nullable=True),
        sa.Column("recovery", sa.Text(), nullable=False),
        sa.Column("created_at", number, nullable=False),
        sa.Column("created_by", words, nullable=False),
        sa.Column("disabled_at", number, nullable=True),
        sa.Column("signed_in_at", number, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("account_subject", "account", ["issuer", "subject"], unique=True)
    op.create_table(
        "session",
        sa.Column("id", words, nullable=False),
        sa.Column("account", words, nullable=False),
        sa.Column("role", words, nullable=False),
        sa.Column("started_at", number, nullable=False),
        sa.Column("seen_at", number, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("session_account", "session", ["account"])
    op.create_table(
        "wrong_try",
        sa.Column("who", words, nullable=False),
        sa.Column("count", number, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("who"),
    )
    op.execute("UPDATE api_key SET kind = 'staff' WHERE kind = 'user'")


def downgrade() -> None:
    op.execute("UPDATE api_key SET kind = 'user' WHERE kind = 'staff'")
    for table in ("wrong_try", "session", "account"):
        op.drop_table(table)
