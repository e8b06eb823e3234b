"""which act set a value by hand: an undo takes back also what was withdrawn and given back since"""

import json

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column(
        "override", sa.Column("origin", sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default="")
    )
    connection = op.get_bind()
    made = sa.text('UPDATE "override" SET origin = :act WHERE id = :id')
    for act, inputs in connection.execute(sa.text("SELECT id, inputs FROM act")).fetchall():
        for number in json.loads(inputs).get("overrides", ()):
            connection.execute(made, {"act": act, "id": number})
    op.create_index("override_origin", "override", ["origin"])
    op.create_index("decision_origin", "decision", ["origin"])


def downgrade() -> None:
    op.drop_index("decision_origin", "decision")
    op.drop_index("override_origin", "override")
    op.drop_column("override", "origin")
