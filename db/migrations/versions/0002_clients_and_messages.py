"""Clients, their identities, their conversations, and the search over them."""

from alembic import op

from db.migrations.access import ADMIN, CASEWORKER, STAFF, allow, protect

revision = "0002"
down_revision = "0001"

CLIENTS = r"""
create table public.clients (
  id uuid primary key default gen_random_uuid(),
  -- What the staff call the person; WhatsApp's profile name never overwrites it.
  name text check (char_length(name) <= 300),
  profile_name text,
  username text,
  -- When WhatsApp last told the two names above; an older message does not bring old names back.
  profile_named_at timestamptz,
  display_name text generated always as
    (coalesce(nullif(name, ''), nullif(profile_name, ''))) stored,
  sort_name text generated always as
    (app_private.normalise(coalesce(nullif(name, ''), nullif(profile_name, ''), ''))) stored,
  email text check (char_length(email) <= 320),
  passport_or_nie text check (char_length(passport_or_nie) <= 50),
  notes text,
  language text check (char_length(language) <= 16),
  profile_type text not null default 'OTHER'
    check (profile_type in ('ASYLUM', 'ARRAIGO', 'STUDENT', 'IRREGULAR', 'OTHER')),
  profile_confidence double precision check (profile_confidence between 0 and 1),
  -- Null: nobody and nothing has judged yet.
  profile_source text check (profile_source in ('classifier', 'staff', 'import')),
  profile_evidence jsonb not null default '[]',
  status text not null default 'active' check (status in ('active', 'inactive', 'archived')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Kept beside the facts so that the list sorts and filters by one index.
  last_message_at timestamptz,
  last_message_direction text check (last_message_direction in ('inbound', 'outbound')),
  last_message_type text,
  last_message_preview text,
  -- The person's last message that opens the 24-hour window.
  last_inbound_at timestamptz,
  unread_count integer not null default 0 check (unread_count >= 0)
) with (fillfactor = 85);

create unique index clients_email_key on public.clients (lower(email));
create index clients_last_message_idx on public.clients (last_message_at desc nulls last, id);
create index clients_status_idx on public.clients (status, last_message_at desc nulls last, id);
create index clients_profile_idx
  on public.clients (profile_type, last_message_at desc nulls last, id);
create index clients_name_idx on public.clients (sort_name, id);
create index clients_profile_name_idx on public.clients (profile_type, sort_name, id);
create index clients_created_idx on public.clients (created_at desc, id);

create table public.client_identities (
  id bigint generated always as identity primary key,
  client_id uuid not null references public.clients on delete cascade,
  channel text not null default 'whatsapp' check (channel = 'whatsapp'),
  -- phone: E.164 with +; wa_id: WhatsApp's digits; bsuid, parent_bsuid: business-scoped user ids.
  kind text not null check (kind in ('phone', 'wa_id', 'bsuid', 'parent_bsuid')),
  value text not null check (char_length(value) between 1 and 200),
  first_seen_at timestamptz not null default now(),
  -- Set when WhatsApp said that the identity moved on; messages from before still find the client.
  retired_at timestamptz
);
create unique index client_identities_value_key
  on public.client_identities (channel, kind, value) where retired_at is null;
create index client_identities_any_value_idx on public.client_identities (kind, value);
create index client_identities_client_idx on public.client_identities (client_id, kind);

-- Identifiers that WhatsApp ties to two clients. People decide.
create table public.identity_conflicts (
  id bigint generated always as identity primary key,
  client_id uuid not null references public.clients on delete cascade,
  other_client_id uuid not null references public.clients on delete cascade,
  kind text not null,
  value text not null,
  seen_at timestamptz not null default now(),
  resolved_at timestamptz,
  unique (client_id, other_client_id, kind, value)
);
create index identity_conflicts_other_idx on public.identity_conflicts (other_client_id);

-- WhatsApp's word that somebody's identity became another, when neither was a client yet: messages
-- arrive in any order, and the change must not be forgotten before they come.
create table public.identity_changes (
  id bigint generated always as identity primary key,
  previous jsonb not null,
  current jsonb not null,
  keys text[] not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null default now()
);
create index identity_changes_keys_idx on public.identity_changes using gin (keys);
"""

SEARCH = r"""
-- One normalised text per client: names, e-mail, NIE or passport, username, phones. Apart from
-- `clients`, because every message updates a client and would rewrite the trigram index with it.
create table public.client_search (
  client_id uuid primary key references public.clients on delete cascade,
  words text not null
);
do $$
declare home text := (
  select n.nspname from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
begin
  execute format(
    'create index client_search_words_idx on public.client_search'
    ' using gin (words %I.gin_trgm_ops)', home);
end $$;

create function app_private.index_clients(ids uuid[]) returns void
language sql security definer set search_path = '' as $$
  insert into public.client_search (client_id, words)
  select c.id, app_private.normalise(concat_ws(' ',
           c.name, c.profile_name, c.username, c.email,
           pg_catalog.regexp_replace(c.passport_or_nie, '[^[:alnum:]]', '', 'g'), i.phones))
  from public.clients c
  left join lateral (
    select pg_catalog.string_agg(distinct i.value, ' ') as phones
    from public.client_identities i
    where i.client_id = c.id and i.kind in ('phone', 'wa_id')
  ) i on true
  where c.id = any (ids)
  on conflict (client_id) do update set words = excluded.words
  where client_search.words is distinct from excluded.words
$$;
revoke all on function app_private.index_clients(uuid[]) from public;

create function app_private.index_new_clients() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform app_private.index_clients((select pg_catalog.array_agg(id) from changed));
  return null;
end $$;
create function app_private.index_changed_identities() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform app_private.index_clients((select pg_catalog.array_agg(distinct client_id) from changed));
  return null;
end $$;
create function app_private.index_changed_client() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform app_private.index_clients(array[new.id]);
  return null;
end $$;
revoke all on function app_private.index_new_clients() from public;
revoke all on function app_private.index_changed_identities() from public;
revoke all on function app_private.index_changed_client() from public;

create trigger clients_index_new after insert on public.clients
  referencing new table as changed for each statement
  execute function app_private.index_new_clients();
create trigger clients_index_changed after update on public.clients for each row
  when ((old.name, old.profile_name, old.username, old.email, old.passport_or_nie)
        is distinct from (new.name, new.profile_name, new.username, new.email, new.passport_or_nie))
  execute function app_private.index_changed_client();
create trigger client_identities_index_new after insert on public.client_identities
  referencing new table as changed for each statement
  execute function app_private.index_changed_identities();
create trigger client_identities_index_deleted after delete on public.client_identities
  referencing old table as changed for each statement
  execute function app_private.index_changed_identities();

-- The list and its search. The policies' condition stands inside the view, beside the caller's
-- filters: under row-level security proper, Postgres must not use a trigram index, because LIKE
-- is not leakproof. It lies in app_private, which no REST interface shows.
create view app_private.client_directory as
  select c.*, s.words
  from public.clients c left join public.client_search s on s.client_id = c.id
  where (select app_private.may_read());
revoke all on app_private.client_directory from public;
grant select on app_private.client_directory to authenticated, service_role, app_backend;
"""

MESSAGES = r"""
create table public.whatsapp_numbers (
  phone_number_id text primary key check (char_length(phone_number_id) <= 64),
  display_phone_number text,
  first_seen_at timestamptz not null default now(),
  last_delivery_at timestamptz not null default now()
);

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  -- Order of arrival; after sent_at it decides the order of the conversation.
  seq bigint generated always as identity,
  client_id uuid not null references public.clients on delete cascade,
  phone_number_id text not null,
  whatsapp_id text check (char_length(whatsapp_id) <= 512),
  direction text not null check (direction in ('inbound', 'outbound')),
  type text not null check (type in (
    'text', 'image', 'video', 'audio', 'document', 'sticker', 'location', 'contacts', 'reaction',
    'interactive', 'button', 'order', 'system', 'edit', 'revoke', 'unsupported', 'unknown')),
  text text,
  payload jsonb not null default '{}',
  sent_at timestamptz not null,
  received_at timestamptz not null default now(),
  status text not null check (status in ('received', 'queued', 'sending', 'unknown', 'accepted',
    'sent', 'delivered', 'read', 'played', 'failed')),
  status_at timestamptz,
  error jsonb,
  quoted_id text,
  -- The message that a reaction, an edit or a revocation belongs to.
  target_id text,
  historical boolean not null default false,
  -- Where it came from. No foreign key: raw deliveries are purged earlier than messages.
  delivery_id bigint,
  unique (phone_number_id, whatsapp_id)
);
create index messages_timeline_idx on public.messages (client_id, sent_at desc, seq desc);
create index messages_target_idx
  on public.messages (client_id, target_id) where target_id is not null;

-- Every status WhatsApp ever reported, also for messages we do not know (yet).
create table public.message_statuses (
  id bigint generated always as identity primary key,
  phone_number_id text not null,
  whatsapp_id text not null check (char_length(whatsapp_id) <= 512),
  status text not null check (char_length(status) <= 64),
  occurred_at timestamptz,
  callback_data text,
  error jsonb,
  payload jsonb not null default '{}',
  received_at timestamptz not null default now(),
  delivery_id bigint,
  unique nulls not distinct (phone_number_id, whatsapp_id, status, occurred_at)
);

-- Statuses arrive in any order, so the state is the highest one seen. A failure outranks `sent`,
-- and a later `delivered` outranks the failure; the error stays readable either way.
create function app_private.status_rank(status text) returns integer
language sql immutable strict parallel safe set search_path = '' as $$
  select case status
    when 'queued' then 0 when 'sending' then 10 when 'unknown' then 15 when 'accepted' then 20
    when 'sent' then 30 when 'failed' then 35 when 'delivered' then 40 when 'read' then 50
    when 'played' then 60 end
$$;
revoke all on function app_private.status_rank(text) from public;
grant execute on function app_private.status_rank(text) to authenticated, service_role, app_backend;
"""

TABLES = (
    "clients",
    "client_identities",
    "identity_conflicts",
    "identity_changes",
    "client_search",
    "whatsapp_numbers",
    "messages",
    "message_statuses",
)


#: What staff write into a file, all of it told by the audit log but for the last two. What messages
#: move along, and what the classifier found, is the software's.
WRITTEN = (
    "name, email, passport_or_nie, notes, language, profile_type, profile_source,"
    " profile_confidence"
)
CHANGED = f"{WRITTEN}, status, updated_at, unread_count"


def upgrade() -> None:
    op.execute(CLIENTS)
    op.execute(SEARCH)
    op.execute(MESSAGES)
    for table in TABLES:
        op.execute(protect(table))
    for table in TABLES:
        if table not in ("client_search", "identity_changes"):
            op.execute(allow(table, "select", STAFF))
    op.execute(allow("clients", "insert", CASEWORKER, WRITTEN))
    op.execute(allow("clients", "update", CASEWORKER, CHANGED))
    op.execute(allow("clients", "delete", ADMIN))
    op.execute(allow("client_identities", "insert", CASEWORKER))
    op.execute(allow("client_identities", "update", CASEWORKER))
    op.execute(allow("identity_conflicts", "update", CASEWORKER, "resolved_at"))


def downgrade() -> None:
    op.execute("drop view app_private.client_directory")
    op.execute("drop table public.message_statuses, public.messages, public.whatsapp_numbers")
    op.execute("drop table public.client_search, public.identity_changes")
    op.execute("drop table public.identity_conflicts")
    op.execute("drop table public.client_identities, public.clients")
    op.execute("drop function app_private.status_rank(text)")
    for name in ("index_new_clients", "index_changed_identities", "index_changed_client"):
        op.execute(f"drop function app_private.{name}()")
    op.execute("drop function app_private.index_clients(uuid[])")
