"""Retention of rejected documents and of the files of messages, once somebody switches it on."""

from alembic import op

revision = "0019"
down_revision = "0018"

RULES = """
alter table public.retention_rules drop constraint retention_rules_kind_check;
alter table public.retention_rules add constraint retention_rules_kind_check check (kind in
  ('webhook_deliveries', 'archived_clients', 'rejected_documents', 'message_media',
   'ended_sessions', 'rate_limits'));
create index documents_rejected_idx
  on public.documents (reviewed_at, id) where state = 'rejected';
"""
RULES_BEFORE = """
drop index public.documents_rejected_idx;
delete from public.retention_rules where kind in ('rejected_documents', 'message_media');
alter table public.retention_rules drop constraint retention_rules_kind_check;
alter table public.retention_rules add constraint retention_rules_kind_check check (kind in
  ('webhook_deliveries', 'archived_clients', 'ended_sessions', 'rate_limits'));
"""


def upgrade() -> None:
    op.execute(RULES)


def downgrade() -> None:
    op.execute(RULES_BEFORE)
