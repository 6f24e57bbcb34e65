"""There is always an active admin; nobody rewrites whose account a member of staff is, and nobody
takes up a session that has ended."""

from alembic import op

revision = "0009"
down_revision = "0008"

GUARD = r"""
-- Who stops being an active admin queues here before the row is locked: of two admins who demote
-- each other at the same moment, the second sees what the first has done.
create function app_private.queue_for_staff() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform pg_catalog.pg_advisory_xact_lock(7230114057);
  return null;
end $$;

-- Locking what it counts also ends a transaction whose snapshot is older than the other's commit.
create function app_private.keep_an_admin() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  acting text := coalesce(nullif(current_setting('role', true), 'none'), session_user::text);
  owner oid := (select c.relowner from pg_catalog.pg_class c
                where c.oid = 'public.staff'::pg_catalog.regclass);
begin
  -- The owner could drop this trigger as well, and may have to help somebody who is locked out.
  if pg_catalog.pg_has_role(acting, owner, 'member') then
    return null;
  end if;
  -- Who has never signed in may never come: they are none for somebody who has.
  perform from public.staff s where s.role = 'admin' and s.active
    and (s.user_id is not null or old.user_id is null) for no key update;
  if not found then
    raise exception using errcode = 'check_violation', constraint = 'staff_last_admin',
      message = 'somebody has to stay an active admin';
  end if;
  return null;
end $$;

create function app_private.note_staff_change() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.updated_at := pg_catalog.now();
  new.deactivated_at := case when not new.active
    then coalesce(old.deactivated_at, pg_catalog.now()) end;
  return new;
end $$;

-- A session's owner may end it, and so may write the column; whoever was shut out stays out.
create function app_private.stay_ended() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.ended_at := old.ended_at;
  return new;
end $$;

-- Whoever deactivates somebody, and by whatever means: no session comes back to life with them.
create function app_private.end_sessions() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.staff_sessions
    set ended_at = pg_catalog.now(), ended_reason = 'deactivated',
      ended_by = app_private.staff_id()
    where staff_id = new.id and ended_at is null;
  return null;
end $$;

-- Somebody's account at the provider was made anew: the next sign-in with their address ties the
-- entry to it. An admin's or the software's to decide, and nobody's for themself, so that an admin
-- who can sign in stays.
create function app_private.unlink_staff(person uuid) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  if current_setting('role', true) = 'authenticated'
    and (not app_private.is_admin() or person = app_private.staff_id()) then
    raise exception using errcode = 'insufficient_privilege', message = 'this takes another admin';
  end if;
  delete from public.staff_identities where staff_id = person;
  update public.staff set user_id = null, has_second_factor = false where id = person;
  return found;
end $$;

create trigger staff_sessions_stay_ended before update of ended_at on public.staff_sessions
  for each row when (old.ended_at is not null) execute function app_private.stay_ended();
create trigger staff_queue before update of role, active or delete on public.staff
  for each statement execute function app_private.queue_for_staff();
create trigger staff_note_change before update of name, role, active on public.staff
  for each row execute function app_private.note_staff_change();
create trigger staff_end_sessions after update of active on public.staff for each row
  when (old.active and not new.active) execute function app_private.end_sessions();
create trigger staff_keep_admin after update of role, active on public.staff for each row
  when (old.role = 'admin' and old.active and not (new.role = 'admin' and new.active))
  execute function app_private.keep_an_admin();
create trigger staff_keep_admin_deleted after delete on public.staff for each row
  when (old.role = 'admin' and old.active)
  execute function app_private.keep_an_admin();
"""

FUNCTIONS = (
    "queue_for_staff()",
    "keep_an_admin()",
    "note_staff_change()",
    "stay_ended()",
    "end_sessions()",
    "unlink_staff(uuid)",
)

#: What an admin may write. Not `user_id`, which would hand one person's account to another, nor the
#: address, which ties an account at the first sign-in.
NEW = "email, name, role, invited_at, invited_by"
CHANGED = "name, role, active, invited_at"


def upgrade() -> None:
    op.execute(GUARD)
    for name in FUNCTIONS:
        op.execute(f"revoke all on function app_private.{name} from public")
    op.execute(
        "grant execute on function app_private.unlink_staff(uuid) to authenticated, app_backend"
    )
    op.execute("revoke insert, update on table public.staff from authenticated")
    op.execute(f"grant insert ({NEW}), update ({CHANGED}) on table public.staff to authenticated")


def downgrade() -> None:
    op.execute("revoke insert, update on table public.staff from authenticated")
    op.execute("grant insert, update on table public.staff to authenticated")
    op.execute("drop trigger staff_sessions_stay_ended on public.staff_sessions")
    for trigger in ("keep_admin_deleted", "keep_admin", "end_sessions", "note_change", "queue"):
        op.execute(f"drop trigger staff_{trigger} on public.staff")
    for name in FUNCTIONS:
        op.execute(f"drop function app_private.{name}")
