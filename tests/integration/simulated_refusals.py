"""Pages that raise what services raise, behind the gate, for NiceGUI's user simulation."""

from nicegui import app, ui

from services.errors import Forbidden, NotFound, TooMany
from services.settings import Settings
from ui.errors import missing_page
from ui.gate import Gate, signed_in
from ui.layout import frame
from ui.register import register_pages
from ui.sockets import guard_sockets

SETTINGS = Settings(_env_file=None, whatsapp_app_secret="of the simulation")
SECRET = "canary 600 700 800"

ERRORS: dict[str, Exception] = {
    "forbidden": Forbidden("read_audit"),
    "missing": NotFound(SECRET),
    "often": TooMany(90),
    "broken": RuntimeError(SECRET),
}


@ui.page("/raises/{name}")
async def raises(name: str) -> None:
    raise ERRORS[name]


@ui.page("/presses")
async def presses() -> None:
    with frame("Presses"):
        for name, error in ERRORS.items():

            @signed_in
            async def press(error: Exception = error) -> None:
                raise error

            ui.button(name, on_click=lambda press=press: press())


app.add_middleware(Gate, public_url=SETTINGS.public_url)
guard_sockets()
register_pages(SETTINGS)
ui.run(missing_page, storage_secret="only the simulation needs this", language="es", tailwind=False)
