"""The account page behind its gate, without a server: what NiceGUI's user simulation runs."""

from nicegui import app, ui

from tests import fake_sign_in
from ui import account
from ui.gate import Gate, guard_sockets

app.add_middleware(Gate, public_url=fake_sign_in.DOOR.public_url)
guard_sockets()
account.register(fake_sign_in.DOOR)
ui.run(storage_secret="only the simulation needs this", language="es", tailwind=False)
