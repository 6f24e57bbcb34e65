"""Alembic runs this with the connection that `db.migrate` opened and locked."""

from alembic import context

from db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # Out of `public`, so that Supabase's REST interface never shows it.
    version_table_schema="app_private",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
