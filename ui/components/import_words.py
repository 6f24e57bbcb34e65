"""Imports in words: what a column is, what is wrong with a row, why a file cannot be read."""

from services.imports.files import DELIMITERS, ENCODINGS
from services.imports.jobs import Import
from services.imports.mapping import EXISTING, FIELDS
from ui.components.markup import Html
from ui.components.tags import Colour, label_tag
from ui.formats import number
from ui.i18n import N_, _, ngettext

FIELD_NAMES: dict[str, str] = {
    "name": N_("Name"),
    "surname": N_("Surname"),
    "second_surname": N_("Second surname"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "profile_type": N_("Profile type"),
    "passport_or_nie": N_("NIE or passport"),
    "language": N_("Language"),
    "notes": N_("Notes"),
    "status": N_("Status"),
    "created_at": N_("Client since"),
    "id": N_("Acogida ID"),
}
assert set(FIELD_NAMES) >= set(FIELDS)

ENCODING_NAMES: dict[str, str] = {
    "utf-8": N_("UTF-8 (usual today)"),
    "cp1252": N_("Windows (Excel in Spain)"),
    "utf-16-le": N_("UTF-16 (Unicode text of Excel)"),
    "utf-16-be": N_("UTF-16, the other way round"),
}
assert set(ENCODING_NAMES) == set(ENCODINGS)
DELIMITER_NAMES: dict[str, str] = {
    ";": N_("Semicolon ( ; )"),
    ",": N_("Comma ( , )"),
    "\t": N_("Tab"),
    "|": N_("Bar ( | )"),
}
assert set(DELIMITER_NAMES) == set(DELIMITERS)

EXISTING_NAMES: dict[str, str] = {
    "skip": N_("Leave them as they are"),
    "fill": N_("Only add what their file does not say yet"),
    "overwrite": N_("Replace what their file says with the list"),
}
assert set(EXISTING_NAMES) == set(EXISTING)

#: Result -> colour, icon, words.
RESULTS: dict[str, tuple[Colour, str, str]] = {
    "new": ("ok", "plus", N_("New people")),
    "updated": ("info", "edit", N_("People to update")),
    "unchanged": ("other", "ok", N_("Already the same")),
    "duplicate_in_file": ("warn", "copy", N_("Repeated in the file")),
    "duplicate_in_database": ("other", "people", N_("Already here, left as they are")),
    "invalid": ("danger", "error", N_("Rows with errors")),
}
#: The same for one row, in the file with results.
RESULT_OF_ROW: dict[str, str] = {
    "new": N_("New"),
    "updated": N_("Updated"),
    "unchanged": N_("Unchanged"),
    "duplicate_in_file": N_("Repeated in the file"),
    "duplicate_in_database": N_("Already here"),
    "invalid": N_("Error"),
}

#: Code -> what is wrong, and what to do.
PROBLEMS: dict[str, str] = {
    "digits_lost": N_(
        "Excel shortened the number (3,46E+10) and its digits are lost. Write it again as text."
    ),
    "country_code_missing": N_("It seems to have a country code without the + before it."),
    "not_a_phone": N_("It is not a phone number."),
    "own_number": N_("It is the organisation's own number."),
    "not_an_email": N_("It is not an e-mail address."),
    "not_a_language": N_("It is not a language we know. Write for example: es, fr, árabe."),
    "unknown_value": N_(
        "It is not one of the profile types: asylum, arraigo, student, irregular, other."
    ),
    "too_long": N_("It is too long."),
    "not_text": N_("It has characters that cannot be read."),
    "formula": N_("It begins with = like a formula. Write the value itself."),
    "nothing_to_know_them_by": N_("The row has no name, phone, e-mail or document."),
    "too_many_cells": N_("The row has more cells than the header has columns."),
    "two_clients": N_("Phone, e-mail or document belong to two different people here."),
    "another_person": N_(
        "The phone or e-mail is of somebody here with another name and document: perhaps a"
        " relative. Leave that cell empty, or add the Acogida ID if it is the same person."
    ),
    "another_person_in_file": N_(
        "A row before it has the same phone or e-mail, and another name and document: perhaps a"
        " relative. Leave that cell empty. The file with results says which row it is."
    ),
    "repeats_left_out": N_(
        "It repeats a row that is not imported either, and may be of somebody else. The file with"
        " results says which row it is."
    ),
    "not_found": N_("There is nobody with this Acogida ID."),
}

#: Why a whole file cannot be read, or an import has failed.
FILE_PROBLEMS: dict[str, str] = {
    "empty": N_("The file is empty."),
    "no_rows": N_("The file has a header and no rows below it."),
    "too_large": N_("The file is larger than 200 MB. Split it and import the parts."),
    "too_many_rows": N_("The file has more than a million rows. Split it and import the parts."),
    "too_many_columns": N_("A row has more than 200 columns; this is probably no list of people."),
    "is_pdf": N_("This is a PDF, whatever its name says. Export the list as CSV or Excel."),
    "is_picture": N_("This is a picture. Export the list as CSV or Excel."),
    "is_archive": N_("This is a compressed file. Open it and choose the list inside."),
    "is_old_excel": N_("This is an old Excel file (.xls). Save it as .xlsx and try again."),
    "not_a_table": N_("This is not a table of text. Export the list as CSV or Excel."),
    "damaged": N_("The Excel file cannot be opened. Save it again and try once more."),
    "no_sheet": N_("The Excel file has no sheet."),
    "unclosed_quote": N_("A quotation mark is opened and never closed."),
    "stray_quote": N_(
        "A quotation mark stands in the middle of a cell. Put the whole cell between quotation"
        " marks, or leave them out."
    ),
    "cannot_decode": N_("The file is not written in this encoding. Choose another one."),
    "file_gone": N_("The file has been removed. Upload it again."),
    "person_erased": N_(
        "Somebody in the list was erased, so the file was removed. Upload a list without them."
    ),
    "invalid_rows": N_("Some rows have errors, so nothing was imported."),
    "changed_meanwhile": N_(
        "People in the list changed after the check. It was checked again: look at it once more."
    ),
    "interrupted": N_("The app was stopped several times while it worked. Nothing was imported."),
    "not_allowed": N_("Whoever started the import may not import any more. Nothing was imported."),
    "not_undone": N_(
        "It could not be undone, and everything is as the import left it. Try again later, or tell"
        " the administrator."
    ),
    "not_done": N_("It did not work, and nothing was imported. Tell the administrator."),
}

#: State -> colour, icon, words.
STATES: dict[str, tuple[Colour, str, str]] = {
    "uploaded": ("info", "document", N_("Columns to check")),
    "judging": ("info", "refresh", N_("Being checked")),
    "judged": ("warn", "eye", N_("Checked, not imported")),
    "importing": ("info", "refresh", N_("Being imported")),
    "done": ("ok", "ok", N_("Imported")),
    "failed": ("danger", "error", N_("Not imported")),
    "cancelled": ("other", "close", N_("Cancelled")),
    "undoing": ("info", "refresh", N_("Being undone")),
    "undone": ("other", "back", N_("Undone")),
}
PHASES: dict[str, str] = {
    "reading": N_("Reading the file"),
    "judging": N_("Checking every row"),
    "writing": N_("Adding people"),
    "phones": N_("Adding phones"),
    "updating": N_("Updating people"),
    "undoing": N_("Undoing the import"),
}


def state_tag(found: Import) -> Html:
    """The state in a tag."""
    colour, symbol, words = STATES.get(found.state, STATES["uploaded"])
    return label_tag(colour, _(words), symbol=symbol)


def file_problem(code: str, row: int | None = None) -> str:
    """Why a file cannot be read, and where."""
    said = _(FILE_PROBLEMS.get(code, FILE_PROBLEMS["not_done"]))
    return f"{_('Row {n}:', n=number(row))} {said}" if row else said


def problem_words(field: str, code: str) -> str:
    """What is wrong with a value, with the field's name before it."""
    said = _(PROBLEMS.get(code, PROBLEMS["not_text"]))
    return f"{_(FIELD_NAMES[field])}: {said}" if field in FIELD_NAMES else said


def row_words(result: str, problems: list[str], other_row: int | None) -> tuple[str, str]:
    """Two cells for the file with results; the header's for an empty result."""
    if not result:
        return _("Result"), _("Reason")
    reasons = [problem_words(*problem.split(":", 1)) for problem in problems]
    if other_row is not None and result == "invalid":
        reasons.append(_("Compare it with row {n}.", n=other_row))
    elif other_row is not None:
        reasons.append(_("The same person is in row {n}.", n=other_row))
    return _(RESULT_OF_ROW[result]), " ".join(reasons)


def people(count: int) -> str:
    """`1 person`, `1.234 people`."""
    return ngettext("{n_text} person", "{n_text} people", count, n_text=number(count))


def seconds_left(seconds: float) -> str:
    """How long it still takes, roughly."""
    if seconds < 10:
        return _("a few seconds left")
    if seconds < 90:
        n = round(seconds / 10) * 10
        return ngettext("about {n} second left", "about {n} seconds left", n)
    return ngettext("about {n} minute left", "about {n} minutes left", round(seconds / 60))
