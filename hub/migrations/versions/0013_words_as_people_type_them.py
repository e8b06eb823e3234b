"""words as people type them: counted, and found misspelt

Search terms are made anew, as they hold more now: `hub match --full` does it, which a hub of an older recipe needs anyway.
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "search_word",
        *(sa.Column(name, words, nullable=False) for name in ("token", "type", "attribute")),
        sa.Column("n", number, nullable=False),
        sa.PrimaryKeyConstraint("token", "type", "attribute"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_near",
        *(sa.Column(name, words, nullable=False) for name in ("near", "token")),
        sa.PrimaryKeyConstraint("near", "token"),
        sqlite_with_rowid=False,
    )
    op.execute("DELETE FROM search_term")


def downgrade() -> None:
    op.drop_table("search_near")
    op.drop_table("search_word")
