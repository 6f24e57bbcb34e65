"""The log tells who decided of a message that nobody knows of, and who let sending go on."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
    create trigger messages_audit_settled after update on public.messages for each row
      when (old.status = 'unknown' and new.status in ('delivered', 'failed')
        and old.whatsapp_id is null and new.whatsapp_id is null)
      execute function app_private.audit_row('id', 'client_id', 'status_at');
    create trigger whatsapp_numbers_audit_stop after update on public.whatsapp_numbers
      for each row when ((old.stopped_at is null) <> (new.stopped_at is null))
      execute function app_private.audit_row('phone_number_id', '', 'stop_details', 'checked_at',
        'paused_until', 'send_tokens', 'send_tokens_at', 'last_delivery_at');
    """)


def downgrade() -> None:
    op.execute("drop trigger messages_audit_settled on public.messages")
    op.execute("drop trigger whatsapp_numbers_audit_stop on public.whatsapp_numbers")
