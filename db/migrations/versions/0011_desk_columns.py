"""What the desk adds to clients, documents and messages: whose a conversation is, since when
somebody waits, what became of a document, and that templates are sent."""

from alembic import op

from db.migrations.audited import audited

revision = "0011"
down_revision = "0010"

COLUMNS = r"""
alter table public.clients
  -- Whose conversation it is. Null: nobody's yet.
  add column assigned_to uuid references public.staff on delete set null,
  -- The person's first message that nobody has answered. Null: nothing waits for us.
  add column waiting_since timestamptz,
  -- Out of the inbox until then, or until the person writes.
  add column snoozed_until timestamptz,
  -- WhatsApp refused a message as outside the 24 hours: its word against our clock. The window is
  -- open again with the next message that opens it.
  add column window_closed_at timestamptz;
create index clients_assigned_idx on public.clients (assigned_to, waiting_since, id);
create index clients_waiting_idx
  on public.clients (waiting_since, id) where waiting_since is not null;
create index clients_snoozed_idx
  on public.clients (snoozed_until) where snoozed_until is not null;
update public.clients set waiting_since = last_message_at
  where last_message_direction = 'inbound' and status <> 'archived';
grant update (assigned_to, waiting_since, snoozed_until) on table public.clients to authenticated;

alter table public.documents
  add column state text not null default 'new' check (state in ('new', 'accepted', 'rejected')),
  add column reviewed_by uuid references public.staff on delete set null,
  add column reviewed_at timestamptz,
  -- Why it was rejected, in the reviewer's words.
  add column review_reason text check (char_length(review_reason) <= 500),
  -- The message it came with, where it came by one.
  add column message_id uuid references public.messages on delete set null;
create index documents_state_idx on public.documents (state, created_at desc);
create index documents_reviewed_by_idx on public.documents (reviewed_by);
create unique index documents_message_key on public.documents (message_id);
-- Who reads a document may say what became of it, and nothing else about it.
grant update (state, reviewed_by, reviewed_at, review_reason)
  on table public.documents to authenticated;
create policy documents_update on public.documents for update to authenticated
  using ((select app_private.is_caseworker())) with check ((select app_private.is_caseworker()));

alter table public.messages drop constraint messages_type_check;
alter table public.messages add constraint messages_type_check check (type in (
  'text', 'image', 'video', 'audio', 'document', 'sticker', 'location', 'contacts', 'reaction',
  'interactive', 'button', 'template', 'order', 'system', 'edit', 'revoke', 'unsupported',
  'unknown'));
"""

VIEW = r"""
create view app_private.client_directory as
  select {columns}, s.words
  from public.clients c left join public.client_search s on s.client_id = c.id
  where (select app_private.may_read());
revoke all on app_private.client_directory from public;
grant select on app_private.client_directory to authenticated, service_role, app_backend;
"""

#: Of a client as migration 0002 has it, which is what the view showed before.
COLUMNS_BEFORE = (
    *("id", "name", "profile_name", "username", "profile_named_at", "display_name", "sort_name"),
    *("email", "passport_or_nie", "notes", "language", "profile_type", "profile_confidence"),
    *("profile_source", "profile_evidence", "status", "created_at", "updated_at"),
    *("last_message_at", "last_message_direction", "last_message_type", "last_message_preview"),
    *("last_inbound_at", "unread_count"),
)

#: Of the columns above, what the log does not tell: the software's own.
UNTOLD = ("waiting_since", "window_closed_at")
#: As migration 0004 has it.
UNTOLD_BEFORE = (
    *("last_message_at", "last_message_direction", "last_message_type", "last_message_preview"),
    *("last_inbound_at", "unread_count", "updated_at", "profile_named_at", "profile_evidence"),
    *("display_name", "sort_name"),
)


def _tell(*untold: str) -> None:
    for change in ("insert", "update", "delete"):
        op.execute(f"drop trigger clients_audit_{change} on public.clients")
    op.execute(audited("clients", "id", "id", *untold, cheaply=True))


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute("drop view app_private.client_directory")
    op.execute(VIEW.format(columns="c.*"))
    _tell(*UNTOLD_BEFORE, *UNTOLD)


def downgrade() -> None:
    _tell(*UNTOLD_BEFORE)
    op.execute("drop view app_private.client_directory")
    op.execute("""
    update public.messages set type = 'unknown' where type = 'template';
    alter table public.messages drop constraint messages_type_check;
    alter table public.messages add constraint messages_type_check check (type in (
      'text', 'image', 'video', 'audio', 'document', 'sticker', 'location', 'contacts', 'reaction',
      'interactive', 'button', 'order', 'system', 'edit', 'revoke', 'unsupported', 'unknown'));
    drop policy documents_update on public.documents;
    alter table public.documents drop column state, drop column reviewed_by,
      drop column reviewed_at, drop column review_reason, drop column message_id;
    alter table public.clients drop column assigned_to, drop column waiting_since,
      drop column snoozed_until, drop column window_closed_at;
    """)
    op.execute(VIEW.format(columns=", ".join(f"c.{name}" for name in COLUMNS_BEFORE)))
