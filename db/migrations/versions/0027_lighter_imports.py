"""Less work a client where many are written at once."""

from alembic import op

revision = "0027"
down_revision = "0026"

#: As 0017 made it, but for what is summed: clients of one kind count as one that counts for many.
COUNT_ALIKE = r"""
create or replace function app_private.count_clients() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  zone text := app_private.timezone();
  sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  insert into public.analytics_deltas (metric, day, profile, whose, key, n)
    select f.metric, f.day, f.profile, f.whose, f.key, sign * sum(alike.n)
    from (
      -- Everything that `people_facts` looks at.
      select (pg_catalog.array_agg(c::public.clients))[1] as one, count(*) as n
      from changed c
      group by c.status, c.profile_type, c.assigned_to, c.language, c.created_at,
        c.waiting_since is null, c.profile_source,
        case when c.profile_source = 'staff' then c.profile_evidence end
    ) alike cross join lateral app_private.people_facts(alike.one, zone) f group by 1, 2, 3, 4, 5;
  return null;
end $$;
"""
COUNT_EACH = r"""
create or replace function app_private.count_clients() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  zone text := app_private.timezone();
  sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  insert into public.analytics_deltas (metric, day, profile, whose, key, n)
    select f.metric, f.day, f.profile, f.whose, f.key, sign * count(*)
    from changed c cross join lateral app_private.people_facts(c, zone) f group by 1, 2, 3, 4, 5;
  return null;
end $$;
"""

ARCHIVING = """
drop trigger clients_note_archiving on public.clients;
create trigger clients_note_archiving before insert or update of status on public.clients
  for each row {when}execute function app_private.note_archiving();
"""


def upgrade() -> None:
    op.execute(COUNT_ALIKE)
    # Of others it would say what they say already.
    op.execute(
        ARCHIVING.format(when="when (new.status = 'archived' or new.archived_at is not null) ")
    )


def downgrade() -> None:
    op.execute(ARCHIVING.format(when=""))
    op.execute(COUNT_EACH)
