"""What a file's columns mean: guessed from names and values, said by whoever imports."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import pandas
import phonenumbers

from services.clients import PROFILE_TYPES

Field = Literal[
    "id",
    "name",
    "surname",
    "second_surname",
    "phone",
    "email",
    "profile_type",
    "passport_or_nie",
    "notes",
    "language",
]
FIELDS: tuple[Field, ...] = get_args(Field)
Existing = Literal["skip", "fill", "overwrite"]
#: What a name is put together from where a file has it in several columns.
NAME_PARTS: tuple[Field, ...] = ("name", "surname", "second_surname")
EXISTING: tuple[Existing, ...] = get_args(Existing)
#: What a file without such a column may say of everybody in it.
DEFAULTED: tuple[Field, ...] = ("profile_type", "language", "notes")

#: Names of columns, without accents, blanks and punctuation, in Spanish and English.
_NAMES: dict[Field, frozenset[str]] = {
    "id": frozenset({"iddeacogida", "idacogida", "acogidaid", "clientid", "idcliente"}),
    "name": frozenset(
        [
            "nombre",
            "nombreyapellidos",
            "nombreapellidos",
            "nombrecompleto",
            "nombresyapellidos",
            "nombres",
            "apellidosynombre",
            "apellidosnombre",
            "firstname",
            "name",
            "fullname",
            "persona",
            "beneficiario",
            "beneficiaria",
            "cliente",
            "contacto",
            "usuario",
            "usuaria",
            "clientname",
        ]
    ),
    "surname": frozenset(
        ["apellidos", "apellido", "primerapellido", "surname", "surnames", "lastname", "familyname"]
    ),
    "second_surname": frozenset(["segundoapellido", "secondsurname"]),
    "phone": frozenset(
        [
            "telefono",
            "telefonos",
            "tel",
            "tlf",
            "tlfn",
            "telf",
            "movil",
            "telefonomovil",
            "numerodetelefono",
            "celular",
            "whatsapp",
            "phone",
            "phonenumber",
            "mobile",
            "mobilephone",
            "cell",
            "telephone",
            "numerodewhatsapp",
            "phonee164",
        ]
    ),
    "email": frozenset(
        [
            "email",
            "correo",
            "correoelectronico",
            "mail",
            "emailaddress",
            "direcciondecorreo",
            "ecorreo",
        ]
    ),
    "profile_type": frozenset(
        [
            "profiletype",
            "perfil",
            "tipodeperfil",
            "tipoperfil",
            "tipo",
            "profile",
            "categoria",
            "via",
            "procedimiento",
            "situacion",
        ]
    ),
    "passport_or_nie": frozenset(
        [
            "nie",
            "nieopasaporte",
            "pasaporte",
            "passport",
            "documento",
            "documentodeidentidad",
            "passportornie",
            "nieorpassport",
            "numerodedocumento",
            "doc",
            "nienumero",
            "pasaporteonie",
            "niepasaporte",
            "identificacion",
        ]
    ),
    "notes": frozenset(
        ["notas", "nota", "observaciones", "notes", "comentarios", "comments", "remarks"]
    ),
    "language": frozenset(["idioma", "lengua", "language", "idiomapreferido", "lang"]),
}

#: What files say of a profile, as `_key` writes it.
PROFILE_WORDS: dict[str, str] = {
    **{name.lower(): name for name in PROFILE_TYPES},
    **dict.fromkeys(
        [
            "asilo",
            "proteccioninternacional",
            "refugio",
            "refugiado",
            "refugiada",
            "solicitantedeasilo",
        ],
        "ASYLUM",
    ),
    **dict.fromkeys(
        ["arraigosocial", "arraigolaboral", "arraigoformativo", "arraigofamiliar"], "ARRAIGO"
    ),
    **dict.fromkeys(["estudiante", "estudiantes", "estudios", "estudio", "estancia"], "STUDENT"),
    **dict.fromkeys(
        ["irregulares", "sinpapeles", "situacionirregular", "undocumented"], "IRREGULAR"
    ),
    **dict.fromkeys(["otro", "otra", "otros", "otras", "others"], "OTHER"),
}
#: What files say of a language, as `_key` writes it.
LANGUAGE_WORDS: dict[str, str] = {
    **dict.fromkeys(["espanol", "castellano", "spanish"], "es"),
    **dict.fromkeys(["ingles", "english"], "en"),
    **dict.fromkeys(["frances", "french", "francais"], "fr"),
    **dict.fromkeys(["arabe", "arabic", "darija"], "ar"),
    **dict.fromkeys(["portugues", "portuguese"], "pt"),
    **dict.fromkeys(["ruso", "russian"], "ru"),
    **dict.fromkeys(["ucraniano", "ukrainian"], "uk"),
    **dict.fromkeys(["chino", "chinese", "mandarin"], "zh"),
    **dict.fromkeys(["wolof", "uolof"], "wo"),
    **dict.fromkeys(["catalan"], "ca"),
    **dict.fromkeys(["rumano", "romanian"], "ro"),
    **dict.fromkeys(["urdu"], "ur"),
    **dict.fromkeys(["bambara"], "bm"),
}

#: Names of columns that hold a part of the name, where others hold the rest.
_FIRST_NAMES = frozenset({"nombre", "nombres", "name", "firstname"})
#: What a file with results has beside a file's own columns: words of ours about a row.
_OURS = frozenset({"resultado", "motivo", "result", "reason"})

#: What most values of such a column look like; the first that fits a column says what it is.
_LOOKS: dict[Field, str] = {
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "email": r"[^\s@]+@[^\s@]+\.[^\s@]+",
    "passport_or_nie": r"[XYZ]-?\d{7}-?[A-Z]|[A-Z]{1,3}\d{6,8}",
    # A day is written like a phone.
    "phone": r"(?!\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}$|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}$)"
    r"['=\"]*(?:\+|00)?\d[\d .()/-]{7,17}\"?",
    "name": r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){1,5}",
}
_ENOUGH = 0.6
#: What no text holds; lines end with what they end with.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mapping:
    """What each column is, by position, and what is done with the people in the file."""

    columns: tuple[Field | None, ...] = ()
    #: Field -> what is taken where the file says nothing, of new people.
    defaults: dict[str, str] = field(default_factory=dict)
    #: The country of phones without a country code.
    region: str = "ES"
    #: What happens to people who are there.
    existing: Existing = "skip"
    #: Write the good rows although others are not; else all or nothing.
    only_valid: bool = False
    #: Import what was judged without waiting for anybody's word.
    by_itself: bool = False

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        """From JSON, nothing of which is trusted. A field that two columns claim is the first's.

        Raises ValueError.
        """
        columns: list[Field | None] = []
        for name in value.get("columns", []):
            is_new = name in FIELDS and name not in columns
            columns.append(name if is_new else None)
        existing, region = value.get("existing", "skip"), str(value.get("region", "ES"))
        if existing not in EXISTING or region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("no such mapping")
        defaults = {
            name: str(said).strip()
            for name, said in dict(value.get("defaults", {})).items()
            if name in DEFAULTED and str(said).strip()
        }
        if "language" in defaults:
            defaults["language"] = defaults["language"].lower()
        if defaults.get("profile_type", "OTHER") not in PROFILE_TYPES:
            raise ValueError("no such profile type")
        if not re.fullmatch(r"[A-Za-z]{2,3}", defaults.get("language", "es")):
            raise ValueError("no such language")
        defaults["notes"] = _NO_TEXT.sub("", defaults.get("notes", ""))[:2_000]
        if not defaults["notes"]:
            del defaults["notes"]
        return cls(
            tuple(columns),
            defaults,
            region,
            existing,
            only_valid=bool(value.get("only_valid", False)),
            by_itself=bool(value.get("by_itself", False)),
        )

    def json(self) -> dict[str, Any]:
        """As JSON, for the database."""
        return {
            "columns": list(self.columns),
            "defaults": self.defaults,
            "region": self.region,
            "existing": self.existing,
            "only_valid": self.only_valid,
            "by_itself": self.by_itself,
        }

    @property
    def knows_somebody(self) -> bool:
        """Whether a column says who a row is about."""
        return bool({"id", *NAME_PARTS, "phone", "email", "passport_or_nie"} & set(self.columns))


def key(text: str) -> str:
    """A word without accents, case, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if c.isalnum())


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns: it bears a known name, or nothing like a value."""
    if not rows:
        return False
    first = [cell.strip().strip("'") for cell in rows[0]]
    if any(_named(cell) for cell in first):
        return True
    looks = re.compile("|".join(p for f, p in _LOOKS.items() if f != "name"), re.IGNORECASE)
    return all(cell and not looks.fullmatch(cell) for cell in first) and len(rows) > 1


def guess(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Field | None]:
    """What each of `width` columns seems to be: by its name, else by what most of it looks like."""
    guessed: list[Field | None] = [None] * width
    for n, name in enumerate(header[:width]):
        found = _named(name)
        if found is not None and found not in guessed:
            guessed[n] = found
    if "name" in guessed and key(header[guessed.index("name")]) not in _FIRST_NAMES:
        # All of it is there already.
        guessed = [None if found in NAME_PARTS[1:] else found for found in guessed]
    cells = pandas.DataFrame([[*row, *[""] * (width - len(row))][:width] for row in rows])
    for n in range(width if len(cells) else 0):
        if guessed[n] is not None or (n < len(header) and key(header[n]) in _OURS):
            continue
        column = cells[n].astype(str).str.strip()
        column = column[column != ""]
        for name, pattern in _LOOKS.items():
            if len(column) and name not in guessed:
                share = column.str.fullmatch(pattern, flags=re.IGNORECASE).mean()
                if share >= _ENOUGH:
                    guessed[n] = name
                    break
        is_open = guessed[n] is None and "profile_type" not in guessed and len(column)
        if is_open and column.map(lambda value: key(value) in PROFILE_WORDS).mean() >= _ENOUGH:
            guessed[n] = "profile_type"
    return guessed


def signature(header: Sequence[str]) -> bytes:
    """What two files with the same columns have in common."""
    return hashlib.sha256("\x1f".join(key(name) for name in header).encode()).digest()


def _named(name: str) -> Field | None:
    plain = key(name)
    # `Teléfono 1` is the first of several.
    for word in (plain, plain.rstrip("0123456789")):
        for found, names in _NAMES.items():
            if word in names:
                return found
    return None
