"""Members of the organisation, and how each likes the app to look."""

from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert

from db.engine import begin
from db.tables import staff, staff_preferences
from services import staff_admin
from services.actors import Role, Staff, System
from services.permissions import Permission, requires

LANGUAGES = ("es", "en")
THEMES = ("auto", "light", "dark")

#: Who can be chosen on the sign-in page of a demo. Invented.
DEMO_STAFF: tuple[tuple[str, str, Role], ...] = (
    ("lucia.ferrer@acogida.example", "Lucía Ferrer", "admin"),
    ("omar.benali@acogida.example", "Omar Benali", "caseworker"),
    ("carmen.ortiz@acogida.example", "Carmen Ortiz", "caseworker"),
    ("pau.vidal@acogida.example", "Pau Vidal", "viewer"),
)
_DEMO_NAMESPACE = UUID("6f1a1c2e-7d0b-4f57-9f39-0d6c0f5a8b11")


@requires(Permission.SYSTEM)
async def add_demo_staff(actor: System) -> None:
    """Create the demo's members of staff; those who are there stay as they are."""
    async with begin(actor) as connection:
        for email, name, role in DEMO_STAFF:
            await connection.execute(
                insert(staff)
                .values(
                    user_id=uuid5(_DEMO_NAMESPACE, email),
                    email=email,
                    name=name,
                    role=role,
                )
                .on_conflict_do_nothing()
            )


@requires(Permission.SYSTEM)
async def add_admin(actor: System, *, email: str, name: str) -> bool:
    """Create the first admin; the account is tied to the identity provider at first sign-in.

    Returns False when somebody on the staff has the address already. Raises Invalid with `email` or
    `name`.
    """
    email, name = staff_admin.checked(email=email, name=name)
    async with begin(actor) as connection:
        made = await connection.scalar(
            insert(staff)
            .values(email=email, name=name, role="admin")
            .on_conflict_do_nothing()
            .returning(staff.c.id)
        )
        return made is not None


@requires(Permission.OWN_ACCOUNT)
async def set_preferences(
    actor: Staff,
    *,
    language: str | None = None,
    theme: str | None = None,
    rail_collapsed: bool | None = None,
    enter_sends: bool | None = None,
) -> None:
    """Remember how this person likes the app; what is None or unknown stays as it was."""
    values: dict[str, str | bool] = {}
    if language in LANGUAGES:
        values["language"] = language
    if theme in THEMES:
        values["theme"] = theme
    if rail_collapsed is not None:
        values["rail_collapsed"] = rail_collapsed
    if enter_sends is not None:
        values["enter_sends"] = enter_sends
    if not values:
        return
    # The first wish about anything keeps the language in which it was made.
    shown = {"language": actor.language} if actor.language in LANGUAGES else {}
    async with begin(actor) as connection:
        await connection.execute(
            insert(staff_preferences)
            .values(staff_id=actor.id, **{**shown, **values})
            .on_conflict_do_update(index_elements=["staff_id"], set_=values)
        )
