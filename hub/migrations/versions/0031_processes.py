"""the steps with which processes started, and up to which change each was looked for"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "process_version",
        *(sa.Column(name, words, nullable=False) for name in ("process", "version")),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("process", "version"),
    )
    op.create_table(
        "process_mark",
        sa.Column("process", words, nullable=False),
        sa.Column("seq", number, nullable=False),
        sa.PrimaryKeyConstraint("process"),
    )


def downgrade() -> None:
    op.drop_table("process_mark")
    op.drop_table("process_version")
