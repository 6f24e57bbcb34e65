"""The desk: notes with mentions, labels, whose a conversation became, who is there, and the words
of all messages and notes, to be searched."""

from alembic import op

from db.migrations.access import ADMIN, CASEWORKER, STAFF, allow, protect
from db.migrations.audited import audited

revision = "0015"
down_revision = "0014"

TABLES = r"""
alter table public.clients
  -- Came back by itself from being snoozed, and nobody has looked after it since.
  add column woken_at timestamptz,
  -- Since when the conversation asks for somebody: by the person's message, or by coming back.
  add column due_since timestamptz generated always as (least(waiting_since, woken_at)) stored;
grant update (woken_at) on table public.clients to authenticated;
-- One index for each view of the inbox, in its order.
drop index public.clients_waiting_idx, public.clients_assigned_idx;
create index clients_due_idx on public.clients (due_since, id)
  where due_since is not null and status <> 'archived';
create index clients_free_idx on public.clients (due_since, id)
  where due_since is not null and status <> 'archived' and assigned_to is null;
create index clients_assigned_idx on public.clients
  (assigned_to, due_since, last_message_at desc nulls last, id) where assigned_to is not null;
create index clients_assigned_last_idx on public.clients
  (assigned_to, last_message_at desc nulls last, id);
create index clients_closing_idx on public.clients (last_inbound_at, id)
  where waiting_since is not null and status <> 'archived';

create table public.labels (
  id uuid primary key default gen_random_uuid(),
  name text not null check (char_length(name) between 1 and 40),
  -- One of the quiet tints, never a profile type's or a state's colour.
  colour text not null
    check (colour in ('green', 'violet', 'sand', 'blue', 'rose', 'olive')),
  created_by uuid references public.staff on delete set null,
  created_at timestamptz not null default now()
);
create unique index labels_name_key on public.labels (lower(name));
create index labels_created_by_idx on public.labels (created_by);

create table public.client_labels (
  client_id uuid not null references public.clients on delete cascade,
  label_id uuid not null references public.labels on delete cascade,
  added_by uuid references public.staff on delete set null,
  added_at timestamptz not null default now(),
  primary key (client_id, label_id)
);
create index client_labels_label_idx on public.client_labels (label_id, client_id);
create index client_labels_added_by_idx on public.client_labels (added_by);

-- What the team says to itself; the person never sees it.
create table public.client_notes (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients on delete cascade,
  author_id uuid references public.staff on delete set null,
  body text not null check (char_length(body) between 1 and 10000),
  created_at timestamptz not null default clock_timestamp()
);
create index client_notes_client_idx on public.client_notes (client_id, created_at, id);
create index client_notes_author_idx on public.client_notes (author_id);

create table public.note_mentions (
  note_id uuid not null references public.client_notes on delete cascade,
  staff_id uuid not null references public.staff on delete cascade,
  client_id uuid not null references public.clients on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz,
  primary key (note_id, staff_id)
);
create index note_mentions_staff_idx on public.note_mentions (staff_id, created_at desc, client_id);
create index note_mentions_unseen_idx on public.note_mentions (staff_id, client_id)
  where seen_at is null;
create index note_mentions_client_idx on public.note_mentions (client_id);

-- Whose the conversation became, in their order; clients.assigned_to is the last word.
create table public.assignments (
  id bigint generated always as identity primary key,
  client_id uuid not null references public.clients on delete cascade,
  -- Null: nobody's again.
  assigned_to uuid references public.staff on delete set null,
  assigned_from uuid references public.staff on delete set null,
  -- Null: the software, or somebody who is not on the staff any more.
  assigned_by uuid references public.staff on delete set null,
  -- By answering what was nobody's.
  by_answering boolean not null default false,
  -- What whoever hands over wants the other to know.
  note text check (char_length(note) between 1 and 2000),
  assigned_at timestamptz not null default clock_timestamp(),
  -- When the new owner opened the conversation. What one takes is seen.
  seen_at timestamptz
);
create index assignments_client_idx on public.assignments (client_id, assigned_at, id);
create index assignments_to_idx on public.assignments (assigned_to);
create index assignments_unseen_idx on public.assignments (assigned_to, client_id)
  where seen_at is null;
create index assignments_from_idx on public.assignments (assigned_from);
create index assignments_by_idx on public.assignments (assigned_by);

-- Who has a conversation open, and who is writing. Unlogged: after a crash everybody says so again
-- within half a minute.
create unlogged table public.presence (
  client_id uuid not null references public.clients on delete cascade,
  -- One open page of a browser.
  page text not null check (char_length(page) <= 64),
  staff_id uuid not null references public.staff on delete cascade,
  typing_at timestamptz,
  seen_at timestamptz not null default now(),
  primary key (client_id, page)
);
create index presence_staff_idx on public.presence (staff_id);
create index presence_seen_idx on public.presence (seen_at);

-- How the desk works for everybody. One row.
create table public.desk_settings (
  id boolean primary key default true check (id),
  -- Whether the person sees that a message was read, and that somebody is writing.
  read_receipts boolean not null default false,
  typing_indicator boolean not null default false,
  updated_by uuid references public.staff on delete set null,
  updated_at timestamptz not null default now()
);
create index desk_settings_updated_by_idx on public.desk_settings (updated_by);
"""

SEARCH = r"""
-- Words as they are searched: without accents and case, in whatever language.
create text search configuration app_private.words (copy = pg_catalog.simple);
do $$
declare home text := (
  select n.nspname from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'unaccent');
begin
  execute format(
    'alter text search configuration app_private.words'
    ' alter mapping for asciiword, word, numword, asciihword, hword, numhword, hword_asciipart,'
    ' hword_part, hword_numpart with %I.unaccent, pg_catalog.simple', home);
end $$;
create index messages_words_idx on public.messages
  using gin (to_tsvector('app_private.words', text)) where text is not null;
create index messages_sent_idx on public.messages (sent_at desc, seq desc) where text is not null;
create index client_notes_words_idx on public.client_notes
  using gin (to_tsvector('app_private.words', body));

-- As app_private.client_directory: the policies' condition stands inside, because @@ is not
-- leakproof and row-level security proper would keep it from the index.
create view app_private.message_words as
  select m.id, m.client_id, m.seq, m.sent_at, m.direction, m.type, m.text, m.target_id,
    m.phone_number_id, to_tsvector('app_private.words', m.text) as words
  from public.messages m
  where m.text is not null and (select app_private.may_read());
create view app_private.note_words as
  select n.id, n.client_id, n.author_id, n.body, n.created_at,
    to_tsvector('app_private.words', n.body) as words
  from public.client_notes n
  where (select app_private.may_read());
revoke all on app_private.message_words, app_private.note_words from public;
grant select on app_private.message_words, app_private.note_words
  to authenticated, service_role, app_backend;
"""

VIEW = r"""
create view app_private.client_directory as
  select {columns}, s.words
  from public.clients c left join public.client_search s on s.client_id = c.id
  where (select app_private.may_read());
revoke all on app_private.client_directory from public;
grant select on app_private.client_directory to authenticated, service_role, app_backend;
"""

#: Of a client as migration 0011 left it, in its order.
COLUMNS_BEFORE = (
    *("id", "name", "profile_name", "username", "profile_named_at", "display_name", "sort_name"),
    *("email", "passport_or_nie", "notes", "language", "profile_type", "profile_confidence"),
    *("profile_source", "profile_evidence", "status", "created_at", "updated_at"),
    *("last_message_at", "last_message_direction", "last_message_type", "last_message_preview"),
    *("last_inbound_at", "unread_count", "archived_at", "legal_hold", "assigned_to"),
    *("waiting_since", "snoozed_until", "window_closed_at"),
)

#: Of the columns above, what the log does not tell: the software's own.
UNTOLD = ("woken_at", "due_since")
#: As migration 0011 has it.
UNTOLD_BEFORE = (
    *("last_message_at", "last_message_direction", "last_message_type", "last_message_preview"),
    *("last_inbound_at", "unread_count", "updated_at", "profile_named_at", "profile_evidence"),
    *("display_name", "sort_name", "waiting_since", "window_closed_at"),
)

#: Their own row, or as a person of the team.
ME = "(select app_private.staff_id())"


def _tell(*untold: str) -> None:
    for change in ("insert", "update", "delete"):
        op.execute(f"drop trigger clients_audit_{change} on public.clients")
    op.execute(audited("clients", "id", "id", *untold, cheaply=True))


def _open() -> None:
    """What each may do with the new tables."""
    tables = ("labels", "client_labels", "client_notes", "note_mentions", "assignments")
    for table in (*tables, "presence", "desk_settings"):
        op.execute(protect(table))
        op.execute(allow(table, "select", STAFF))
    by_me = f"{CASEWORKER} and created_by = {ME}"
    op.execute(allow("labels", "insert", by_me, "name, colour, created_by"))
    op.execute(allow("labels", "update", CASEWORKER, "name, colour"))
    op.execute(allow("labels", "delete", CASEWORKER))
    by_me = f"{CASEWORKER} and added_by = {ME}"
    op.execute(allow("client_labels", "insert", by_me, "client_id, label_id, added_by"))
    op.execute(allow("client_labels", "delete", CASEWORKER))
    own = f"{CASEWORKER} and author_id = {ME}"
    op.execute(allow("client_notes", "insert", own, "client_id, author_id, body"))
    op.execute(allow("client_notes", "delete", own))
    of_own = (
        f"{CASEWORKER} and exists (select from public.client_notes n"
        f" where n.id = note_id and n.client_id = note_mentions.client_id and n.author_id = {ME})"
    )
    op.execute(allow("note_mentions", "insert", of_own, "note_id, staff_id, client_id"))
    op.execute(allow("note_mentions", "update", f"staff_id = {ME}", "seen_at"))
    op.execute(allow("assignments", "insert", f"{CASEWORKER} and assigned_by = {ME}"))
    op.execute(allow("assignments", "update", f"assigned_to = {ME}", "seen_at"))
    for action in ("insert", "update", "delete"):
        op.execute(allow("presence", action, f"staff_id = {ME} and {STAFF}"))
    op.execute(allow("desk_settings", "insert", ADMIN))
    op.execute(allow("desk_settings", "update", ADMIN))


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(SEARCH)
    op.execute("drop view app_private.client_directory")
    op.execute(VIEW.format(columns="c.*"))
    _open()
    _tell(*UNTOLD_BEFORE, *UNTOLD)
    op.execute(audited("labels", "id", ""))
    op.execute(audited("client_labels", "label_id", "client_id"))
    op.execute(audited("client_notes", "id", "client_id"))
    op.execute(audited("assignments", "id", "client_id", "seen_at", cheaply=True))
    op.execute(audited("desk_settings", "id", "", "updated_at"))


def downgrade() -> None:
    _tell(*UNTOLD_BEFORE)
    op.execute("drop view app_private.client_directory")
    op.execute("drop view app_private.message_words, app_private.note_words")
    op.execute("drop index public.messages_words_idx, public.messages_sent_idx")
    op.execute(
        "drop table public.desk_settings, public.presence, public.assignments,"
        " public.note_mentions, public.client_notes, public.client_labels, public.labels"
    )
    op.execute("drop text search configuration app_private.words")
    op.execute("""
    drop index public.clients_due_idx, public.clients_free_idx, public.clients_assigned_idx,
      public.clients_assigned_last_idx, public.clients_closing_idx;
    alter table public.clients drop column due_since, drop column woken_at;
    create index clients_assigned_idx on public.clients (assigned_to, waiting_since, id);
    create index clients_waiting_idx
      on public.clients (waiting_since, id) where waiting_since is not null;
    """)
    op.execute(VIEW.format(columns=", ".join(f"c.{name}" for name in COLUMNS_BEFORE)))
