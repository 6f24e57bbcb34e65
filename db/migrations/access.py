"""Row-level security in one place: what a migration says when it makes a table.

A table is made with `protect`, which leaves it closed to everybody but the runtime role and
Supabase's `service_role`, and is opened to staff with `allow`. Every check is wrapped in
`(select ...)`, which Postgres evaluates once a statement and not once a row.
"""

from typing import Literal

#: Who among the signed-in: any active member of staff, those who may change files, admins.
STAFF = "(select app_private.is_staff())"
CASEWORKER = "(select app_private.is_caseworker())"
ADMIN = "(select app_private.is_admin())"


def protect(table: str) -> str:
    """Close a new table of schema public, and the sequences behind its identity columns: these
    need no grant, and default privileges may have given one."""
    return f"""
    revoke all on table public.{table} from public, anon, authenticated;
    grant select, insert, update, delete on table public.{table} to app_backend, service_role;
    do $$ declare owned regclass; begin
      for owned in select d.objid::regclass from pg_catalog.pg_depend d
        join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'S'
        where d.refobjid = 'public.{table}'::regclass loop
        execute format('revoke all on sequence %s from public, anon, authenticated', owned);
      end loop;
    end $$;
    alter table public.{table} enable row level security;
    create policy {table}_backend on public.{table} for all to app_backend
      using (true) with check (true);
    """  # noqa: S608 - names of tables, written in the migrations


def allow(
    table: str,
    action: Literal["select", "insert", "update", "delete"],
    condition: str,
    columns: str = "",
) -> str:
    """Open one action on a table to signed-in people who meet `condition`.

    `columns` narrows it to some columns; a delete takes them all.
    """
    checks = {
        "select": f"using ({condition})",
        "delete": f"using ({condition})",
        "insert": f"with check ({condition})",
        "update": f"using ({condition}) with check ({condition})",
    }[action]
    narrowed = f" ({columns})" if columns else ""
    return f"""
    grant {action}{narrowed} on table public.{table} to authenticated;
    create policy {table}_{action} on public.{table} for {action} to authenticated {checks};
    """
