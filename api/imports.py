"""Lists of people from a file: judged, and imported unless it is a dry run."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, File, Query, UploadFile
from pydantic import BaseModel, Field

from api.access import Acting
from api.problems import documented
from services.errors import Invalid
from services.imports import jobs, report, uploads
from services.imports.mapping import Existing, Mapping

#: What the API calls a state; the pages know some more.
_STATES: dict[str, str] = {
    "uploading": "judging",
    "uploaded": "judging",
    "undoing": "done",
}
_MESSAGES = {
    "digits_lost": "A spreadsheet has rounded this number; its digits are lost.",
    "country_code_missing": "The country code seems to be there without its +.",
    "not_a_phone": "This is no phone number.",
    "own_number": "This is the organisation's own number.",
    "not_an_email": "This is no e-mail address.",
    "not_a_language": "This is no language code.",
    "unknown_value": "This is none of the profile types.",
    "too_long": "This is too long.",
    "not_text": "This holds characters that no text has.",
    "formula": "This begins like a formula.",
    "nothing_to_know_them_by": "Neither name, phone, e-mail nor document is given.",
    "too_many_cells": "This row has more cells than there are columns.",
    "two_clients": "This row names two different clients.",
    "another_person": "Phone or e-mail lead to a client of another name and document.",
    "another_person_in_file": "A row before it has its phone or e-mail, another name and document.",
    "repeats_left_out": "It repeats a row that is not written, and may be of somebody else.",
    "not_found": "There is no client with this id.",
}


class Counts(BaseModel):
    """How many rows of the file; all but `rows` add up to it."""

    rows: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate_in_file: int = 0
    duplicate_in_database: int = 0
    invalid: int = 0


class RowError(BaseModel):
    """Something that is wrong with one row."""

    row: int = Field(description="As a spreadsheet counts.", examples=[17])
    column: str = Field(
        description="As the file calls it; `row` for all of it.", examples=["phone"]
    )
    code: str = Field(examples=["digits_lost"])
    message: str


class Import(BaseModel):
    """An import, and how far it is."""

    id: UUID
    state: Literal["judging", "judged", "importing", "done", "failed", "cancelled", "undone"]
    dry_run: bool = Field(description="Judged and no more: nothing is written.")
    counts: Counts
    errors: list[RowError] = Field(description="The first 100.")
    problem: str | None = Field(description="Why it failed: a code.", examples=[None])

    @classmethod
    def of(cls, found: jobs.Import, errors: list[report.RowError]) -> "Import":
        """The JSON of an import."""
        state: Any = _STATES.get(found.state, found.state)
        return cls(
            id=found.id,
            state=state,
            dry_run=found.dry_run,
            counts=Counts(**found.counts),
            errors=[
                RowError(
                    row=e.row, column=e.column, code=e.code, message=_MESSAGES.get(e.code, e.code)
                )
                for e in errors
            ],
            problem=found.problem,
        )


def router() -> APIRouter:
    """Imports, by themselves."""
    routes = APIRouter(prefix="/api", tags=["imports"])

    @routes.post(
        "/imports", summary="Import a file", status_code=202, responses=documented(400, 413)
    )
    async def begin(
        actor: Acting,
        file: Annotated[
            UploadFile, File(description="CSV, TSV or XLSX, up to 200 MB and a million rows.")
        ],
        dry_run: Annotated[bool, Query(description="Judge the file and write nothing.")] = False,
        existing: Annotated[
            Existing, Query(description="What happens to people who are there already.")
        ] = "skip",
        only_valid: Annotated[
            bool, Query(description="Write the good rows although others are not.")
        ] = False,
        region: Annotated[
            str,
            Query(
                description="Country of phones without a country code.",
                pattern="^[A-Z]{2}$",
                examples=["ES"],
            ),
        ] = "ES",
    ) -> Import:
        """Columns are recognised by their names, in Spanish or English, or by their values.

        All or nothing unless `only_valid`. 422 with `fields.file` when the file as a whole cannot
        be read: `empty`, `no_rows`, `not_a_table`, `is_pdf`, `unclosed_quote`, ...; with
        `fields.columns` when no column says who a row is about. Ask `GET /api/imports/{id}` how far
        it is. Where people of the file change while it works, it is judged again and goes on; the
        second time it stays `judged`, with the problem `changed_meanwhile`, for an admin to look
        at."""
        import_id = await uploads.receive(actor, file.filename or "file", _parts(file))
        sample = await uploads.sample(actor, import_id)
        said = {"existing": existing, "only_valid": only_valid, "region": region}
        try:
            mapping = Mapping.of({"columns": sample.columns, **said})
            await jobs.start_judging(actor, import_id, sample.reading, mapping, dry_run=dry_run)
        except (ValueError, Invalid) as problem:
            await jobs.cancel(actor, import_id)
            if isinstance(problem, Invalid):
                raise
            raise Invalid({"region": "unknown_value"}) from None
        return await _told(actor, import_id)

    @routes.get("/imports/{import_id}", summary="An import", responses=documented(404))
    async def one(actor: Acting, import_id: UUID) -> Import:
        """How far it is, what was counted, and the first 100 errors."""
        return await _told(actor, import_id)

    return routes


async def _told(actor: Acting, import_id: UUID) -> Import:
    found = await jobs.get(actor, import_id)
    return Import.of(found, await report.errors(actor, import_id))


async def _parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(1024 * 1024):
        yield part
