"""Files as people send them: photographed papers, scans as PDF, voice notes, a video, stickers.

Everything in them is invented. Papers are drawn here, the same bytes at every start; sound and film
lie in `media/`. The voice is eSpeak NG's, and ffmpeg wrote the files:

    espeak-ng -v es -s 150 -w voice.wav "..."
    ffmpeg -i voice.wav -ac 1 -ar 48000 -c:a libopus -b:a 12k -application voip -bitexact x.ogg
    ffmpeg -loop 1 -i paper.jpg -i voice.wav -t 4 -vf "zoompan=..." -c:v libx264 -c:a aac x.mp4

An id of a medium says in its first two digits which of these it is, so that a restart forgets none.
"""

import base64
import hashlib
import io
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

_MEDIA = Path(__file__).parent / "media"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of paper: who issued it, what it is, lines of label and value."""

    #: Any of these words in a caption or file name, small and without accents, mean this one.
    words: tuple[str, ...]
    issuer: str
    title: str
    lines: tuple[tuple[str, str], ...]
    closing: str


SHEETS = (
    Sheet(
        ("padron", "empadron", "volante"),
        "Ayuntamiento de Villa Ejemplo · Padrón municipal",
        "Certificado de empadronamiento",
        (
            ("Nombre", "AMINA PRUEBA EJEMPLO"),
            ("Documento", "Pasaporte XX000000"),
            ("Fecha de nacimiento", "01/01/1990"),
            ("Domicilio", "Calle Inventada 5, 3.º B"),
            ("Alta en el padrón", "14/02/2023"),
            ("Personas en la hoja", "4"),
        ),
        "Y para que así conste, se expide el presente certificado a petición de la interesada.",
    ),
    Sheet(
        ("pasaporte", "passport", "passeport", "hoja"),
        "República de Ejemplo · Republic of Example",
        "Pasaporte / Passport",
        (
            ("Tipo / Type", "P"),
            ("N.º / No.", "XX000000"),
            ("Apellidos / Surname", "PRUEBA EJEMPLO"),
            ("Nombre / Given names", "AMINA"),
            ("Nacimiento / Birth", "01 JAN 1990"),
            ("Caduca / Expires", "31 DEC 2027"),
        ),
        "P<XXXPRUEBA<EJEMPLO<<AMINA<<<<<<<<<<<<<<<<<<<",
    ),
    Sheet(
        ("resguardo", "justificante", "registro", "presentacion", "recurso", "solicitud", "recibo"),
        "Oficina de Extranjería de Ejemplo",
        "Resguardo de presentación",
        (
            ("Expediente", "000020260001234"),
            ("Interesada", "AMINA PRUEBA EJEMPLO"),
            ("NIE", "X0000000T"),
            ("Procedimiento", "Arraigo (EX-10)"),
            ("Registro", "REGAGE26e00000000000"),
            ("Fecha", "20/11/2026 10:42"),
        ),
        "Este resguardo no autoriza por sí mismo a residir ni a trabajar.",
    ),
    Sheet(
        ("tasa", "pagad", "790"),
        "Modelo de ejemplo · Ingreso de tasas",
        "Tasa 790, justificante de pago",
        (
            ("Código", "012"),
            ("Sujeto pasivo", "AMINA PRUEBA EJEMPLO"),
            ("NIF / NIE", "X0000000T"),
            ("Importe", "16,40 €"),
            ("Entidad", "Banco Inventado"),
            ("N.º de justificante", "7900120000000"),
        ),
        "Ejemplar para la interesada.",
    ),
    Sheet(
        ("contrat", "nomina", "alta", "عقد"),
        "Empresa Inventada, S. L.",
        "Contrato de trabajo indefinido",
        (
            ("Trabajadora", "AMINA PRUEBA EJEMPLO"),
            ("Puesto", "Ayudante de cocina"),
            ("Jornada", "40 horas semanales"),
            ("Salario bruto", "1.381,20 € al mes"),
            ("Inicio", "01/12/2026"),
            ("Centro", "Avenida Supuesta 12"),
        ),
        "Las partes firman por duplicado en el lugar y la fecha indicados.",
    ),
    Sheet(
        (),
        "Subdelegación de Ejemplo · Oficina de Extranjería",
        "Requerimiento de documentación",
        (
            ("Expediente", "000020260001234"),
            ("Interesada", "AMINA PRUEBA EJEMPLO"),
            ("Asunto", "Subsanación y mejora"),
            ("Plazo", "10 días hábiles"),
            ("Aporte", "Certificado de antecedentes"),
            ("Aporte", "Pasaporte completo"),
        ),
        "Transcurrido el plazo sin aportarla se le tendrá por desistida de su petición.",
    ),
)


@dataclass(frozen=True, slots=True)
class Specimen:
    """One file: its type, and how to make it."""

    number: int
    mime_type: str
    make: Callable[[], bytes]
    words: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        return _content(self.number)


def pick(mime_type: str, about: str, digest: bytes) -> Specimen:
    """Choose a file for a new medium of this type: by what is said of it, or else by chance."""
    plain = about.casefold().translate(_WITHOUT_ACCENTS)
    kind = mime_type.split(";", maxsplit=1)[0].strip().lower()
    fitting = [specimen for specimen in SPECIMENS.values() if _kind(specimen) == kind]
    if not fitting:
        fitting = [SPECIMENS[_NOTE]]
    for specimen in fitting:
        if any(word in plain for word in specimen.words):
            return specimen
    return fitting[digest[8] % len(fitting)]


def of_id(media_id: str) -> Specimen | None:
    """Return the file that an id of `new_id` stands for; None for any other id."""
    if len(media_id) != _ID_LENGTH or not (media_id.isascii() and media_id.isdigit()):
        return None
    return SPECIMENS.get(int(media_id[:2]))


def new_id(specimen: Specimen, digest: bytes) -> str:
    """Return an id that follows from `digest` and names the file."""
    rest = 10 ** (_ID_LENGTH - 2)
    return f"{specimen.number}{int.from_bytes(digest[:8], 'big') % rest:0{_ID_LENGTH - 2}d}"


def checksum(content: bytes) -> str:
    """SHA-256 as webhooks write it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


# --- papers -----------------------------------------------------------------------------------

_PAPER = (640, 880)
_INK = (38, 40, 52)


def _drawn(sheet: Sheet) -> Image.Image:
    """A sheet, straight and clean."""
    page = Image.new("RGB", _PAPER, (251, 250, 245))
    draw = ImageDraw.Draw(page)
    small, normal, large = (ImageFont.load_default(size) for size in (16, 19, 28))
    draw.rectangle((40, 40, 104, 104), outline=(120, 40, 50), width=3)
    draw.ellipse((54, 54, 90, 90), outline=(120, 40, 50), width=3)
    _write(draw, (122, 58), sheet.issuer, small)
    draw.line((40, 124, 600, 124), fill=_INK, width=2)
    _write(draw, (40, 150), sheet.title, large)
    for row, (label, value) in enumerate(sheet.lines):
        top = 218 + row * 62
        _write(draw, (40, top), label, small, (105, 108, 120))
        _write(draw, (40, top + 22), value, normal)
        draw.line((40, top + 50, 600, top + 50), fill=(208, 206, 198), width=1)
    for row, words in enumerate(_wrapped(sheet.closing, 62)):
        _write(draw, (40, 612 + row * 24), words, small)
    draw.ellipse((410, 690, 550, 830), outline=(60, 70, 150), width=4)
    draw.ellipse((424, 704, 536, 816), outline=(60, 70, 150), width=2)
    draw.text((445, 748), "EJEMPLO", font=small, fill=(60, 70, 150))
    draw.line([(60, 770), (96, 740), (120, 792), (160, 744), (250, 772)], fill=_INK, width=3)
    draw.text((60, 806), "Documento inventado", font=small, fill=(150, 60, 60))
    return page


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    ink: tuple[int, int, int] = _INK,
) -> None:
    """Write words, with the accents that the font at hand does not have."""
    left, top = place
    size = font.getbbox("x")[3]
    for letter in unicodedata.normalize("NFD", words.replace("º", "o").replace("€", "EUR")):
        if not unicodedata.combining(letter):
            draw.text((left, top), letter, font=font, fill=ink)
            last = font.getlength(letter)
            left += last
            continue
        middle = left - last / 2
        high = top + size * 0.1
        reach = size * 0.16
        rise = 0.0 if letter == "\N{COMBINING TILDE}" else reach
        stroke = (middle - reach / 2, high + rise, middle + reach, high)
        draw.line(stroke, fill=ink, width=max(1, int(size // 10)))


def _photographed(sheet: Sheet) -> bytes:
    """The sheet on a table, taken with a phone: askew, a little dark, with grain."""
    random = Random(sheet.title)
    table = Image.new("RGB", (780, 1040), (116, 88, 66))
    grain = ImageDraw.Draw(table)
    for top in range(0, 1040, 7):
        shade = random.randrange(-10, 10)
        colour = (116 + shade, 88 + shade, 66 + shade)
        grain.line((0, top, 780, top + random.randrange(-6, 6)), fill=colour, width=4)
    angle = random.uniform(-4, 4)
    page = _drawn(sheet).convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = ((780 - page.width) // 2, (1040 - page.height) // 2)
    shadow = Image.new("RGBA", page.size, (0, 0, 0, 110))
    table.paste(shadow, (place[0] + 10, place[1] + 12), page.getchannel("A"))
    table.paste(page, place, page)
    light = Image.linear_gradient("L").resize(table.size).point(lambda v: 255 - v // 4)
    lit = Image.composite(table, Image.new("RGB", table.size, (24, 18, 14)), light)
    lit = lit.filter(ImageFilter.GaussianBlur(0.6))
    return _saved(lit, "JPEG", quality=72)


def _scanned(sheet: Sheet) -> bytes:
    """The sheet as an app for scanning makes it: grey, hard, straight."""
    return _saved(_drawn(sheet).convert("L"), "PNG", optimize=True)


def _pdf(sheet: Sheet) -> bytes:
    """The sheet as a PDF of one page, written by hand."""
    lines = [
        f"BT /F1 11 Tf 60 780 Td {_escaped(sheet.issuer)} Tj ET",
        "60 768 m 535 768 l S",
        f"BT /F2 20 Tf 60 730 Td {_escaped(sheet.title)} Tj ET",
    ]
    for row, (label, value) in enumerate(sheet.lines):
        top = 690 - row * 42
        lines.append(f"BT /F1 9 Tf 60 {top} Td {_escaped(label)} Tj ET")
        lines.append(f"BT /F2 12 Tf 60 {top - 16} Td {_escaped(value)} Tj ET")
    for row, words in enumerate(_wrapped(sheet.closing, 80)):
        lines.append(f"BT /F1 11 Tf 60 {410 - row * 16} Td {_escaped(words)} Tj ET")
    lines.append(f"BT /F1 9 Tf 60 60 Td {_escaped('Documento inventado')} Tj ET")
    stream = "\n".join(lines).encode("cp1252", "replace")
    packed = zlib.compress(stream, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(packed), packed),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    written, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(written + b"startxref\n%d\n%%%%EOF\n" % table)


def _sticker() -> bytes:
    """A smiling face, as WebP with a transparent ground."""
    face = Image.new("RGBA", (512, 512), (0, 0, 0, 0))
    draw = ImageDraw.Draw(face)
    draw.ellipse((36, 36, 476, 476), fill=(255, 205, 64, 255), outline=(180, 120, 10, 255), width=8)
    for left in (160, 300):
        draw.ellipse((left, 170, left + 52, 246), fill=(70, 48, 10, 255))
    draw.arc((140, 200, 372, 400), 20, 160, fill=(70, 48, 10, 255), width=18)
    return _saved(face, "WEBP", quality=70)


def _saved(image: Image.Image, kind: str, **options: int | bool) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _escaped(words: str) -> str:
    for special in "\\()":
        words = words.replace(special, f"\\{special}")
    return f"({words})"


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _note() -> bytes:
    return "Apuntes inventados.\nLlevar a la cita: pasaporte, padrón, tasa pagada.\n".encode()


_WITHOUT_ACCENTS = str.maketrans("áéíóúüñç", "aeiouunc")
_ID_LENGTH = 16
_NOTE = 90


def _file(name: str) -> Callable[[], bytes]:
    return (_MEDIA / name).read_bytes


#: By the two digits that an id begins with. A number that was given stays with its file.
SPECIMENS = {
    specimen.number: specimen
    for specimen in (
        *(
            Specimen(10 + n, "image/jpeg", partial(_photographed, s), s.words)
            for n, s in enumerate(SHEETS)
        ),
        *(
            Specimen(20 + n, "application/pdf", partial(_pdf, s), s.words)
            for n, s in enumerate(SHEETS)
        ),
        *(
            Specimen(30 + n, "image/png", partial(_scanned, s), s.words)
            for n, s in enumerate(SHEETS)
        ),
        Specimen(40, "audio/ogg; codecs=opus", _file("voice_note_1.ogg")),
        Specimen(41, "audio/ogg; codecs=opus", _file("voice_note_2.ogg")),
        Specimen(50, "video/mp4", _file("video.mp4")),
        Specimen(60, "image/webp", _sticker),
        Specimen(_NOTE, "text/plain", _note),
    )
}


@cache
def _content(number: int) -> bytes:
    return SPECIMENS[number].make()


def _kind(specimen: Specimen) -> str:
    return specimen.mime_type.split(";")[0]
