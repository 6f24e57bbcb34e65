"""What can be sent from a phone that is played: phrases, files, places, and difficult things."""

from collections.abc import Callable
from dataclasses import dataclass

from services.events import Json, MessageType
from services.simulator import bodies
from services.simulator.wire import Sender
from ui.i18n import N_

Build = Callable[[Sender, str | None, bodies.Options], Json]


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something to send that is not just words."""

    type: MessageType
    label: str
    build: Build
    #: Whether the words in the field go along as its caption.
    captioned: bool = False


#: What the button beside the field offers.
ATTACHMENTS = (
    Attachment("image", N_("Photo"), lambda p, w, o: bodies.image(p, w, **o), captioned=True),
    Attachment(
        "document",
        N_("PDF"),
        lambda p, w, o: bodies.document(p, "Pasaporte.pdf", w, **o),
        captioned=True,
    ),
    Attachment("audio", N_("Voice note"), lambda p, _, o: bodies.audio(p, **o)),
    Attachment("video", N_("Video"), lambda p, w, o: bodies.video(p, w, **o), captioned=True),
    Attachment("sticker", N_("Sticker"), lambda p, _, o: bodies.sticker(p, **o)),
    Attachment(
        "location",
        N_("Location"),
        lambda p, _, o: bodies.location(
            p, 40.4169, -3.7035, name="Puerta del Sol", address="28013 Madrid", **o
        ),
    ),
    Attachment(
        "contacts",
        N_("Contact card"),
        lambda p, _, o: bodies.contacts(p, bodies.card("Youssef Prueba", "+34600000198"), **o),
    ),
    Attachment(
        "unsupported",
        N_("Poll (not passed on)"),
        lambda p, _, o: bodies.unsupported(p, "poll_creation", **o),
    ),
)

#: Language and words. Between them they touch every profile type.
PHRASES = (
    ("es", "Hola, buenos días. Necesito ayuda con mis papeles"),
    ("es", "Quiero pedir asilo, en mi país mi vida corre peligro"),
    ("es", "Llevo tres años empadronado en España y quiero pedir el arraigo social"),
    ("es", "Soy estudiante y tengo que renovar mi visado de estudios"),
    ("fr", "Bonjour, je suis arrivé sans papiers et je ne sais pas où aller"),
    ("en", "Good morning, my appointment is tomorrow and nobody answers the phone"),
    ("ar", "السلام عليكم، أريد تقديم طلب لجوء في إسبانيا"),
    ("pt", "Bom dia, preciso de uma cita para renovar o meu NIE"),
    ("uk", "Добрий день, у мене тимчасовий захист, як його продовжити?"),
    ("zh", "你好，我的居留卡快到期了，怎么续签？"),
    ("es", "🙏🙏"),
)

#: What a screen has to survive.
DIFFICULT = (
    (N_("Very long"), "No entiendo la carta. " * 180),
    (N_("HTML"), "<b>Hola</b> <img src=x onerror=alert(1)> & <script>alert(2)</script>"),
    (N_("Mixed directions"), "El expediente رقم ٢٨٤٧ de محمد، \u202efdp.etropasap\u202c gracias"),
    (N_("Many accents"), "Z" + "̷̢̛̖̗̘̙̜̝̞̟̠" * 20 + "algo"),
)

#: Reactions that people use.
EMOJI = ("👍", "❤️", "🙏", "😂", "😢", "😮")

#: Why WhatsApp did not deliver a message: Meta's number, our words, its details.
FAILURES = (
    (
        131047,
        N_("24 hours are over"),
        "Message failed to send because more than 24 hours have passed since the customer last "
        "replied to this number.",
    ),
    (131026, N_("no WhatsApp there"), "Message undeliverable."),
    (
        131049,
        N_("held back"),
        "This message was not delivered to maintain healthy ecosystem engagement.",
    ),
)
