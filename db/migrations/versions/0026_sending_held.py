"""What WhatsApp took and holds back; and taking a message back waits its turn, as sending does."""

from alembic import op

revision = "0026"
down_revision = "0025"

HELD = """
-- WhatsApp took the message and does not send it for now, for this reason, in its own words. It
-- counts while nothing more is heard of the message.
alter table public.message_sends
  add column held text check (held in ('held_for_quality_assessment', 'paused'));
"""

TAKING_BACK = r"""
-- Whoever sends a message holds its row here before the message itself, and so must whoever takes
-- it back: the other way round the two would wait for each other. Postgres lets only those hold a
-- row who may change it, and staff may not.
create function app_private.hold_send(message uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if current_setting('role', true) = 'authenticated' and not app_private.is_caseworker() then
    raise insufficient_privilege using message = 'only who may send takes back';
  end if;
  perform from public.message_sends s where s.message_id = message for update;
end $$;
revoke all on function app_private.hold_send(uuid) from public;
grant execute on function app_private.hold_send(uuid) to authenticated, app_backend;
"""


def upgrade() -> None:
    op.execute(HELD)
    op.execute(TAKING_BACK)


def downgrade() -> None:
    op.execute("drop function app_private.hold_send(uuid)")
    op.execute("alter table public.message_sends drop column held")
