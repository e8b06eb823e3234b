"""who must not come back, requests of people about their data, and who has to answer for each"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "suppressed",
        *(sa.Column(name, words, nullable=False) for name in ("hash", "kind", "request")),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("suppressed_request", "suppressed", ["request"])
    op.create_table(
        "request",
        *(sa.Column(name, words, nullable=False) for name in ("id", "kind", "customer", "state", "by", "language")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason", "subject")),
        *(sa.Column(name, number, nullable=False) for name in ("opened", "due")),
        *(sa.Column(name, number, nullable=True) for name in ("extended", "closed")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "receipt",
        *(sa.Column(name, words, nullable=False) for name in ("request", "recipient", "state", "note")),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("request", "recipient"),
    )


def downgrade() -> None:
    for name in ("receipt", "request", "suppressed"):
        op.drop_table(name)
