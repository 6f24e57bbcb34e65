"""The way out to WhatsApp of this process, given once at start by the composition root.

whatsapp.use(Graph(...), Pacing(...), on_queued=dispatcher.ring)    # main.py, at start
await whatsapp.graph().mark_read(...)                               # whoever asks WhatsApp
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.adapters.graph import Graph


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast messages leave. WhatsApp takes 80 a second from a number, what arrives included (20
    where a phone uses it too), and from one number to one person one in 6 seconds, somewhat more
    for a moment."""

    #: Of one number.
    per_second: float = 20.0
    #: Messages to one person follow each other at once up to so many, ...
    pair_burst: int = 10
    #: ... and over a longer time one in so many seconds.
    pair_seconds: float = 6.0


_graph: Graph | None = None
_ring: Callable[[], None] | None = None


def use(graph: Graph | None, *, on_queued: Callable[[], None] | None = None) -> None:
    """Send through this from now on; None at the end. `on_queued` rings whoever sends."""
    global _graph, _ring
    _graph, _ring = graph, on_queued


def graph() -> Graph:
    """The Graph API. RuntimeError before the composition root has said which."""
    if _graph is None:
        raise RuntimeError("whatsapp has not been started")
    return _graph


def queued() -> None:
    """There is something to send. Whoever does not hear it looks once a second."""
    if _ring is not None:
        _ring()
