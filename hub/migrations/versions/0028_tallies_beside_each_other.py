"""SQLite keeps the tallies of a record beside each other"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0028"
down_revision = "0027"

OWNER = ("owner_source", "owner_stream", "owner_key")
KEYS = ("type", "channel", "state", "currency", "cost_currency")
NUMBERS = ("n", "seconds", "amount", "least", "most", "cost", "first", "last")


def upgrade() -> None:
    _made_again(with_rowid=False)


def downgrade() -> None:
    _made_again(with_rowid=True)


def _made_again(*, with_rowid: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    words = sqlmodel.sql.sqltypes.AutoString()
    op.rename_table("tally", "tally_before")
    op.create_table(
        "tally",
        *(sa.Column(name, words, nullable=False) for name in OWNER),
        sa.Column("month", sa.Integer(), nullable=False),
        *(sa.Column(name, words, nullable=False) for name in KEYS),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in NUMBERS),
        sa.PrimaryKeyConstraint(*OWNER, "month", *KEYS),
        sqlite_with_rowid=with_rowid,
    )
    columns = ", ".join((*OWNER, "month", *KEYS, *NUMBERS))
    op.execute(
        f"INSERT INTO tally ({columns}) SELECT {columns} FROM tally_before ORDER BY {', '.join((*OWNER, 'month'))}"
    )
    op.drop_table("tally_before")
