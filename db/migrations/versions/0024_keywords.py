"""What the classifier looks for beside its own files, and what of these it does not."""

from alembic import op

from db.migrations.access import ADMIN, STAFF, allow, protect
from db.migrations.audited import audited

revision = "0024"
down_revision = "0023"

KEYWORDS = r"""
create table public.own_keywords (
  id uuid primary key default gen_random_uuid(),
  phrase text not null check (char_length(phrase) between 1 and 60),
  -- The phrase as it is compared; one character of it can be several.
  folded text not null unique check (char_length(folded) between 2 and 2000),
  -- Null: any.
  language text check (language ~ '^[a-z]{2,3}$'),
  profile_type text not null
    check (profile_type in ('ASYLUM', 'ARRAIGO', 'STUDENT', 'IRREGULAR')),
  -- How sure one may be of the type on this keyword alone.
  weight double precision not null check (weight > 0 and weight < 1),
  created_by uuid references public.staff on delete set null,
  created_at timestamptz not null default now(),
  updated_by uuid references public.staff on delete set null,
  updated_at timestamptz not null default now()
);
create index own_keywords_created_by_idx on public.own_keywords (created_by);
create index own_keywords_updated_by_idx on public.own_keywords (updated_by);

-- A built-in keyword that is switched off, by its entry in the files. What a newer file has no
-- longer switches nothing off.
create table public.disabled_keywords (
  id uuid primary key default gen_random_uuid(),
  language text not null check (language ~ '^[a-z]{2,3}$'),
  keyword text not null check (char_length(keyword) between 1 and 200),
  disabled_by uuid references public.staff on delete set null,
  disabled_at timestamptz not null default now(),
  unique (language, keyword)
);
create index disabled_keywords_disabled_by_idx on public.disabled_keywords (disabled_by);
"""

_WRITTEN = "phrase, folded, language, profile_type, weight, updated_by"


def upgrade() -> None:
    op.execute(KEYWORDS)
    for table in ("own_keywords", "disabled_keywords"):
        op.execute(protect(table))
        op.execute(allow(table, "select", STAFF))
        op.execute(allow(table, "delete", ADMIN))
    op.execute(allow("own_keywords", "insert", ADMIN, f"id, created_by, {_WRITTEN}"))
    op.execute(allow("own_keywords", "update", ADMIN, f"{_WRITTEN}, updated_at"))
    op.execute(allow("disabled_keywords", "insert", ADMIN, "id, language, keyword, disabled_by"))
    untold = ("folded", "created_by", "created_at", "updated_by", "updated_at")
    op.execute(audited("own_keywords", "id", "", *untold))
    op.execute(audited("disabled_keywords", "id", "", "disabled_by", "disabled_at"))


def downgrade() -> None:
    op.execute("drop table public.disabled_keywords, public.own_keywords")
