"""decisions name their two records in the order of their numbers, as pairs do"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    # An `unmerge` kept some the other way round, and so without the weight of their pair: that of now stands in for it.
    op.execute(
        sa.text(
            'UPDATE decision SET "left" = "right", "right" = "left",'
            " left_content = right_content, right_content = left_content,"
            " weight = coalesce(weight, (SELECT p.weight FROM pair p"
            ' WHERE p."left" = decision."right" AND p."right" = decision."left"))'
            ' WHERE "left" > "right"'
        )
    )


def downgrade() -> None:
    pass
