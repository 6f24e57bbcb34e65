"""How a file is read and what its columns are: the step before anything is checked."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from nicegui import ui

from services.clients import PROFILE_TYPES
from services.imports.files import DELIMITERS, ENCODINGS, Reading
from services.imports.jobs import Import
from services.imports.mapping import EXISTING, FIELDS, Mapping
from services.imports.uploads import Sample
from ui.components.elements import Select, show
from ui.components.import_views import examples_of, sample_table
from ui.components.import_words import (
    DELIMITER_NAMES,
    ENCODING_NAMES,
    EXISTING_NAMES,
    FIELD_NAMES,
)
from ui.components.markup import Html, join, tag
from ui.components.tags import profile_label
from ui.formats import day_and_time, number
from ui.i18n import N_, _

#: Countries that lists come from, the most frequent first.
REGIONS: dict[str, str] = {
    "ES": N_("Spain (+34)"),
    "MA": N_("Morocco (+212)"),
    "CO": N_("Colombia (+57)"),
    "VE": N_("Venezuela (+58)"),
    "PE": N_("Peru (+51)"),
    "HN": N_("Honduras (+504)"),
    "SN": N_("Senegal (+221)"),
    "ML": N_("Mali (+223)"),
    "DZ": N_("Algeria (+213)"),
    "UA": N_("Ukraine (+380)"),
    "FR": N_("France (+33)"),
    "PT": N_("Portugal (+351)"),
}
LANGUAGES: dict[str, str] = {
    "es": N_("Spanish"),
    "ar": N_("Arabic"),
    "fr": N_("French"),
    "en": N_("English"),
    "pt": N_("Portuguese"),
    "uk": N_("Ukrainian"),
    "ru": N_("Russian"),
}
_NOTHING = "-"


class ImportColumns:
    """Shows a sample and asks what it means; `reading` and `mapping` are what was said.

    `on_reading` hears of another way to read the file, and brings another sample.
    """

    def __init__(
        self,
        found: Import,
        sample: Sample,
        on_reading: Callable[[Reading], Awaitable[None]],
    ) -> None:
        self.reading = sample.reading
        width = len(sample.header)
        said = found.mapping.columns
        columns = said if len(said) == width and sample.reading == found.reading else ()
        self.mapping = replace(found.mapping, columns=tuple(columns or sample.columns))
        self._sample = sample
        self._on_reading = on_reading
        with ui.element("section"):
            _heading(_("Does it look right?"))
            if sample.imported_at is not None:
                _notice(
                    _(
                        "This very file was imported on {time}.",
                        time=day_and_time(sample.imported_at),
                    )
                )
            if sample.sheets > 1:
                _notice(
                    _(
                        "The file has {n} sheets, and only the first one is read. Save the others"
                        " as files of their own.",
                        n=number(sample.sheets),
                    )
                )
            if found.kind == "csv":
                self._add_reading()
            else:
                with ui.element("div").classes("ac-import-options"):
                    self._add_header_choice()
            show(sample_table(sample)).classes("ac-contents")
        with ui.element("section"):
            _heading(_("What is in each column?"))
            if sample.remembered:
                _notice(_("As the last time with these columns."))
            with ui.element("div").classes("ac-import-columns"):
                self._selects = [self._add_column(n) for n in range(width)]
        with ui.element("section"):
            _heading(_("What to do with them"))
            with ui.element("div").classes("ac-import-options"):
                self._add_options()

    def _add_reading(self) -> None:
        with ui.element("div").classes("ac-import-options"):
            _select(
                _("Letters and accents"),
                {name: _(ENCODING_NAMES[name]) for name in ENCODINGS},
                self.reading.encoding,
                lambda value: self._read(replace(self.reading, encoding=value)),  # type: ignore[arg-type]
            )
            _select(
                _("Between columns"),
                {name: _(DELIMITER_NAMES[name]) for name in DELIMITERS},
                self.reading.delimiter,
                lambda value: self._read(replace(self.reading, delimiter=value)),
            )
            self._add_header_choice()

    def _add_header_choice(self) -> None:
        _select(
            _("First row"),
            {"yes": _("Names of the columns"), "no": _("Already a person")},
            "yes" if self.reading.header else "no",
            lambda value: self._read(replace(self.reading, header=value == "yes")),
        )

    async def _read(self, reading: Reading) -> None:
        if reading != self.reading:
            await self._on_reading(reading)

    def _add_column(self, place: int) -> Select:
        name = self._sample.header[place] or _("Column {n}", n=place + 1)
        options = {_NOTHING: _("Leave it out")} | {f: _(FIELD_NAMES[f]) for f in FIELDS}

        async def choose(value: str) -> None:
            columns = list(self.mapping.columns)
            field = next((name for name in FIELDS if name == value), None)
            # Each field is in one column: the last choice counts.
            for n, other in enumerate(columns):
                if field is not None and other == field and n != place:
                    columns[n] = None
                    self._selects[n].choose(_NOTHING)
            columns[place] = field
            self.mapping = replace(self.mapping, columns=tuple(columns))

        with ui.element("div").classes("ac-import-column"):
            show(tag("bdi", name, class_="ac-import-name"))
            show(examples_of(self._sample, place)).classes("ac-import-values")
            return Select(
                options,
                value=self.mapping.columns[place] or _NOTHING,
                label=_("What is in the column {name}", name=name),
                on_choose=choose,
            )

    def _add_options(self) -> None:
        async def set_existing(value: str) -> None:
            self.mapping = replace(self.mapping, existing=value)  # type: ignore[arg-type]

        async def set_region(value: str) -> None:
            self.mapping = replace(self.mapping, region=value)

        async def set_profile(value: str) -> None:
            self._default("profile_type", value)

        async def set_language(value: str) -> None:
            self._default("language", value)

        _select(
            _("People who are already here"),
            {name: _(EXISTING_NAMES[name]) for name in EXISTING},
            self.mapping.existing,
            set_existing,
        )
        _select(
            _("Phones without a country code are from"),
            {code: _(name) for code, name in REGIONS.items()},
            self.mapping.region if self.mapping.region in REGIONS else "ES",
            set_region,
        )
        _select(
            _("Profile type, where the list says none"),
            {_NOTHING: _("Leave it open")} | {name: profile_label(name) for name in PROFILE_TYPES},
            self.mapping.defaults.get("profile_type", _NOTHING),
            set_profile,
        )
        _select(
            _("Language, where the list says none"),
            {_NOTHING: _("Leave it open")} | {code: _(name) for code, name in LANGUAGES.items()},
            self.mapping.defaults.get("language", _NOTHING),
            set_language,
        )

    def _default(self, field: str, value: str) -> None:
        defaults = {k: v for k, v in self.mapping.defaults.items() if k != field}
        if value != _NOTHING:
            defaults[field] = value
        self.mapping = Mapping.of(self.mapping.json() | {"defaults": defaults})


def _select(
    label: str, options: dict[str, str], value: str, on_choose: Callable[[str], Awaitable[None]]
) -> Select:
    with ui.element("label").classes("ac-import-option"):
        show(tag("span", label), "span").classes("ac-rights-label")
        return Select(options, value=value, label=label, on_choose=on_choose)


def _heading(title: str) -> None:
    show(tag("h2", title, class_="ac-subtitle")).classes("ac-contents")


def _notice(said: str | Html) -> None:
    show(join([tag("p", said, class_="ac-notice ac-notice--info")])).classes("ac-contents")
