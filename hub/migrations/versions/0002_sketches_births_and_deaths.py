"""sketches, births and deaths: what is settled of a record knows its life; copied once, sketches are made when it is cleaned anew"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"

KEPT = "rid, type, recipe, landed, cells, forms, problems"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("standardised", schema=None) as batch_op:
        batch_op.drop_index("ix_standardised_recipe")
    op.rename_table("standardised", "standardised_before")
    if op.get_bind().dialect.name == "postgresql":  # there an index keeps its name, and names are for one each
        op.execute("ALTER INDEX standardised_pkey RENAME TO standardised_before_pkey")
    op.create_table(
        "standardised",
        sa.Column("rid", number, autoincrement=False, nullable=False),
        sa.Column("type", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("recipe", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("landed", number, autoincrement=False, nullable=False),
        sa.Column("born", number, autoincrement=False, nullable=False),
        sa.Column("died", number, autoincrement=False, nullable=True),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("forms", sa.Text(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rid"),
    )
    # a record that waits may have lost its birth or death meanwhile: its newest version then stands for it until it is settled
    op.execute(
        sa.text(
            f"INSERT INTO standardised ({KEPT}, born, died, sketch)"
            f" SELECT {', '.join('s.' + c for c in KEPT.split(', '))}, coalesce(r.born, s.landed),"
            " CASE WHEN s.alive = 1 THEN NULL ELSE coalesce(r.died, s.landed) END, :none"
            " FROM standardised_before s JOIN record r ON r.rid = s.rid ORDER BY s.rid"
        ).bindparams(sa.bindparam("none", b"", sa.LargeBinary()))
    )
    op.drop_table("standardised_before")
    with op.batch_alter_table("standardised", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_standardised_recipe"), ["recipe"], unique=False)
