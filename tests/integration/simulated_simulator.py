"""The simulator's page with a line to the webhook in place of the network."""

from functools import partial

from nicegui import app, ui

from services.actors import System
from services.settings import Settings
from services.simulator import graph, graph_people
from services.simulator.graph import SimulatedGraph
from services.simulator.play import Webhook
from tests.local_webhook import APP_SECRET, LINE
from ui import simulator
from ui.gate import Gate, guard_sockets

SETTINGS = Settings(_env_file=None, whatsapp_app_secret=APP_SECRET)

graph.use(
    SimulatedGraph(
        post=Webhook(f"{SETTINGS.public_url}/webhook", APP_SECRET, LINE).deliver,
        lookup=partial(graph_people.known, System("simulator")),
        pace=0,
    )
)
app.add_middleware(Gate, public_url=SETTINGS.public_url)
guard_sockets()
simulator.register(SETTINGS, transport=LINE)
ui.run(storage_secret="only the simulation needs this", language="es", tailwind=False)
