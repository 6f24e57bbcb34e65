"""Who staff are to identity providers, invitations, and what a session needs of a provider."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect
from db.migrations.audited import audited

revision = "0005"
down_revision = "0004"

SIGN_IN = r"""
alter table public.staff
  add column invited_at timestamptz,
  add column invited_by uuid references public.staff on delete set null,
  add column deactivated_at timestamptz,
  -- A second factor is set up at the provider whose tokens reach the database.
  add column has_second_factor boolean not null default false;
create index staff_invited_by_idx on public.staff (invited_by);

-- One person, as each identity provider knows them. `staff.user_id` stays what row-level security
-- recognises: Supabase's id where there is one.
create table public.staff_identities (
  issuer text not null check (char_length(issuer) between 1 and 500),
  subject text not null check (char_length(subject) between 1 and 300),
  staff_id uuid not null references public.staff on delete cascade,
  linked_at timestamptz not null default now(),
  primary key (issuer, subject),
  unique (staff_id, issuer)
);
insert into public.staff_identities (issuer, subject, staff_id)
  select 'local', id::text, id from public.staff where user_id is not null;

alter table public.staff_sessions
  -- The key of the identity provider: local, supabase, oidc.
  add column provider text not null default 'local',
  -- The provider's tokens, encrypted with a key that only the app has.
  add column tokens bytea,
  add column tokens_expire_at timestamptz,
  -- Until then one process is exchanging them for fresh ones.
  add column tokens_leased_until timestamptz,
  -- 1: a password or what the provider took for one; 2: a second factor as well.
  add column assurance smallint not null default 1 check (assurance in (1, 2)),
  -- Opens nothing until the second factor has been given.
  add column awaits_second_factor boolean not null default false,
  -- There is no second factor yet, and one has to be set up first.
  add column must_enrol boolean not null default false,
  add column ended_by uuid references public.staff on delete set null,
  add column ended_reason text;
create index staff_sessions_ended_by_idx on public.staff_sessions (ended_by);
create index staff_sessions_open_idx on public.staff_sessions (staff_id, last_seen_at desc)
  where ended_at is null;

-- A round trip to an identity provider that has not come back yet. Used once.
create table public.sign_in_attempts (
  state_sha256 bytea primary key check (octet_length(state_sha256) = 32),
  -- The browser that began it holds the token of this digest.
  browser_sha256 bytea not null check (octet_length(browser_sha256) = 32),
  provider text not null,
  -- Verifier and nonce, encrypted.
  secrets bytea not null,
  next_path text not null check (char_length(next_path) <= 2000),
  created_at timestamptz not null default now()
);
create index sign_in_attempts_created_idx on public.sign_in_attempts (created_at);

-- Nobody needs a provider's tokens after the session that they were for, whoever ended it.
create function app_private.forget_tokens() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.tokens := null;
  new.tokens_expire_at := null;
  new.tokens_leased_until := null;
  return new;
end $$;
revoke all on function app_private.forget_tokens() from public;
-- A person ends a session in their own name, now and for what it is: none of it is theirs to say.
create function app_private.name_who_ended() returns trigger
language plpgsql set search_path = '' as $$
declare who uuid;
begin
  if current_setting('role', true) is distinct from 'authenticated' then
    return new;
  end if;
  who := app_private.staff_id();
  if who is null then
    return new;  -- theirs alone, as they deactivated themselves in this statement
  end if;
  if old.ended_at is null and new.ended_at is not null then
    new.ended_at := pg_catalog.now();
    new.ended_by := who;
    new.ended_reason := case
      when app_private.is_admin() and new.ended_reason in ('admin', 'deactivated')
        then new.ended_reason
      when new.staff_id = who then 'own' else 'admin' end;
  else
    new.ended_by := old.ended_by;
    new.ended_reason := old.ended_reason;
  end if;
  return new;
end $$;
revoke all on function app_private.name_who_ended() from public;
create trigger staff_sessions_name_who_ended
  before update of ended_at, ended_by, ended_reason on public.staff_sessions
  for each row execute function app_private.name_who_ended();
create trigger staff_sessions_forget_tokens before update on public.staff_sessions for each row
  when (new.ended_at is not null) execute function app_private.forget_tokens();
"""


#: Who somebody is to row-level security. Whoever has set up a second factor is nobody without it:
#: `assured` is what the token has to say.
HELPERS = r"""
create or replace function app_private.staff_role() returns text
language sql stable security definer set search_path = '' as $$
  select s.role from public.staff s
  where s.user_id = (select auth.uid()) and s.active {assured}
$$;
create or replace function app_private.staff_id() returns uuid
language sql stable security definer set search_path = '' as $$
  select s.id from public.staff s
  where s.user_id = (select auth.uid()) and s.active {assured}
$$;
"""
ASSURED = """
    and (not s.has_second_factor or
      nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal' = 'aal2')
"""


def upgrade() -> None:
    op.execute(SIGN_IN)
    op.execute(HELPERS.format(assured=ASSURED))
    for table in ("staff_identities", "sign_in_attempts"):
        op.execute(protect(table))
    op.execute(allow("staff_identities", "select", ADMIN))
    shown = "invited_at, invited_by, deactivated_at"
    op.execute(f"grant select ({shown}) on table public.staff to authenticated")
    # Sessions are listed and ended by their owner and by admins; never the token's digest.
    own = f"(staff_id = (select app_private.staff_id()) or {ADMIN})"
    shown = (
        "id, staff_id, created_at, last_seen_at, ended_at, address, user_agent, provider,"
        " assurance, awaits_second_factor, ended_by, ended_reason"
    )
    op.execute(f"grant select ({shown}) on table public.staff_sessions to authenticated")
    op.execute(
        "create policy staff_sessions_select on public.staff_sessions for select"
        f" to authenticated using {own}"
    )
    op.execute(allow("staff_sessions", "update", own, "ended_at, ended_by, ended_reason"))
    op.execute(audited("staff_identities", "staff_id", "", "subject"))
    op.execute("""
    create trigger staff_sessions_audit_ended after update on public.staff_sessions for each row
      when (old.ended_at is null and new.ended_at is not null)
      execute function app_private.audit_row('id', '', 'token_sha256', 'tokens',
        'tokens_expire_at', 'tokens_leased_until', 'address', 'user_agent', 'last_seen_at');
    """)


def downgrade() -> None:
    op.execute(HELPERS.format(assured=""))
    op.execute("drop trigger staff_sessions_audit_ended on public.staff_sessions")
    op.execute("drop trigger staff_sessions_forget_tokens on public.staff_sessions")
    op.execute("drop function app_private.forget_tokens()")
    op.execute("drop trigger staff_sessions_name_who_ended on public.staff_sessions")
    op.execute("drop function app_private.name_who_ended()")
    op.execute("drop policy staff_sessions_update on public.staff_sessions")
    op.execute("drop policy staff_sessions_select on public.staff_sessions")
    op.execute("revoke all on table public.staff_sessions from authenticated")
    op.execute("drop table public.sign_in_attempts, public.staff_identities")
    op.execute("""
    alter table public.staff_sessions drop column provider, drop column tokens,
      drop column tokens_expire_at, drop column tokens_leased_until, drop column assurance,
      drop column awaits_second_factor, drop column must_enrol,
      drop column ended_by, drop column ended_reason;
    drop index if exists public.staff_sessions_open_idx;
    alter table public.staff drop column invited_at, drop column invited_by,
      drop column deactivated_at, drop column has_second_factor;
    """)
