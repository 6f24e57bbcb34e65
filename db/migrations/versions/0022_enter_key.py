"""What the Enter key does while somebody writes: it sends, or it begins a new line."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute(
        "alter table public.staff_preferences add column enter_sends boolean not null default true"
    )


def downgrade() -> None:
    op.execute("alter table public.staff_preferences drop column enter_sends")
