"""What each role may do, written down once more.

`services.permissions.ALLOWED` has to say the same, so that nobody is given more by one careless
change.
"""

from services.actors import Role
from services.permissions import Permission

#: Who has each permission, of people who sign in. The software has all of them.
MATRIX: dict[Permission, set[str]] = {
    Permission.OWN_ACCOUNT: {"admin", "caseworker", "viewer"},
    # Row-level security shows an outsider nothing; they may ask.
    Permission.READ_CLIENTS: {"admin", "caseworker", "viewer", "outsider"},
    Permission.CHANGE_CLIENTS: {"admin", "caseworker"},
    Permission.READ_CLIENT_HISTORY: {"admin", "caseworker"},
    Permission.READ_ANALYTICS: {"admin", "caseworker"},
    Permission.EXPORT_CLIENTS: {"admin"},
    Permission.IMPORT_CLIENTS: {"admin"},
    Permission.ERASE_CLIENTS: {"admin"},
    Permission.READ_AUDIT: {"admin"},
    Permission.MANAGE_STAFF: {"admin"},
    Permission.MANAGE_RETENTION: {"admin"},
    Permission.MANAGE_DESK: {"admin"},
    Permission.HANDLE_DELIVERIES: {"admin"},
    Permission.MANAGE_CHANNEL: {"admin"},
    Permission.SYSTEM: set(),
}
ROLES: tuple[Role, ...] = ("admin", "caseworker", "viewer")
