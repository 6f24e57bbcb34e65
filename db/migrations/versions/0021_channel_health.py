"""How the connection to WhatsApp is: what it says of our numbers when it is asked, and the messages
that did not arrive, found without reading all others."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect

revision = "0021"
down_revision = "0020"

HEALTH = r"""
-- What WhatsApp says of one of our numbers. The row is the job: it is asked again when it is time.
create table public.channel_checks (
  phone_number_id text primary key check (char_length(phone_number_id) <= 64),
  next_check_at timestamptz not null default now(),
  leased_until timestamptz,
  -- When it was last asked, and when it last answered with what we wanted to know.
  checked_at timestamptz,
  answered_at timestamptz,
  -- Why the last question was not answered, and since when that is so.
  problem text check (char_length(problem) <= 64),
  problem_since timestamptz,
  verified_name text check (char_length(verified_name) <= 200),
  name_status text check (char_length(name_status) <= 64),
  status text check (char_length(status) <= 64),
  quality text check (char_length(quality) <= 64),
  messaging_limit text check (char_length(messaging_limit) <= 64),
  throughput text check (char_length(throughput) <= 64),
  -- The newest delivery at that time, and how long this number is quiet now and then: the longest
  -- pause, which counts half as much after two weeks. A pause much longer than that is news.
  delivery_seen_at timestamptz,
  usual_pause double precision not null default 0
);

create index messages_not_arrived_idx on public.messages (sent_at desc, id)
  where direction = 'outbound' and not historical and type <> 'reaction'
    and status in ('failed', 'unknown', 'accepted', 'sent');
create index message_sends_requested_idx on public.message_sends (requested_at desc)
  where requested_at is not null;
"""


def upgrade() -> None:
    op.execute(HEALTH)
    op.execute(protect("channel_checks"))
    op.execute(allow("channel_checks", "select", ADMIN))
    op.execute(allow("channel_checks", "update", ADMIN, "next_check_at"))


def downgrade() -> None:
    op.execute("drop index public.message_sends_requested_idx")
    op.execute("drop index public.messages_not_arrived_idx")
    op.execute("drop table public.channel_checks")
