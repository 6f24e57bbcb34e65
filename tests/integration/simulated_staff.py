"""The team's page behind its gate, with a mail that reaches everybody but `unreachable@...`."""

from nicegui import app, ui

from services.actors import Staff
from services.adapters.identity import ProviderUnavailable
from services.settings import Settings
from ui import errors, staff
from ui.gate import Gate
from ui.sockets import guard_sockets

SETTINGS = Settings(_env_file=None, whatsapp_app_secret="of the simulation")


async def send(actor: Staff, email: str, name: str) -> None:
    if email.startswith("unreachable"):
        raise ProviderUnavailable


app.add_middleware(Gate, public_url=SETTINGS.public_url)
guard_sockets()
staff.register(send)
errors.register()
ui.run(storage_secret="only the simulation needs this", language="es", tailwind=False)
