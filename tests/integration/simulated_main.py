"""The staff's pages behind their gate, without a server: what NiceGUI's user simulation runs."""

from nicegui import app, ui

from services.settings import Settings
from ui.gate import Gate, guard_sockets
from ui.register import register_pages

SETTINGS = Settings(_env_file=None, whatsapp_app_secret="of the simulation")

app.add_middleware(Gate, public_url=SETTINGS.public_url)
guard_sockets()
register_pages(SETTINGS)
ui.run(storage_secret="only the simulation needs this", language="es", tailwind=False)
