"""Deliveries for benchmarks: invented people, short texts, no two alike."""

from random import Random

from services.events import Json
from services.simulator.bodies import (
    DEMO_NUMBER,
    Sender,
    encode,
    envelope,
    new_wamid,
    text,
)

#: As people write: a third of it holds words that say what kind of case it may be.
SENTENCES = (
    "Buenos días, quería saber si ya tienen mi cita",
    "Hola, ¿me pueden ayudar con una pregunta?",
    "Gracias, mañana les mando la foto",
    "Llevo tres años empadronada y quiero pedir el arraigo social",
    "ok perfecto",
    "Je suis arrivé au mois de mars avec ma sœur",
    "¿A qué hora abren hoy?",
    "Tengo la tarjeta roja de solicitante de asilo y me caduca en enero",
    "السلام عليكم، أحتاج مساعدة من فضلكم",
    "Hello, is the office in the same place as before?",
    "No entiendo la carta que me llegó, se la envío",
    "Me admitieron en la universidad y necesito el visado de estudiante",
)


def person(n: int) -> Sender:
    """The n-th of any number of people."""
    return Sender(wa_id=f"346{n:08}", bsuid=f"ES.{n:016}", profile_name=f"Persona {n}")


def message(random: Random, sender: Sender) -> Json:
    words = f"{random.choice(SENTENCES)} ({random.randrange(10**6)})"
    return text(sender, words, wamid=new_wamid(sender.user, random=random))


def delivery(random: Random, senders: range, *, messages: int = 1) -> bytes:
    """One body with messages of people picked from `senders`."""
    writers = [person(random.choice(senders)) for _ in range(messages)]
    return encode(
        envelope(
            DEMO_NUMBER,
            messages=[message(random, writer) for writer in writers],
            contacts=list(dict.fromkeys(writers)),
        )
    )
