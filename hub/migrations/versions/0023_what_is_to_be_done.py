"""claims, assignments and comments of all that is to be done, not of reviews alone; interactions by type and state"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0023"
down_revision = "0022"

HELD = "claimed_by, claimed_until, assigned_to, due"


def upgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "work_hold",
        sa.Column("topic", words, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("left", "right")),
        *(sa.Column(name, words, nullable=False) for name in ("claimed_by", "assigned_to")),
        *(sa.Column(name, number, nullable=True) for name in ("claimed_until", "due", "stood_at")),
        *(sa.Column(name, words, nullable=False) for name in ("state", "reason", "next_step", "stood_by")),
        sa.PrimaryKeyConstraint("topic", "left", "right"),
    )
    op.create_table(
        "work_note",
        sa.Column("id", number, nullable=False),
        sa.Column("topic", words, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("left", "right")),
        sa.Column("by", words, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.Column("text", words, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        f'INSERT INTO work_hold (topic, "left", "right", {HELD}, state, reason, next_step, stood_by)'
        f" SELECT 'review', \"left\", \"right\", {HELD}, '', '', '', '' FROM review_hold"
    )
    op.execute(
        'INSERT INTO work_note (id, topic, "left", "right", "by", at, "text")'
        ' SELECT id, \'review\', "left", "right", "by", at, "text" FROM review_note'
    )
    for name, columns in (("left", ["left"]), ("right", ["right"]), ("assigned", ["assigned_to"])):
        op.create_index(f"work_hold_{name}", "work_hold", columns)
    op.create_index("work_note_pair", "work_note", ["left", "right"])
    op.create_index("work_note_right", "work_note", ["right"])
    op.drop_table("review_note")
    op.drop_table("review_hold")
    op.create_index("interaction_listed", "interaction", ["type", "state", "at", "rid"])


def downgrade() -> None:
    words = sqlmodel.sql.sqltypes.AutoString()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_index("interaction_listed", "interaction")
    op.create_table(
        "review_hold",
        *(sa.Column(name, number, nullable=False) for name in ("left", "right")),
        *(sa.Column(name, words, nullable=False) for name in ("claimed_by", "assigned_to")),
        *(sa.Column(name, number, nullable=True) for name in ("claimed_until", "due")),
        sa.PrimaryKeyConstraint("left", "right"),
    )
    op.create_table(
        "review_note",
        sa.Column("id", number, nullable=False),
        *(sa.Column(name, number, nullable=False) for name in ("left", "right")),
        sa.Column("by", words, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.Column("text", words, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        f'INSERT INTO review_hold ("left", "right", {HELD})'
        f' SELECT "left", "right", {HELD} FROM work_hold WHERE topic = \'review\''
    )
    op.execute(
        'INSERT INTO review_note (id, "left", "right", "by", at, "text")'
        ' SELECT id, "left", "right", "by", at, "text" FROM work_note WHERE topic = \'review\''
    )
    op.create_index("review_hold_right", "review_hold", ["right"])
    op.create_index("review_note_pair", "review_note", ["left", "right"])
    op.create_index("review_note_right", "review_note", ["right"])
    op.drop_table("work_note")
    op.drop_table("work_hold")
