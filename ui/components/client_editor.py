"""The form for what we ourselves know of a client: of somebody new, or of an open file."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from babel import Locale
from nicegui import ui

from services.client_edits import LENGTHS, Changes, create_client, update_client
from services.clients import CLIENT_STATUSES, ClientDetail, get_client, list_clients
from services.errors import Conflict, Invalid, NotFound
from ui.components.dialogs import cancel, form_dialog
from ui.components.elements import Select, button, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.components.staff_working import working
from ui.formats import phone as readable
from ui.gate import current_staff, signed_in
from ui.i18n import N_, _, language

#: Languages that people write in, as their codes.
LANGUAGES = ("es", "ar", "fr", "en", "pt", "uk", "ru", "wo", "zh", "bn", "ur", "ka", "ro", "hi")

_SAID = {
    "not_a_phone": N_("Write the whole number with its country, such as +34 600 000 001."),
    "not_an_email": N_("Write an address such as name@example.org."),
    "email_taken": N_("Another client has this address."),
    "phone_taken": N_("Another client has this number."),
    "whatsapp_number": N_("They write to us from this number, so it stays."),
    "own_number": N_("That is the organisation's own number."),
    "too_long": N_("That is too long."),
    "not_text": N_("There are characters in it that cannot be kept."),
    "nothing_to_know_them_by": N_("Write at least a name, a number, an address or a document."),
}


#: Fields in their order on the form, with their labels.
_FIELDS = {
    "name": N_("Name and surname"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "passport_or_nie": N_("NIE or passport"),
    "notes": N_("Notes"),
}


class ClientEditor:
    """A dialog; calls `done` with the client as it is then.

    What was typed stays until it is saved, also when the dialog is closed before.
    """

    def __init__(self, done: Callable[[ClientDetail], Awaitable[None]]) -> None:
        self._done = done
        self._id: UUID | None = None
        self._as_of: datetime | None = None
        self._before: dict[str, str] = {}
        self._language = ""
        self._fields: dict[str, ui.input | ui.textarea] = {}
        with form_dialog(self._submit, wide=True) as self._dialog:
            self._title = show(tag("h2", "", class_="ac-subtitle"))
            self._problem = show(tag("span"), "div").classes("ac-contents").props("role=status")
            with ui.element("div").classes("ac-dialog-fields"):
                for name in ("name", "phone", "email", "passport_or_nie"):
                    self._fields[name] = _input(name)
                self._add_language()
                self._fields["notes"] = _input("notes")
            with ui.element("div").classes("ac-dialog-end"):
                self._again = button(tag("span", _("Start again"))).classes("ac-link-button")
                self._again.on("click", self._start_again)
                cancel(self._dialog)
                self._go = show(tag("span", _("Save")), "button").props("type=submit")
                self._go.classes("ac-button ac-button--primary")

    def open_new(self) -> None:
        """Ask for somebody who has not written yet."""
        self._open(_("New client"), None, None, dict.fromkeys((*_FIELDS, "language"), ""), None)

    def open_of(self, detail: ClientDetail) -> None:
        """Show what we know of a client, to be changed."""
        title = _("Edit the file")
        self._open(title, detail.summary.id, detail.updated_at, _known(detail), detail.profile_name)

    def _open(
        self,
        title: str,
        client_id: UUID | None,
        as_of: datetime | None,
        known: dict[str, str],
        called: str | None,
    ) -> None:
        """`called`: what the person is called while we write no name of our own."""
        draft = self._typed() if self._before and client_id == self._id else {}
        draft = {name: value for name, value in draft.items() if value != self._before[name]}
        self._id, self._as_of, self._before = client_id, as_of, known
        self._dialog.props["aria-label"] = title
        self._title.content = tag("h2", title, class_="ac-subtitle").source
        self._fields["name"].props["placeholder"] = called or ""
        self._complain({})
        self._fill(known | draft)
        self._again.set_visibility(bool(draft))
        if draft:
            self._say(_("What you had typed and not saved is here again."))
        self._dialog.open()
        focus(self._fields["name"])

    def _fill(self, values: dict[str, str]) -> None:
        for name, field in self._fields.items():
            field.value = values[name]
        self._language = values["language"]
        self._languages.choose(self._language)

    def _start_again(self) -> None:
        self._complain({})
        self._fill(self._before)
        self._again.set_visibility(False)
        focus(self._fields["name"])

    def _typed(self) -> dict[str, str]:
        return {name: field.value or "" for name, field in self._fields.items()} | {
            "language": self._language
        }

    @signed_in
    async def _submit(self) -> None:
        self._complain({})
        async with working(self._go):
            try:
                client = await self._save()
            except Invalid as problem:
                self._complain(problem.fields)
            except Conflict as problem:
                if problem.code == "changed_meanwhile":
                    await self._compare()
                else:
                    self._complain({problem.field or "": problem.code})
                    await self._lead_to_whoever_has_it(problem.field)
            else:
                self._before = {}
                self._dialog.close()
                await self._done(client)

    async def _save(self) -> ClientDetail:
        typed = self._typed()
        changed = {name: value for name, value in typed.items() if value != self._before[name]}
        if self._id is None:
            return await create_client(current_staff(), **changed)
        return await update_client(
            current_staff(),
            self._id,
            Changes(**changed),  # type: ignore[typeddict-item]
            expected_updated_at=self._as_of,
        )

    async def _compare(self) -> None:
        """A colleague was faster: save what they left alone, and show what they wrote otherwise."""
        assert self._id is not None
        detail = await get_client(current_staff(), self._id, again=True)
        if detail is None:
            raise NotFound
        theirs, mine = _known(detail), self._typed()
        both = [
            name
            for name, before in self._before.items()
            if theirs[name] not in (before, mine[name]) and mine[name] != before
        ]
        kept = {
            name: value if value != self._before[name] else theirs[name]
            for name, value in mine.items()
        }
        self._as_of, self._before = detail.updated_at, theirs
        self._fill(kept)
        if not both:
            client = await self._save()
            self._before = {}
            self._dialog.close()
            await self._done(client)
            return
        for name in both:
            if name in self._fields:
                now = theirs[name] or _("nothing")
                self._fields[name].error = _("A colleague has written: {value}", value=now)
        self._say(
            _(
                "Somebody else has changed this file in the meantime. "
                "Look at the marked fields: if you save again, what you wrote stays."
            )
        )

    async def _lead_to_whoever_has_it(self, name: str | None) -> None:
        """Beside a number or an address that is taken, the way to the file that has it."""
        if name not in ("phone", "email"):
            return
        wanted = self._fields[name].value or ""
        found = await list_clients(
            current_staff(), search=wanted, statuses=CLIENT_STATUSES, limit=2, again=True
        )
        if len(found.items) == 1:
            link = tag("a", _("Open their file"), href=f"/clients/{found.items[0].id}")
            self._say(_("There is a file with it already."), link)

    def _complain(self, fields: dict[str, str]) -> None:
        """Say what is wrong, beside the field it is about; the first one takes the keyboard."""
        for name, field in self._fields.items():
            field.error = _(_SAID[fields[name]]) if fields.get(name) in _SAID else None
        self._problem.content = tag("span").source
        wrong = [field for name, field in self._fields.items() if name in fields]
        if wrong:
            focus(wrong[0])

    def _say(self, words: str, action: Html | None = None) -> None:
        said = tag("div", tag("p", words), action)
        notice = tag("div", icon("warning"), said, class_="ac-notice ac-notice--warn")
        self._problem.content = notice.source

    def _add_language(self) -> None:
        async def choose(code: str) -> None:
            self._language = code

        names = {code: Locale.parse(code).get_display_name(language()) for code in LANGUAGES}
        options = {"": _("unknown")} | {
            code: str(name).capitalize() for code, name in sorted(names.items(), key=_by_name)
        }
        with ui.element("div").classes("ac-dialog-field"):
            show(tag("span", _("Language"), aria_hidden="true"), "span")
            with ui.element("div").classes("ac-order"):
                self._languages = Select(options, value="", label=_("Language"), on_choose=choose)
                show(icon("down")).classes("ac-contents")


def _known(detail: ClientDetail) -> dict[str, str]:
    summary = detail.summary
    return {
        "name": detail.staff_name or "",
        "phone": readable(summary.phone) if summary.phone else "",
        "email": summary.email or "",
        "passport_or_nie": detail.passport_or_nie or "",
        "notes": detail.notes or "",
        "language": detail.language or "",
    }


def _by_name(item: tuple[str, str | None]) -> str:
    return (item[1] or item[0]).casefold()


def _input(name: str) -> ui.input | ui.textarea:
    label = _(_FIELDS[name])
    whole = " ac-dialog-field--whole" if name == "notes" else ""
    with ui.element("div").classes(f"ac-dialog-field{whole}"):
        show(tag("span", label, aria_hidden="true"), "span")
        field = ui.textarea() if name == "notes" else ui.input()
        field.props("autocomplete=off no-error-icon")
        field.props["aria-label"] = label
        field.props["maxlength"] = LENGTHS[name]
        if name == "phone":
            field.props("type=tel")
        if name == "email":
            field.props("type=email inputmode=email spellcheck=false autocapitalize=none")
        if name == "notes":
            field.props("autogrow dir=auto")
        return field
