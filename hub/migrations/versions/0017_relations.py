"""how customers belong together, by the names of records"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    of, to = (["%s_source" % e, "%s_stream" % e, "%s_key" % e] for e in ("of", "to"))
    op.create_table(
        "relation",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        *(sa.Column(name, words, nullable=False) for name in ("type", *of, *to)),
        sa.Column("since", number, nullable=True),
        sa.Column("until", number, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rid"),
    )
    op.create_index("relation_of", "relation", of)
    op.create_index("relation_to", "relation", to)


def downgrade() -> None:
    op.drop_table("relation")
