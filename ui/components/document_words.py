"""Why a file did not become a document, or cannot go, in words that say what to do."""

from ui.i18n import N_, _

_PROBLEMS = {
    "empty": N_("The file is empty."),
    "too_large": N_("The file is larger than 25 MB. Make it smaller or split it."),
    "type_not_allowed": N_("Files of this kind are not kept. Use PDF, a photo, Word or Excel."),
    "type_mismatch": N_("What is inside is not what the name says. Save it again as PDF or photo."),
    "damaged": N_("The file is damaged or protected, so nobody can look into it."),
    "too_many_pixels": N_("The picture is too large. Save it smaller."),
    "active_content": N_(
        "There is a script, a program or another file inside. Print it to PDF and add that."
    ),
    "too_many_documents": N_("This client's file holds 500 documents, and no more fit in."),
    "legal_hold": N_("There is a legal hold on this file: nothing of it may be deleted."),
    "not_a_document": N_("Files of this kind cannot become documents of the file."),
    "is_a_document": N_("It is in the file already."),
    "not_waiting": N_("It is being fetched at this moment, or it is here already."),
}


def problem_words(code: str) -> str:
    """Codes of `file_types.judge`, `services.documents` and `services.media`."""
    return _(_PROBLEMS.get(code, _PROBLEMS["damaged"]))
