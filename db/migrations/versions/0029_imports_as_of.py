"""An import knows in which state it saw the clients that it changes."""

from alembic import op

revision = "0029"
down_revision = "0028"

AS_OF = r"""
-- `clients.updated_at` as the row was judged. A moment to compare it with would miss an edit that
-- had begun before the file was judged, and was there only afterwards.
alter table public.import_rows add column as_of timestamptz;
"""


def upgrade() -> None:
    op.execute(AS_OF)


def downgrade() -> None:
    op.execute("alter table public.import_rows drop column as_of")
