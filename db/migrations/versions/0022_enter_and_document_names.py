"""What the Enter key does while somebody writes, and documents that can be given another name."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute(
        "alter table public.staff_preferences add column enter_sends boolean not null default true"
    )
    op.execute("grant update (name) on table public.documents to authenticated")


def downgrade() -> None:
    op.execute("revoke update (name) on table public.documents from authenticated")
    op.execute("alter table public.staff_preferences drop column enter_sends")
