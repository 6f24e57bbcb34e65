"""Erasing somebody waits for what is being sent to them, and for the news of it."""

from alembic import op

revision = "0028"
down_revision = "0027"

HOLD = r"""
-- Whoever sends, or hears of what was sent, holds the place in the queue, then the message, and
-- then the client for what is counted. Erasing takes hold of the client and deletes the rest, and
-- so has to hold the rest first: the other way round the two would wait for each other. Whoever
-- quotes one of these messages holds the client already, and needs them to stay, no more.
create function app_private.hold_messages_of(client uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if current_setting('role', true) = 'authenticated' and not app_private.is_admin() then
    raise insufficient_privilege using message = 'only an admin erases';
  end if;
  perform from public.message_sends s where s.client_id = client order by s.position for update;
  perform from public.messages m where m.client_id = client order by m.id for no key update;
end $$;
revoke all on function app_private.hold_messages_of(uuid) from public;
grant execute on function app_private.hold_messages_of(uuid) to authenticated, app_backend;
"""


def upgrade() -> None:
    op.execute(HOLD)


def downgrade() -> None:
    op.execute("drop function app_private.hold_messages_of(uuid)")
