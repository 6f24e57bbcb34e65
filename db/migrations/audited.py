"""Which tables tell the audit log of their changes: what a migration says beside `protect`."""


def audited(table: str, key: str, client: str, *untold: str, cheaply: bool = False) -> str:
    """Triggers that tell the log of every change of a table's rows.

    `key` names the column that stands for the row: an id, never anything personal, because entries
    outlive an erasure. `client` names the column with the client's id, or is empty. `untold`
    columns are in no entry, and an update of nothing else makes none; `cheaply` is for tables where
    that is what most updates are.
    """
    arguments = ", ".join(f"'{argument}'" for argument in (key, client, *untold))
    without = "array[" + ", ".join(f"'{column}'" for column in untold) + "]"
    condition = (
        f"when (to_jsonb(old) - {without} is distinct from to_jsonb(new) - {without})"
        if cheaply
        else ""
    )
    return f"""
    create trigger {table}_audit_insert after insert on public.{table}
      referencing new table as changed for each statement
      execute function app_private.audit_rows({arguments});
    create trigger {table}_audit_delete after delete on public.{table}
      referencing old table as changed for each statement
      execute function app_private.audit_rows({arguments});
    create trigger {table}_audit_update after update on public.{table} for each row {condition}
      execute function app_private.audit_row({arguments});
    """
