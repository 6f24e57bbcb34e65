"""Names of tables, fields and parts of the software, for people who know neither."""

from ui.i18n import N_, _

#: Tables that the log tells of.
TABLES = {
    "clients": N_("Files"),
    "client_identities": N_("Numbers and identifiers"),
    "identity_conflicts": N_("Identifiers of two people"),
    "messages": N_("Messages"),
    "documents": N_("Documents"),
    "message_media": N_("Files of messages"),
    "client_notes": N_("Notes of the team"),
    "client_labels": N_("Labels of files"),
    "labels": N_("Labels"),
    "assignments": N_("Assignments"),
    "desk_settings": N_("Settings of the desk"),
    "access_exports": N_("Copies of a person's data"),
    "erasures": N_("Erasures"),
    "retention_rules": N_("Retention periods"),
    "canned_replies": N_("Quick replies"),
    "structured_messages": N_("Messages with buttons or a list"),
    "own_keywords": N_("Keywords of the organisation"),
    "disabled_keywords": N_("Keywords that are switched off"),
    "staff": N_("Team"),
    "staff_identities": N_("Accounts of the team"),
    "staff_sessions": N_("Sessions of the team"),
    "webhook_items": N_("WhatsApp deliveries"),
    "imports": N_("Imports"),
    "analytics_days": N_("Numbers of the dashboard"),
    "audit_log": N_("Activity log"),
    "audit_seals": N_("Seals of the activity log"),
}

#: Kinds of doing, as the filter offers them.
KINDS = {
    "reading": N_("Looked at or searched"),
    "changes": N_("Changed something"),
    "copies": N_("Took a copy out"),
    "access": N_("Signed in, or was refused"),
    "other": N_("Anything else"),
}

_FIELDS = {
    "id": N_("Identifier"),
    "name": N_("Name"),
    "profile_name": N_("Name on WhatsApp"),
    "username": N_("WhatsApp user name"),
    "email": N_("E-mail"),
    "passport_or_nie": N_("Passport or NIE"),
    "notes": N_("Notes"),
    "language": N_("Language"),
    "profile_type": N_("Profile type"),
    "profile_confidence": N_("Confidence in the profile"),
    "profile_source": N_("Who chose the profile"),
    "status": N_("Status"),
    "archived_at": N_("Archived"),
    "legal_hold": N_("Legal hold"),
    "created_at": N_("Created"),
    "client_id": N_("Client"),
    "other_client_id": N_("The other client"),
    "kind": N_("Kind"),
    "value": N_("Number or identifier"),
    "channel": N_("Channel"),
    "first_seen_at": N_("First seen"),
    "retired_at": N_("No longer in use since"),
    "text": N_("Text"),
    "type": N_("Type"),
    "payload": N_("Content"),
    "direction": N_("Direction"),
    "role": N_("Role"),
    "active": N_("Active"),
    "size": N_("Size"),
    "media_type": N_("Format"),
    "state": N_("State"),
    "days": N_("Days"),
    "shortcut": N_("Shortcut"),
    "title": N_("Title"),
    "texts": N_("Texts"),
    "content": N_("Content"),
    "phrase": N_("Word or phrase"),
    "weight": N_("Weight"),
    "keyword": N_("Keyword"),
    "reason": N_("Reason"),
    "sent_at": N_("Sent"),
    "received_at": N_("Received"),
    "uploaded_by": N_("Uploaded by"),
    "reviewed_by": N_("Reviewed by"),
    "reviewed_at": N_("Reviewed"),
    "review_reason": N_("Why it was rejected"),
    "message_id": N_("Message"),
    "invited_at": N_("Invited"),
    "deactivated_at": N_("Deactivated"),
    "assigned_to": N_("Assigned to"),
    "assigned_from": N_("Assigned before to"),
    "assigned_by": N_("Assigned by"),
    "assigned_at": N_("Assigned"),
    "by_answering": N_("By answering"),
    "snoozed_until": N_("Snoozed until"),
    "body": N_("Text"),
    "note": N_("Note"),
    "author_id": N_("Author"),
    "colour": N_("Colour"),
    "label_id": N_("Label"),
    "added_by": N_("Added by"),
    "added_at": N_("Added"),
    "created_by": N_("Created by"),
    "updated_by": N_("Updated by"),
    "read_receipts": N_("Read receipts"),
    "typing_indicator": N_("Typing indicator"),
}

_PARTS = {
    "webhook": N_("WhatsApp's delivery"),
    "sign-in": N_("The sign-in"),
    "api": N_("The interface for programs"),
    "command": N_("A command on the server"),
    "service_role": N_("Supabase's service key"),
    "app_backend": N_("The program"),
    "audit": N_("The program"),
    "access-exports": N_("The copies of people's data"),
    "export-expiry": N_("The copies of people's data"),
    "erasure-proof": N_("The erasure of files"),
    "retention": N_("The removal of what is no longer kept"),
    "removals": N_("The storage of files"),
    "files": N_("The storage of files"),
    "media": N_("The fetching of files from WhatsApp"),
    "sessions": N_("Sessions that run out"),
    "audit-verification": N_("The program"),
    "refusals": N_("The program"),
    "imports": N_("The import of lists"),
}

_DETAILS = {
    "found": N_("Found"),
    "import": N_("Import"),
    "format": N_("Kind of file"),
    "searched": N_("With a search"),
    "narrowed": N_("Only the people behind a number"),
    "profile_types": N_("Profile types"),
    "statuses": N_("Statuses"),
    "label": N_("Label"),
    "shown": N_("Shown"),
    "inbox": N_("View of the inbox"),
    "page": N_("Page"),
    "entries": N_("Entries"),
    "seals": N_("Seals"),
    "problems": N_("Problems"),
    "head": N_("Newest seal"),
    "permission": N_("Permission that was missing"),
    "operation": N_("What was asked"),
    "reason": N_("Reason"),
    "attempts": N_("Attempts"),
    "items": N_("Items shown"),
    "deliveries": N_("Deliveries shown"),
    "counts": N_("Removed"),
    "staff": N_("Person"),
    "action": N_("What was done"),
    "table": N_("About what"),
    "since": N_("From"),
    "until": N_("Until"),
}


def table_name(table: str) -> str:
    return _(TABLES[table]) if table in TABLES else table


def kind_name(kind: str) -> str:
    return _(KINDS[kind]) if kind in KINDS else kind


def field_name(field: str) -> str:
    return _(_FIELDS[field]) if field in _FIELDS else field


def part_name(part: str) -> str:
    """Say which part of the software acted."""
    return _(_PARTS[part]) if part in _PARTS else _("The program ({part})", part=part)


def kept_code(name: str) -> str:
    return _(_DETAILS[name]) if name in _DETAILS else name


def problem_name(code: str) -> str:
    """Say what verification found."""
    match code:
        case "seal_missing":
            return _("A seal is missing")
        case "chain_broken":
            return _("A seal does not follow the one before it")
        case "entries_altered":
            return _("Entries were altered, added or removed")
        case "values_altered":
            return _("The values of an entry were altered")
        case "values_missing":
            return _("The values of an entry are gone, and nobody was erased")
        case "log_missing":
            return _("Entries were written, and the log is empty")
        case "head_missing":
            return _("The chain was made anew: a seal that was noted elsewhere is not in it")
        case _:
            return code
