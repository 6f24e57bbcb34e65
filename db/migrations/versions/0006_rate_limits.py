"""Rate limits that all processes share."""

from alembic import op

from db.migrations.access import protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # Unlogged: what was counted may be forgotten when the database itself falls over.
    op.execute("""
    create unlogged table public.rate_limits (
      rule text not null check (char_length(rule) <= 60),
      -- Of whom: a keyed digest, never an address or an e-mail itself.
      key_sha256 bytea not null check (octet_length(key_sha256) = 32),
      window_started_at timestamptz not null,
      hits integer not null,
      primary key (rule, key_sha256)
    );
    create index rate_limits_window_idx on public.rate_limits (window_started_at);
    """)
    op.execute(protect("rate_limits"))


def downgrade() -> None:
    op.execute("drop table public.rate_limits")
