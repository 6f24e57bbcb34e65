"""Roles, helpers of row-level security, staff and their sessions.

Works on plain Postgres and where Supabase made its roles and its `auth` schema before: what is
missing is created, what is there is never replaced.
"""

from alembic import op

from db.migrations.access import ADMIN, STAFF, allow, protect

revision = "0001"
down_revision = None

ROLES = r"""
do $$
declare r text;
begin
  foreach r in array array['anon', 'authenticated', 'service_role', 'app_backend'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = r) then
      begin
        execute format('create role %I nologin', r);
      exception when duplicate_object or unique_violation then
        null;  -- another database of this cluster is being migrated at the same moment
      end;
    end if;
  end loop;
  begin
    if not (select rolbypassrls from pg_catalog.pg_roles where rolname = 'service_role') then
      alter role service_role bypassrls;
    end if;
  exception when insufficient_privilege then
    raise notice 'service_role is left without BYPASSRLS';
  end;
  if not pg_catalog.pg_has_role('app_backend', 'authenticated', 'member') then
    if current_setting('server_version_num')::int >= 160000 then
      execute 'grant authenticated to app_backend with inherit false, set true';
    else
      alter role app_backend noinherit;
      grant authenticated to app_backend;
    end if;
  end if;
end $$;

-- Runaway statements end by themselves; SET ROLE does not bring a role's own settings along.
do $$
begin
  alter role app_backend set statement_timeout = '30s';
  alter role app_backend set idle_in_transaction_session_timeout = '60s';
exception when insufficient_privilege then
  raise notice 'app_backend is left without time limits';
end $$;
"""

AUTH = r"""
do $$
begin
  if pg_catalog.to_regnamespace('auth') is null then
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role, app_backend;
  end if;
  if pg_catalog.to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable as $f$
      select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      )::uuid
    $f$;
  end if;
end $$;
"""

EXTENSIONS = r"""
create schema if not exists extensions;
grant usage on schema extensions to authenticated, service_role, app_backend;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists unaccent with schema extensions;

-- unaccent() is only STABLE, because its dictionary could be swapped; ours never is. The schema
-- is looked up because an extension that was installed before stays where it is.
do $$
declare home text := (
  select n.nspname from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'unaccent');
begin
  execute format($f$
    create function app_private.normalise(value text) returns text
    language sql immutable strict parallel safe set search_path = '' as
    'select pg_catalog.lower(%I.unaccent(''%I.unaccent''::regdictionary, value))'
  $f$, home, home);
end $$;
grant usage on schema app_private to authenticated, service_role, app_backend;
revoke all on function app_private.normalise(text) from public;
grant execute on function app_private.normalise(text) to authenticated, service_role, app_backend;
"""

STAFF_TABLES = r"""
create table public.staff (
  id uuid primary key default gen_random_uuid(),
  -- The identity provider's `sub`. No foreign key: auth.users is not ours and may not exist.
  user_id uuid unique,
  email text not null check (char_length(email) between 3 and 320),
  name text not null check (char_length(name) between 1 and 200),
  role text not null check (role in ('admin', 'caseworker', 'viewer')),
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index staff_email_key on public.staff (lower(email));

create table public.staff_preferences (
  staff_id uuid primary key references public.staff on delete cascade,
  language text not null default 'es' check (language in ('es', 'en')),
  theme text not null default 'auto' check (theme in ('auto', 'light', 'dark')),
  rail_collapsed boolean not null default false
);

-- The browser holds a random token; only its SHA-256 is kept.
create table public.staff_sessions (
  id uuid primary key default gen_random_uuid(),
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  staff_id uuid not null references public.staff on delete cascade,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  ended_at timestamptz,
  address text,
  user_agent text
);
create index staff_sessions_staff_id_idx on public.staff_sessions (staff_id);
"""

HELPERS = r"""
create function app_private.staff_role() returns text
language sql stable security definer set search_path = '' as $$
  select s.role from public.staff s
  where s.user_id = (select auth.uid()) and s.active
$$;
create function app_private.is_staff() returns boolean
language sql stable set search_path = '' as $$
  select app_private.staff_role() is not null
$$;
create function app_private.is_caseworker() returns boolean
language sql stable set search_path = '' as $$
  select coalesce(app_private.staff_role() in ('admin', 'caseworker'), false)
$$;
create function app_private.is_admin() returns boolean
language sql stable set search_path = '' as $$
  select coalesce(app_private.staff_role() = 'admin', false)
$$;
create function app_private.staff_id() returns uuid
language sql stable security definer set search_path = '' as $$
  select s.id from public.staff s
  where s.user_id = (select auth.uid()) and s.active
$$;
-- The software's own roles see everything; a person must be active staff.
create function app_private.may_read() returns boolean
language sql stable set search_path = '' as $$
  select current_user in ('app_backend', 'service_role') or app_private.is_staff()
$$;
"""

#: What everybody on the staff sees of each other.
SHOWN = "id, user_id, name, role, active, created_at, updated_at"
STAFF_EMAILS = r"""
-- What one signs in with is between a person, the admins and the software. In app_private, which no
-- REST interface shows.
create view app_private.staff_emails as
  select s.id, s.email from public.staff s
  where (select current_user in ('app_backend', 'service_role') or app_private.is_admin());
revoke all on app_private.staff_emails from public;
grant select on app_private.staff_emails to authenticated, service_role, app_backend;
"""

FUNCTIONS = ("staff_role", "is_staff", "is_caseworker", "is_admin", "staff_id", "may_read")


def upgrade() -> None:
    op.execute(ROLES)
    # So that the app can tell at start whether it fits the schema.
    op.execute("grant select on app_private.alembic_version to app_backend")
    op.execute("alter table app_private.alembic_version enable row level security")
    op.execute("drop policy if exists alembic_version_backend on app_private.alembic_version")
    op.execute(
        "create policy alembic_version_backend on app_private.alembic_version"
        " for select to app_backend using (true)"
    )
    op.execute(AUTH)
    op.execute(EXTENSIONS)
    op.execute(STAFF_TABLES)
    op.execute(HELPERS)
    for name in FUNCTIONS:
        op.execute(f"revoke all on function app_private.{name}() from public")
        op.execute(
            f"grant execute on function app_private.{name}()"
            " to authenticated, service_role, app_backend"
        )
    for table in ("staff", "staff_preferences", "staff_sessions"):
        op.execute(protect(table))
    op.execute(STAFF_EMAILS)
    op.execute(allow("staff", "select", STAFF, SHOWN))
    op.execute(allow("staff", "insert", ADMIN))
    op.execute(allow("staff", "update", ADMIN))
    own = "staff_id = (select app_private.staff_id())"
    op.execute(allow("staff_preferences", "select", own))
    op.execute(allow("staff_preferences", "insert", own))
    op.execute(allow("staff_preferences", "update", own))


def downgrade() -> None:
    op.execute("drop view app_private.staff_emails")
    op.execute("drop table public.staff_sessions, public.staff_preferences, public.staff")
    for name in reversed(FUNCTIONS):
        op.execute(f"drop function app_private.{name}()")
    op.execute("drop function app_private.normalise(text)")
