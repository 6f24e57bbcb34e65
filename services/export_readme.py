"""What a person is told about the copy of their data: Spanish and English."""

from datetime import date


def readme(
    since: date, *, missing: list[str], shared_items: int, part: int | None, is_last: bool
) -> str:
    """README.txt of one part; `part` is None where there is only one.

    `missing`: documents that should be in this part. `shared_items`: how many things that WhatsApp
    brought are left out because they are other people's, too.
    """
    spanish = _spanish_notes(missing, shared_items, part, is_last)
    english = _english_notes(missing, shared_items, part, is_last)
    return f"""ESPAÑOL

Esta es una copia de los datos que la entidad guarda sobre ti desde el {since.isoformat()}
(artículos 15 y 20 del Reglamento General de Protección de Datos).

conversation.html   la conversación, para leer con cualquier navegador
client.json         los datos, también para llevarlos a otro sitio: datos del expediente y lo que
                    decían antes, identificadores, mensajes con su estado, lo que llegó por
                    WhatsApp y no se pudo leer como mensaje, palabras en las que se basa la
                    propuesta de perfil, notas y etiquetas del equipo, documentos, copias
                    anteriores, lo que decían las listas importadas, y quién ha llevado y quién
                    ha visto el expediente, también en listas y búsquedas, o lo ha cambiado, y
                    cuándo
documents/          los documentos del expediente
media/              fotos, notas de voz y otros archivos de la conversación, tal como llegaron
manifest.json       el tamaño y la suma SHA-256 de cada fichero

No está en esta copia: lo que llegó por WhatsApp tan dañado que no se sabe de quién es, las copias
de seguridad, el motivo por el que un expediente no puede borrarse de momento, y los datos de otras
personas. Puedes preguntar por todo ello a la entidad.
{spanish}
Tienes derecho a que se corrija lo que no sea exacto, a que se borre y a reclamar ante la Agencia
Española de Protección de Datos (www.aepd.es).

ENGLISH

This is a copy of the data that the organisation has kept about you since {since.isoformat()}
(articles 15 and 20 of the General Data Protection Regulation).

conversation.html   the conversation, to be read in any browser
client.json         the data, also to be taken elsewhere: the file's facts and what they said
                    before, identifiers, messages with their status, what WhatsApp brought that
                    could not be read as a message, the words behind the proposed profile, notes and
                    labels of the team, documents, earlier copies, what imported lists said, and who
                    carried and who looked at the file, lists and searches included, or changed it,
                    and when
documents/          the file's documents
media/              photos, voice notes and other files of the conversation, as they came
manifest.json       the size and SHA-256 of each file

Not in this copy: what WhatsApp brought so damaged that nobody knows whose it is, backups, the
reason for which a file must not be erased for now, and data of other people. You may ask the
organisation about all of it.
{english}
You have the right to have what is not accurate corrected, to have it erased, and to complain to the
Spanish data protection authority (www.aepd.es).
"""


def _spanish_notes(missing: list[str], shared_items: int, part: int | None, is_last: bool) -> str:
    notes = []
    if part is not None:
        more = "la última" if is_last else "hay más"
        notes.append(
            f"Esta es la parte {part} ({more}). Lo que no cabe en una parte sigue en la siguiente,"
            " en client-2.json o conversation-2.html."
        )
    if shared_items:
        notes.append(
            "Elementos recibidos por WhatsApp que tratan también de otros y no se incluyen:"
            f" {shared_items}."
        )
    if missing:
        notes.append(f"No se han encontrado estos ficheros: {', '.join(missing)}")
    return "".join(f"\n{note}\n" for note in notes)


def _english_notes(missing: list[str], shared_items: int, part: int | None, is_last: bool) -> str:
    notes = []
    if part is not None:
        more = "the last one" if is_last else "there are more"
        notes.append(
            f"This is part {part} ({more}). What does not fit into a part goes on in the next, in"
            " client-2.json or conversation-2.html."
        )
    if shared_items:
        notes.append(
            "Items that WhatsApp brought, that are about other people, too, and are left out:"
            f" {shared_items}."
        )
    if missing:
        notes.append(f"These files could not be found: {', '.join(missing)}")
    return "".join(f"\n{note}\n" for note in notes)
