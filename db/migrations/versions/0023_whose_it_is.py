"""What tells whose something is. To an import a document is one only if it can be told from others,
and an undo leaves out whoever's former e-mail or phone is somebody else's by now. The numbers tell
who has sent messages: days with any are counted anew."""

from alembic import op

revision = "0023"
down_revision = "0022"

#: A NIE or passport as it is compared, however its letters and digits are set apart. "No tiene" or
#: "-" stands in many rows, and makes nobody the same person. Without a setting of its own the
#: function becomes part of the query that calls it.
DOCUMENT_KEY = r"""
create function app_private.document_key(value text) returns text
language sql immutable parallel safe as $$
  select case
    when value !~ '[1-9]' then null
    when value ~ '[^a-zA-Z0-9]' then case
      when pg_catalog.length(pg_catalog.regexp_replace(value, '[^a-zA-Z0-9]', '', 'g')) >= 5
      then pg_catalog.upper(pg_catalog.regexp_replace(value, '[^a-zA-Z0-9]', '', 'g')) end
    when pg_catalog.length(value) >= 5 then pg_catalog.upper(value) end
$$;
revoke all on function app_private.document_key(text) from public;
grant execute on function app_private.document_key(text) to authenticated, app_backend;
"""

#: Whether what an import replaced cannot be given back.
GIVEN_AWAY = r"""
create function app_private.is_given_away(client uuid, fields text[], before jsonb)
returns boolean language sql stable security definer set search_path = '' as $$
  select ('email' = any (fields) and exists (
      select from public.clients o
      where lower(o.email) = lower(before ->> 'email') and o.id <> client))
    or ('phone' = any (fields) and exists (
      select from public.client_identities i
      join public.client_identities o on o.channel = i.channel and o.client_id <> client
        and o.retired_at is null and (o.kind, o.value) in
          (('phone', i.value), ('wa_id', pg_catalog.substr(i.value, 2)))
      where i.client_id = client and i.id in (
        select v::bigint from pg_catalog.jsonb_array_elements_text(
          coalesce(before -> 'retired', '[]')) v)))
$$;
revoke all on function app_private.is_given_away(uuid, text[], jsonb) from public;
"""

_PLAIN = "upper(pg_catalog.regexp_replace({}.passport_or_nie, '[^[:alnum:]]', '', 'g'))"
#: Functions that stay as they are but for a condition: what it was, and what it is.
_UNDO = "undo_import(uuid, integer, integer)"
CHANGES = (
    (
        _UNDO,
        "'phone' = any (r.fields)))));",
        "'phone' = any (r.fields)))) and not app_private.is_given_away(c.id, r.fields, r.before));",
    ),
    # That somebody waits to be counted holds nobody.
    (
        _UNDO,
        "not in ('public.client_search'::regclass, 'public.client_identities'::regclass)",
        "not in ('public.client_search'::regclass, 'public.client_identities'::regclass,"
        " 'public.analytics_queue'::regclass)",
    ),
    (
        "forget_imported()",
        f"(r.passport_or_nie is not null\n          and {_PLAIN.format('r')}\n"
        f"            = {_PLAIN.format('old')})",
        "app_private.document_key(r.passport_or_nie)"
        " = app_private.document_key(old.passport_or_nie)",
    ),
)
CHANGE = r"""
do $do$
declare made text := pg_catalog.pg_get_functiondef(
  'app_private.{function}'::pg_catalog.regprocedure);
begin
  if pg_catalog.strpos(made, $old${old}$old$) = 0 then
    raise exception '{function} is not as it was';
  end if;
  execute pg_catalog.replace(made, $old${old}$old$, $new${new}$new$);
end $do$;
"""


COUNT_SENT = """
insert into public.analytics_queue (day)
  select distinct app_private.local_day(m.sent_at) from public.messages m
  join public.message_sends s on s.message_id = m.id and s.created_by is not null
"""


def upgrade() -> None:
    op.execute(DOCUMENT_KEY)
    op.execute(GIVEN_AWAY)
    for function, old, new in CHANGES:
        op.execute(CHANGE.format(function=function, old=old, new=new))
    op.execute(COUNT_SENT)


def downgrade() -> None:
    op.execute("delete from public.analytics_days where metric = 'sent'")
    for function, old, new in CHANGES:
        op.execute(CHANGE.format(function=function, old=new, new=old))
    op.execute("drop function app_private.is_given_away(uuid, text[], jsonb)")
    op.execute("drop function app_private.document_key(text)")
