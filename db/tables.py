"""The tables as queries see them. The migrations make them; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    FetchedValue,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata = MetaData()


def _uuid_key() -> Column[object]:
    return Column("id", Uuid, primary_key=True, server_default=FetchedValue())


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


staff = Table(
    "staff",
    metadata,
    _uuid_key(),
    Column("user_id", Uuid),
    Column("email", Text),
    Column("name", Text),
    Column("role", Text),
    Column("active", Boolean),
    _time("created_at"),
    _time("updated_at"),
    _time("invited_at"),
    Column("invited_by", Uuid),
    _time("deactivated_at"),
    Column("has_second_factor", Boolean),
)

staff_identities = Table(
    "staff_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("staff_id", Uuid),
    _time("linked_at"),
)

staff_preferences = Table(
    "staff_preferences",
    metadata,
    Column("staff_id", Uuid, primary_key=True),
    Column("language", Text),
    Column("theme", Text),
    Column("rail_collapsed", Boolean),
    Column("enter_sends", Boolean),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    _uuid_key(),
    Column("token_sha256", LargeBinary),
    Column("staff_id", Uuid),
    _time("created_at"),
    _time("last_seen_at"),
    _time("ended_at"),
    Column("address", Text),
    Column("user_agent", Text),
    Column("provider", Text),
    Column("tokens", LargeBinary),
    _time("tokens_expire_at"),
    _time("tokens_leased_until"),
    Column("assurance", SmallInteger),
    Column("awaits_second_factor", Boolean),
    Column("must_enrol", Boolean),
    Column("ended_by", Uuid),
    Column("ended_reason", Text),
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("state_sha256", LargeBinary, primary_key=True),
    Column("browser_sha256", LargeBinary),
    Column("provider", Text),
    Column("secrets", LargeBinary),
    Column("next_path", Text),
    _time("created_at"),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("key_sha256", LargeBinary, primary_key=True),
    _time("window_started_at"),
    Column("hits", Integer),
)


def _client_columns() -> list[Column[object]]:
    return [
        _uuid_key(),
        Column("name", Text),
        Column("profile_name", Text),
        Column("username", Text),
        _time("profile_named_at"),
        Column("display_name", Text),
        Column("sort_name", Text),
        Column("email", Text),
        Column("passport_or_nie", Text),
        Column("notes", Text),
        Column("language", Text),
        Column("profile_type", Text),
        Column("profile_confidence", Double),
        Column("profile_source", Text),
        Column("profile_evidence", JSONB),
        Column("status", Text),
        _time("created_at"),
        _time("updated_at"),
        _time("last_message_at"),
        Column("last_message_direction", Text),
        Column("last_message_type", Text),
        Column("last_message_preview", Text),
        _time("last_inbound_at"),
        Column("unread_count", Integer),
        _time("archived_at"),
        Column("legal_hold", Text),
        Column("assigned_to", Uuid),
        _time("waiting_since"),
        _time("snoozed_until"),
        _time("window_closed_at"),
        _time("woken_at"),
        _time("due_since"),
    ]


clients = Table("clients", metadata, *_client_columns())

#: The view that lists and searches clients; its own MetaData, because it is no table to migrate.
client_directory = Table(
    "client_directory",
    MetaData(),
    *_client_columns(),
    Column("words", Text),
    schema="app_private",
)

client_search = Table(
    "client_search",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("words", Text),
)

client_identities = Table(
    "client_identities",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("client_id", Uuid),
    Column("channel", Text),
    Column("kind", Text),
    Column("value", Text),
    _time("first_seen_at"),
    _time("retired_at"),
)

identity_conflicts = Table(
    "identity_conflicts",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("client_id", Uuid),
    Column("other_client_id", Uuid),
    Column("kind", Text),
    Column("value", Text),
    _time("seen_at"),
    _time("resolved_at"),
)

identity_changes = Table(
    "identity_changes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("previous", JSONB),
    Column("current", JSONB),
    Column("keys", ARRAY(Text)),
    _time("occurred_at"),
    _time("received_at"),
)

whatsapp_numbers = Table(
    "whatsapp_numbers",
    metadata,
    Column("phone_number_id", Text, primary_key=True),
    Column("display_phone_number", Text),
    _time("first_seen_at"),
    _time("last_delivery_at"),
    _time("stopped_at"),
    Column("stop_code", Integer),
    Column("stop_details", Text),
    _time("checked_at"),
    _time("paused_until"),
    Column("send_tokens", Double),
    _time("send_tokens_at"),
)

messages = Table(
    "messages",
    metadata,
    _uuid_key(),
    Column("seq", BigInteger),
    Column("client_id", Uuid),
    Column("phone_number_id", Text),
    Column("whatsapp_id", Text),
    Column("direction", Text),
    Column("type", Text),
    Column("text", Text),
    Column("payload", JSONB),
    _time("sent_at"),
    _time("received_at"),
    Column("status", Text),
    _time("status_at"),
    Column("error", JSONB),
    Column("quoted_id", Text),
    Column("target_id", Text),
    Column("historical", Boolean),
    Column("delivery_id", BigInteger),
)

message_media = Table(
    "message_media",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("client_id", Uuid),
    Column("media_id", Text),
    Column("mime_type", Text),
    Column("file_name", Text),
    Column("declared_sha256", Text),
    Column("state", Text),
    Column("storage_key", Text),
    Column("kept_type", Text),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
    Column("is_altered", Boolean),
    Column("width", Integer),
    Column("height", Integer),
    Column("seconds", Double),
    Column("attempts", Integer),
    _time("next_attempt_at"),
    _time("leased_until"),
    _time("expires_at"),
    _time("stored_at"),
    Column("problem", Text),
)

message_sends = Table(
    "message_sends",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("client_id", Uuid),
    Column("position", BigInteger),
    Column("phone_number_id", Text),
    Column("request", JSONB),
    Column("created_by", Uuid),
    Column("press", Uuid),
    Column("retry_of", Uuid),
    Column("attempts", Integer),
    _time("next_attempt_at"),
    Column("owner", Uuid),
    _time("leased_until"),
    _time("requested_at"),
    _time("finished_at"),
    Column("problem", Text),
    Column("uploaded_id", Text),
    _time("uploaded_at"),
    Column("held", Text),
)

message_statuses = Table(
    "message_statuses",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("phone_number_id", Text),
    Column("whatsapp_id", Text),
    Column("status", Text),
    _time("occurred_at"),
    Column("callback_data", Text),
    Column("error", JSONB),
    Column("payload", JSONB),
    _time("received_at"),
    Column("delivery_id", BigInteger),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("body", LargeBinary),
    Column("sha256", LargeBinary),
    _time("received_at"),
    Column("state", Text),
    Column("reason", Text),
    Column("attempts", Integer),
    _time("next_attempt_at"),
    _time("processed_at"),
    Column("items", Integer),
    Column("items_quarantined", Integer),
    _time("body_removed_at"),
)

webhook_items = Table(
    "webhook_items",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("delivery_id", BigInteger),
    Column("position", Integer),
    Column("field", Text),
    Column("state", Text),
    Column("code", Text),
    Column("reason", Text),
    Column("raw", Text),
    Column("attempts", Integer),
    _time("created_at"),
    _time("closed_at"),
    Column("closed_by", Uuid),
)

webhook_refusals = Table(
    "webhook_refusals",
    metadata,
    Column("day", Date, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger),
    _time("last_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _time("occurred_at"),
    Column("actor_kind", Text),
    Column("actor_id", Uuid),
    Column("actor_part", Text),
    Column("address", Text),
    Column("request_id", Text),
    Column("action", Text),
    Column("table_name", Text),
    Column("row_id", Text),
    Column("client_id", Uuid),
    Column("fields", ARRAY(Text)),
    Column("details", JSONB),
    Column("values_sha256", LargeBinary),
    Column("seal", BigInteger),
)

audit_values = Table(
    "audit_values",
    metadata,
    Column("entry_id", BigInteger, primary_key=True),
    Column("client_id", Uuid),
    Column("salt", Uuid),
    Column("old_values", JSONB),
    Column("new_values", JSONB),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _time("sealed_at"),
    Column("entries", Integer),
    Column("previous", LargeBinary),
    Column("hash", LargeBinary),
)

documents = Table(
    "documents",
    metadata,
    _uuid_key(),
    Column("client_id", Uuid),
    Column("storage_key", Text),
    Column("name", Text),
    Column("media_type", Text),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
    Column("uploaded_by", Uuid),
    _time("created_at"),
    Column("state", Text),
    Column("reviewed_by", Uuid),
    _time("reviewed_at"),
    Column("review_reason", Text),
    Column("message_id", Uuid),
)

drafts = Table(
    "drafts",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("staff_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("text", Text),
    Column("quoting", Uuid),
    _time("updated_at"),
)

storage_removals = Table(
    "storage_removals",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("storage_key", Text),
    Column("client_id", Uuid),
    _time("reserved_until"),
    Column("erasure_id", Uuid),
    _time("requested_at"),
    Column("attempts", Integer),
    _time("next_attempt_at"),
    _time("removed_at"),
    Column("problem", Text),
)

access_exports = Table(
    "access_exports",
    metadata,
    _uuid_key(),
    Column("client_id", Uuid),
    Column("requested_by", Uuid),
    _time("requested_at"),
    Column("state", Text),
    Column("progress", Double),
    Column("attempts", Integer),
    _time("leased_until"),
    _time("finished_at"),
    Column("size", BigInteger),
    _time("expires_at"),
    Column("problem", Text),
    Column("missing_documents", Integer),
)

access_export_parts = Table(
    "access_export_parts",
    metadata,
    Column("export_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("client_id", Uuid),
    Column("storage_key", Text),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
)

erasures = Table(
    "erasures",
    metadata,
    _uuid_key(),
    Column("client_id", Uuid),
    Column("requested_by", Uuid),
    Column("reason", Text),
    _time("requested_at"),
    Column("counts", JSONB),
    Column("mentions", JSONB),
    Column("leftovers", JSONB),
    Column("identifier_hmacs", ARRAY(LargeBinary)),
    _time("files_verified_at"),
    _time("rows_verified_at"),
    _time("rows_searched_at"),
    Column("search_table", Text),
    Column("search_block", BigInteger),
    Column("sought", LargeBinary),
    Column("unsearched", Integer),
    _time("client_since"),
    Column("open_deliveries", ARRAY(BigInteger)),
    Column("kept_deliveries", ARRAY(BigInteger)),
)

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("days", Integer),
    Column("active", Boolean),
    _time("updated_at"),
    Column("updated_by", Uuid),
    _time("last_run_at"),
    Column("last_removed", BigInteger),
    Column("run_removed", BigInteger),
    Column("run_after", Uuid),
)

message_templates = Table(
    "message_templates",
    metadata,
    _uuid_key(),
    Column("meta_id", Text),
    Column("name", Text),
    Column("language", Text),
    Column("language_key", Text),
    Column("category", Text),
    Column("correct_category", Text),
    Column("status", Text),
    Column("quality", Text),
    Column("parameter_format", Text),
    Column("components", JSONB),
    Column("rejected_reason", Text),
    _time("first_seen_at"),
    _time("synced_at"),
    _time("dirty_at"),
    _time("gone_at"),
)

template_syncs = Table(
    "template_syncs",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    _time("requested_at"),
    Column("requested_by", Uuid),
    _time("started_at"),
    _time("leased_until"),
    Column("found", Integer),
    _time("finished_at"),
    Column("attempts", Integer),
    _time("next_attempt_at"),
    Column("problem", Text),
)

canned_replies = Table(
    "canned_replies",
    metadata,
    _uuid_key(),
    Column("shortcut", Text),
    Column("title", Text),
    Column("texts", JSONB),
    Column("created_by", Uuid),
    _time("created_at"),
    Column("updated_by", Uuid),
    _time("updated_at"),
)

structured_messages = Table(
    "structured_messages",
    metadata,
    _uuid_key(),
    Column("title", Text),
    Column("kind", Text),
    Column("content", JSONB),
    Column("created_by", Uuid),
    _time("created_at"),
    Column("updated_by", Uuid),
    _time("updated_at"),
)

marketing_choices = Table(
    "marketing_choices",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("wants", Boolean),
    _time("said_at"),
)

labels = Table(
    "labels",
    metadata,
    _uuid_key(),
    Column("name", Text),
    Column("colour", Text),
    Column("created_by", Uuid),
    _time("created_at"),
)

client_labels = Table(
    "client_labels",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("label_id", Uuid, primary_key=True),
    Column("added_by", Uuid),
    _time("added_at"),
)

client_notes = Table(
    "client_notes",
    metadata,
    _uuid_key(),
    Column("client_id", Uuid),
    Column("author_id", Uuid),
    Column("body", Text),
    _time("created_at"),
)

note_mentions = Table(
    "note_mentions",
    metadata,
    Column("note_id", Uuid, primary_key=True),
    Column("staff_id", Uuid, primary_key=True),
    Column("client_id", Uuid),
    _time("created_at"),
    _time("seen_at"),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("client_id", Uuid),
    Column("assigned_to", Uuid),
    Column("assigned_from", Uuid),
    Column("assigned_by", Uuid),
    Column("by_answering", Boolean),
    Column("note", Text),
    _time("assigned_at"),
    _time("seen_at"),
)

presence = Table(
    "presence",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("page", Text, primary_key=True),
    Column("staff_id", Uuid),
    _time("typing_at"),
    _time("seen_at"),
)

desk_settings = Table(
    "desk_settings",
    metadata,
    Column("id", Boolean, primary_key=True),
    Column("read_receipts", Boolean),
    Column("typing_indicator", Boolean),
    Column("updated_by", Uuid),
    _time("updated_at"),
)

#: What the classifier looks for beside its own files.
own_keywords = Table(
    "own_keywords",
    metadata,
    _uuid_key(),
    Column("phrase", Text),
    Column("folded", Text),
    Column("language", Text),
    Column("profile_type", Text),
    Column("weight", Double),
    Column("created_by", Uuid),
    _time("created_at"),
    Column("updated_by", Uuid),
    _time("updated_at"),
)

#: What it does not look for although its files say so.
disabled_keywords = Table(
    "disabled_keywords",
    metadata,
    _uuid_key(),
    Column("language", Text),
    Column("keyword", Text),
    Column("disabled_by", Uuid),
    _time("disabled_at"),
)

#: The words of messages and notes, for the search; views, as `client_directory` is.
message_words = Table(
    "message_words",
    MetaData(),
    Column("id", Uuid),
    Column("client_id", Uuid),
    Column("seq", BigInteger),
    _time("sent_at"),
    Column("direction", Text),
    Column("type", Text),
    Column("text", Text),
    Column("target_id", Text),
    Column("phone_number_id", Text),
    Column("words", TSVECTOR),
    schema="app_private",
)

note_words = Table(
    "note_words",
    MetaData(),
    Column("id", Uuid),
    Column("client_id", Uuid),
    Column("author_id", Uuid),
    Column("body", Text),
    _time("created_at"),
    Column("words", TSVECTOR),
    schema="app_private",
)

analytics_rules = Table(
    "analytics_rules",
    metadata,
    Column("one", Boolean, primary_key=True),
    Column("timezone", Text),
    Column("hours", Text),
    _time("updated_at"),
)

working_days = Table(
    "working_days",
    metadata,
    Column("day", Date, primary_key=True),
    _time("opens_at"),
    _time("closes_at"),
    Column("seconds_before", BigInteger),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    _time("started_at"),
    _time("answered_at"),
    Column("working_seconds", BigInteger),
    _time("lapses_at"),
    Column("missed", Boolean),
)

analytics_days = Table(
    "analytics_days",
    metadata,
    Column("metric", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("profile", Text, primary_key=True),
    Column("whose", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("n", BigInteger),
)

analytics_deltas = Table(
    "analytics_deltas",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("metric", Text),
    Column("day", Date),
    Column("profile", Text),
    Column("whose", Text),
    Column("key", Text),
    Column("n", BigInteger),
)

analytics_queue = Table(
    "analytics_queue",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("day", Date),
    Column("client_id", Uuid),
    Column("moved", Boolean),
)

imports = Table(
    "imports",
    metadata,
    _uuid_key(),
    Column("requested_by", Uuid),
    Column("assurance", SmallInteger),
    Column("address", Text),
    Column("file_name", Text),
    Column("kind", Text),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
    Column("state", Text),
    Column("dry_run", Boolean),
    Column("reading", JSONB),
    Column("staged", JSONB(none_as_null=True)),
    Column("mapping", JSONB),
    Column("counts", JSONB),
    Column("phase", Text),
    Column("progress", Double),
    Column("problem", Text),
    Column("problem_row", Integer),
    Column("attempts", Integer),
    _time("leased_until"),
    Column("wants_cancel", Boolean),
    _time("created_at"),
    _time("judged_at"),
    _time("started_at"),
    _time("finished_at"),
    _time("undone_at"),
    Column("undone_by", Uuid),
    Column("undo_counts", JSONB(none_as_null=True)),
    _time("content_removed_at"),
)

import_chunks = Table(
    "import_chunks",
    metadata,
    Column("import_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", LargeBinary),
)

import_lines = Table(
    "import_lines",
    metadata,
    Column("import_id", Uuid, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("line", Text),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Uuid, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("result", Text),
    Column("problems", ARRAY(Text)),
    Column("other_row", Integer),
    Column("client_id", Uuid),
    _time("as_of"),
    Column("fields", ARRAY(Text)),
    Column("name", Text),
    Column("phone", Text),
    Column("email", Text),
    Column("passport_or_nie", Text),
    Column("notes", Text),
    Column("language", Text),
    Column("profile_type", Text),
    Column("before", JSONB),
    Column("kept", Boolean),
)

import_mappings = Table(
    "import_mappings",
    metadata,
    Column("signature", LargeBinary, primary_key=True),
    Column("columns", JSONB),
    _time("used_at"),
    Column("used_by", Uuid),
)

channel_checks = Table(
    "channel_checks",
    metadata,
    Column("phone_number_id", Text, primary_key=True),
    _time("next_check_at"),
    _time("leased_until"),
    _time("checked_at"),
    _time("answered_at"),
    Column("problem", Text),
    _time("problem_since"),
    Column("verified_name", Text),
    Column("name_status", Text),
    Column("status", Text),
    Column("quality", Text),
    Column("messaging_limit", Text),
    Column("throughput", Text),
    _time("delivery_seen_at"),
    Column("usual_pause", Double),
)
