"""Importing a list of people, for admins: choose a file, check every row, import, undo."""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from nicegui import events, ui

from services.errors import Conflict, Invalid, NotFound
from services.imports import jobs, report, uploads
from services.imports.files import MAX_BYTES, Reading, Unreadable
from services.imports.jobs import Import
from services.permissions import Permission
from ui.assets import asset
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.import_columns import ImportColumns
from ui.components.import_views import (
    counts_view,
    history_view,
    kept_view,
    people_view,
    problem_view,
    problems_view,
    progress_view,
    report_view,
)
from ui.components.import_words import file_problem, people, state_tag
from ui.components.markup import NOTHING, Html, join, tag
from ui.formats import day_and_time
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _
from ui.layout import frame, page_head

PATH = "/import"
#: Seconds between two looks at work that is under way.
_LOOK_EVERY = 1.0
_RUNNING = ("uploading", "judging", "importing", "undoing")
#: People of each result that the page shows.
_SHOWN = 20
_NOT_NOW: dict[str, Callable[[], str]] = {
    "not_now": lambda: _("The import is at another point by now. The page shows where."),
    "invalid_rows": lambda: _("Some rows have errors. Correct them, or import the others only."),
    "nothing_to_write": lambda: _("There is nothing to import in this file."),
    "file_gone": lambda: _("The file has been removed. Upload it again."),
}


def register() -> None:
    """Add the pages to NiceGUI."""
    ui.page(PATH)(imports_page)
    ui.page(f"{PATH}/{{import_id}}")(import_page)


async def imports_page() -> None:
    """`/import`: a new import, and the earlier ones."""
    await only_with(Permission.IMPORT_CLIENTS)
    _add_look()
    with frame(_("Import"), section="import", heading=False):
        page_head(_("Import people"))
        with ui.element("div").classes("ac-privacy ac-import"):
            _Upload()
            with ui.element("section"):
                show(tag("h2", _("Earlier imports"), class_="ac-subtitle")).classes("ac-contents")
                found = await jobs.history(current_staff())
                show(history_view(found)).classes("ac-contents")


async def import_page(import_id: str) -> None:
    """`/import/{id}`: one import, at whatever point it is."""
    await only_with(Permission.IMPORT_CLIENTS)
    try:
        found = await jobs.get(current_staff(), UUID(import_id))
    except ValueError:
        raise NotFound from None
    _add_look()
    with frame(_("Import"), section="import", heading=False):
        await ImportPage(found).start()


def _add_look() -> None:
    for sheet in ("rights.css", "import.css"):
        ui.add_head_html(f'<link rel="stylesheet" href="{asset(sheet)}">')


class _Upload:
    """Where a file is chosen or dropped; once it has arrived its own page opens."""

    def __init__(self) -> None:
        with ui.element("section").classes("ac-import-drop") as drop:
            show(icon("import"), "span").classes("ac-empty-mark").props("aria-hidden=true")
            show(tag("p", _("Drop the list here"), class_="ac-subtitle"))
            said = _("CSV, TSV or Excel (.xlsx), up to 200 MB and a million rows.")
            show(tag("p", said, class_="ac-muted"))
            choose = button(tag("span", _("Choose a file")))
            choose.classes("ac-button ac-button--primary")
            safe = _("First every row is checked. Nothing is written before you say so.")
            show(tag("p", safe, class_="ac-muted"))
            self._problem = show(NOTHING).classes("ac-contents").props("role=alert")
            self._busy = show(NOTHING).classes("ac-contents").props("role=status")
        upload = ui.upload(auto_upload=True, max_file_size=MAX_BYTES).props(
            'accept=".csv,.tsv,.txt,.xlsx"'
        )
        # Out of sight and not switched off: what is hidden takes no files.
        upload.classes("ac-import-upload").props("aria-hidden=true tabindex=-1")
        upload.on_begin_upload(self._begin)
        upload.on_upload(self._receive)
        upload.on_rejected(lambda: self._say(file_problem("too_large")))
        self._upload = upload
        get = f"getElement({upload.id}).$refs.qRef"
        choose.on("click", js_handler=f"() => {get}.pickFiles()")
        drop.on("dragover.prevent", js_handler="() => {}")
        drop.on("drop.prevent", js_handler=f"(event) => {get}.addFiles(event.dataTransfer.files)")

    def _begin(self) -> None:
        self._say("")
        self._busy.content = tag("p", _("The file is being looked at…")).source

    @signed_in
    async def _receive(self, event: events.UploadEventArguments) -> None:
        try:
            import_id = await uploads.receive(
                current_staff(), event.file.name, event.file.iterate()
            )
        except Unreadable as problem:
            self._say(file_problem(problem.code, problem.row))
            self._upload.reset()
            return
        ui.navigate.to(f"{PATH}/{import_id}")

    def _say(self, words: str) -> None:
        self._busy.content = ""
        notice = tag("p", icon("error"), tag("span", words), class_="ac-notice ac-notice--danger")
        self._problem.content = notice.source if words else ""


class ImportPage:
    """One import, drawn anew when it comes to another point."""

    def __init__(self, found: Import) -> None:
        self._found = found
        self._columns: ImportColumns | None = None
        self._again = False
        #: Phase, when it was first seen, and how far it was then.
        self._since: tuple[str | None, float, float] = (None, 0.0, 0.0)
        self._head = page_head(_("Import people"), back=PATH)
        with ui.element("div").classes("ac-privacy ac-import") as self._root:
            self._facts = show(NOTHING).classes("ac-import-head")
            self._notice = show(NOTHING).classes("ac-contents")
            self._body = ui.element("div").classes("ac-import-body")

    async def start(self) -> None:
        """Show where the import is, and look for news while it works."""
        await self._draw()
        with self._root:
            ui.timer(_LOOK_EVERY, self._look, immediate=False)

    @still_signed_in
    async def _look(self) -> None:
        if self._found.state not in _RUNNING:
            return
        await self._load()

    async def _load(self) -> None:
        before = self._found.state
        found = await jobs.get(current_staff(), self._found.id)
        if self._root.is_deleted:
            return
        self._found = found
        if found.state != before:
            self._again = False
            await self._draw()
        elif found.state in _RUNNING:
            self._progress.content = progress_view(found, self._seconds_left()).source

    async def _draw(self, sample: uploads.Sample | None = None) -> None:
        found = self._found
        self._facts.content = join(
            [
                tag("bdi", found.file_name, class_="ac-rights-title"),
                state_tag(found),
                tag("span", day_and_time(found.created_at), class_="ac-muted"),
                tag("bdi", found.requested_by or _("a program"), class_="ac-muted"),
            ]
        ).source
        self._notice.content = problem_view(found).source
        self._body.clear()
        with self._body:
            if found.state in _RUNNING:
                self._draw_progress()
            elif found.state == "uploaded" or (found.state == "judged" and self._again):
                await self._draw_columns(sample)
            elif found.state == "judged":
                await self._draw_judged()
            else:
                await self._draw_outcome()

    # -- what the columns are ---------------------------------------------------------------------

    async def _draw_columns(self, sample: uploads.Sample | None) -> None:
        found = self._found
        try:
            sample = sample or await uploads.sample(current_staff(), found.id, found.reading)
        except Conflict:
            self._tell(file_problem("file_gone"))
            return
        self._columns = ImportColumns(found, sample, self._read)
        with ui.element("div").classes("ac-import-end"):
            self._button(_("Check every row"), self._judge, kind="primary")
            self._button(_("Discard the file"), self._cancel)

    @signed_in
    async def _read(self, reading: Reading) -> None:
        try:
            sample = await uploads.sample(current_staff(), self._found.id, reading)
        except (Unreadable, Conflict) as problem:
            self._tell(file_problem(problem.code))
            return
        # The control that was changed goes with what it stood in; the page stays.
        with self._root:
            await self._draw(sample)

    @signed_in
    async def _judge(self) -> None:
        assert self._columns is not None
        await self._ask(
            jobs.start_judging(
                current_staff(), self._found.id, self._columns.reading, self._columns.mapping
            )
        )

    # -- while it works ---------------------------------------------------------------------------

    def _draw_progress(self) -> None:
        self._since = (None, 0.0, 0.0)
        self._progress = show(progress_view(self._found, None))
        if self._found.state in ("judging", "importing"):
            with ui.element("div").classes("ac-import-end"):
                self._button(_("Cancel"), self._cancel)
        if self._found.state == "importing":
            said = _("You can leave this page: it goes on by itself, all of it or nothing.")
            show(tag("p", said, class_="ac-muted"))

    def _seconds_left(self) -> float | None:
        now, found = time.monotonic(), self._found
        phase, since, before = self._since
        if phase != found.phase or found.progress < before:
            self._since = (found.phase, now, found.progress)
            return None
        done = found.progress - before
        if now - since < 2 or done <= 0.01:
            return None
        return (now - since) / done * (1 - found.progress)

    # -- what was found ---------------------------------------------------------------------------

    async def _draw_judged(self) -> None:
        found, staff = self._found, current_staff()
        show(tag("h2", _("Nothing has been written yet"), class_="ac-subtitle"))
        show(counts_view(found)).classes("ac-contents")
        written = found.counts.get("new", 0) + found.counts.get("updated", 0)
        invalid = found.counts.get("invalid", 0)
        with ui.element("div").classes("ac-import-end"):
            if written and not invalid:
                words = _("Import {people}", people=people(written))
                self._button(words, self._import_all, kind="primary")
            elif written:
                words = _("Import only the {people} without errors", people=people(written))
                self._button(words, self._import_valid)
            self._button(_("Change the columns"), self._change_columns)
            self._add_download()
            self._button(_("Discard the file"), self._cancel)
        if invalid:
            said = _(
                "Correct the rows in your file and upload it again, or import the others only."
            )
            show(tag("p", said, class_="ac-muted"))
        problems = await report.problems(staff, found.id)
        show(problems_view(problems)).classes("ac-contents")
        for result, title in (
            ("new", _("Who is new")),
            ("updated", _("Who is updated, and what changes")),
            ("duplicate_in_file", _("Who is repeated in the file")),
            ("duplicate_in_database", _("Who is already here")),
        ):
            some = await report.rows_of(staff, found.id, result, most=_SHOWN)
            total = found.counts.get(result, 0)
            show(people_view(title, some, total)).classes("ac-contents")

    @signed_in
    async def _import_all(self) -> None:
        await self._import()

    @signed_in
    async def _import_valid(self) -> None:
        await self._import(only_valid=True)

    async def _import(self, *, only_valid: bool = False) -> None:
        found = self._found
        await self._ask(
            jobs.start_import(
                current_staff(), found.id, only_valid=only_valid, seen=found.judged_at
            )
        )

    @signed_in
    async def _change_columns(self) -> None:
        self._again = True
        await self._draw()

    # -- what has become of it --------------------------------------------------------------------

    async def _draw_outcome(self) -> None:
        found = self._found
        show(report_view(found)).classes("ac-contents")
        if found.counts and found.state != "cancelled":
            show(counts_view(found)).classes("ac-contents")
        with ui.element("div").classes("ac-import-end"):
            if found.state == "done":
                link = tag("a", _("Go to the clients"), href="/clients?sort=created")
                show(link).classes("ac-contents ac-import-link")
            if found.can_undo:
                self._button(_("Undo the import"), self._undo)
            if found.counts and not found.is_content_removed:
                self._add_download()
            again = tag("a", _("Import another file"), href=PATH, class_="ac-button")
            show(again).classes("ac-contents")
        if found.state == "done" and found.can_undo:
            said = _(
                "For 30 days it can be undone: new people are removed, updated ones are as they"
                " were. Whoever was changed since stays."
            )
            show(tag("p", said, class_="ac-muted"))
        if found.state == "failed":
            problems = await report.problems(current_staff(), found.id)
            show(problems_view(problems)).classes("ac-contents")
        if found.state == "undone" and not found.is_content_removed:
            kept = await report.kept(current_staff(), found.id)
            show(kept_view(kept)).classes("ac-contents")

    @signed_in
    async def _undo(self) -> None:
        await self._ask(jobs.undo(current_staff(), self._found.id))

    @signed_in
    async def _cancel(self) -> None:
        await self._ask(jobs.cancel(current_staff(), self._found.id))

    async def _ask(self, doing: Awaitable[None]) -> None:
        """Ask for something, and show what has become of the import."""
        try:
            await doing
        except Conflict as problem:
            self._tell(_NOT_NOW.get(problem.code, _NOT_NOW["not_now"])())
        except Invalid:
            said = _(
                "Say which column has the name, the phone, the e-mail or the document of people."
            )
            self._tell(said)
            return
        self._again = False
        await self._load()

    def _tell(self, words: str) -> None:
        self._notice.content = tag(
            "div",
            icon("warning"),
            tag("p", words),
            class_="ac-notice ac-notice--warn ac-import-notice",
            role="alert",
        ).source

    def _button(
        self, words: str, handler: Callable[[], Awaitable[None]], *, kind: str = ""
    ) -> ui.html:
        made = button(tag("span", words)).classes("ac-button")
        if kind:
            made.classes(f"ac-button--{kind}")
        return made.on("click", handler, args=[])

    def _add_download(self) -> None:
        words: Html = join([icon("download"), tag("span", _("Download with the results"))])
        address = f"{PATH}/{self._found.id}/result.csv"
        link = tag("a", words, href=address, class_="ac-button", download=True)
        show(link).classes("ac-contents")
