"""Notes in the order of time, for the search in all of them."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("create index client_notes_created_idx on public.client_notes (created_at desc)")


def downgrade() -> None:
    op.execute("drop index public.client_notes_created_idx")
