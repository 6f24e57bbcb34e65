"""Acogida's composition root: settings, database, FastAPI with NiceGUI mounted on it, server.

python main.py                    serve (same as `serve`)
python main.py --help             the other commands
"""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy.exc import OperationalError

from api import documents, health, imports, simulated_graph
from api import files as api_files
from api.reference import add_reference
from api.routes import add_api
from db import engine
from db.setup import Database, SetupError
from services import (
    access_exports,
    audit_verify,
    channel_checks,
    commands,
    deliveries,
    erasures,
    files,
    keys,
    logs,
    media_fetching,
    presence,
    removals,
    retention,
    sending_health,
    session_tokens,
    sessions,
    staff,
    template_sync,
    triage,
    whatsapp,
)
from services.actors import System
from services.adapters.graph import Graph
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import Storage, StorageProblem
from services.analytics import counting
from services.analytics.hours import WorkingHours
from services.changes import Listener
from services.dispatch import Dispatcher
from services.headers import SecureAnswers
from services.hosts import LoopbackOnly, PublicHostOnly
from services.imports import run
from services.outside import graph_of, pacing_of, sign_in_of, storage_of, tokens_of
from services.scrubbing import connection_problem
from services.settings import Settings, SettingsError, load
from services.sign_in import SignIn
from services.simulator import demo, graph, graph_people
from services.simulator.graph import SimulatedGraph
from services.simulator.play import Webhook
from services.worker import Worker
from ui import live, open_pages
from ui.components import channel_banner
from ui.register import register_ui
from webhook import payloads, routes
from webhook.writer import Writer

RELEASE = "0.1.0"


log = structlog.get_logger()


def create_app(settings: Settings, database: Database, *, demo_data: bool = False) -> FastAPI:
    """The whole app: what Meta calls, what programs call, and the staff's pages."""
    keys.use_secret(settings.session_secret.get_secret_value())
    sessions.require_second_factor("optional" if settings.mock else settings.second_factor)
    storage, sign_in = storage_of(settings), sign_in_of(settings)
    tokens, local_tokens = tokens_of(settings)
    applying = Worker("deliveries", lambda: deliveries.process(System("webhook"), payloads.read))
    writer = Writer(on_stored=applying.ring)
    meta = simulated(settings) if settings.mock else None
    graph = graph_of(settings)
    dispatcher = Dispatcher(graph, pacing_of(settings))
    sending = Worker("sending", dispatcher.step)
    dispatcher.on_free = sending.ring
    listener = Listener(
        database.listen,
        live.dispatch,
        live.dispatch_gap,
        live.dispatch_sessions,
        live.dispatch_channel,
        live.dispatch_presence,
        live.dispatch_person,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start(database.runtime)
        files.use(storage)
        whatsapp.use(graph, on_queued=sending.ring)
        loops = [applying.run(), sending.run(), writer.run(), listener.run(), open_pages.watch()]
        loops.append(channel_banner.watch())
        loops += [worker.run() for worker in background(settings, writer, sign_in)]
        loops += [worker.run() for worker in fetching(settings, graph)]
        if demo_data:
            secret = settings.whatsapp_app_secrets[0]
            loops.append(demo.seed_app_when_empty(settings.public_url, secret))
        tasks = [asyncio.create_task(loop) for loop in [*loops, prepare(storage)]]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What is under way may still be told what became of it.
        await dispatcher.close(within=10)
        await graph.close()
        if meta is not None:
            await meta.close()
        await storage.close()
        await engine.stop()

    # FastAPI's own pages of the documentation load from elsewhere; `add_reference` has ours.
    app = FastAPI(
        title="Acogida",
        version=RELEASE,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    parts = {"listener": lambda: listener.connected, "worker": applying.healthy}
    routes.add_webhook(
        app,
        app_secrets=settings.whatsapp_app_secrets,
        verify_token=settings.whatsapp_verify_token.get_secret_value(),
        writer=writer,
    )
    app.include_router(health.router(parts))
    add_api(
        app,
        tokens=tokens,
        requests_per_minute=settings.api_requests_per_minute,
        mock=local_tokens,
        more=[documents.router(), imports.router()],
    )
    add_reference(app, allowed=None if settings.mock else is_staff)
    if isinstance(storage, LocalStorage):
        app.include_router(api_files.router(storage))
    if meta is not None:
        app.include_router(simulated_graph.router(meta))
        app.include_router(simulated_graph.media_router(meta, allowed=is_staff))
    register_ui(app, settings, sign_in)
    if settings.mock:
        app.add_middleware(LoopbackOnly)
    else:
        app.add_middleware(PublicHostOnly, public_url=settings.public_url)
    app.add_middleware(SecureAnswers, https=settings.public_url.startswith("https://"))
    app.add_middleware(logs.RequestId)
    return app


def simulated(settings: Settings) -> SimulatedGraph:
    """Meta's side in mock mode: takes what is sent and tells the webhook what became of it."""
    webhook = Webhook(f"{settings.public_url}/webhook", settings.whatsapp_app_secrets[0])
    meta = SimulatedGraph(
        post=webhook.deliver,
        lookup=partial(graph_people.known, System("simulator")),
        token=settings.whatsapp_api_token.get_secret_value(),
    )
    graph.use(meta)
    return meta


def background(settings: Settings, writer: Writer, sign_in: SignIn) -> list[Worker]:
    """The work that waits in rows of the database, beside applying what WhatsApp delivers."""
    zone = ZoneInfo(settings.timezone)
    verification = audit_verify.DailyVerification(System("audit"))
    reading = template_sync.Reading(System("templates"), whatsapp.graph())
    steps: dict[str, Callable[[System], Awaitable[int]]] = {
        "refusals": lambda _: writer.count_refusals(),
        "audit": lambda system: audit_verify.seal(system, patience=2),
        "audit-verification": lambda _: verification.step(),
        "sessions": sessions.end_expired,
        "removals": removals.remove_waiting,
        "access-exports": lambda system: access_exports.build_next(system, zone=zone),
        "export-expiry": access_exports.expire,
        "erasure-proof": erasures.prove_next,
        "retention": retention.run_due,
        "snoozed": triage.wake_due,
        "presence": presence.forget_gone,
        "sending-health": sending_health.ask_again,
        "analytics": counting.keep(zone, hours_of(settings)),
        "imports": run.work,
        "templates": lambda _: reading.step(),
        "channel": lambda system: channel_checks.check_due(system, whatsapp.graph()),
    }
    if (provider := sign_in.password) is not None:
        steps["session-tokens"] = lambda system: session_tokens.refresh_due(system, provider)
    return [
        Worker(name, lambda name=name, step=step: step(System(name)))  # type: ignore[misc]
        for name, step in steps.items()
    ]


def hours_of(settings: Settings) -> WorkingHours:
    """When the organisation works."""
    return WorkingHours.read(
        settings.working_days, settings.working_hours, holidays=settings.working_holidays_off
    )


def fetching(settings: Settings, graph: Graph) -> list[Worker]:
    """What fetches the files of messages: a slow one holds up no other."""
    system = System("media")

    def fetch() -> Awaitable[int]:
        return media_fetching.fetch_next(system, graph, only_public=not settings.mock)

    workers = [Worker(f"media-{n}", fetch) for n in range(1, media_fetching.PARALLEL + 1)]
    return [*workers, Worker("media-expiry", lambda: media_fetching.expire(system))]


async def prepare(storage: Storage) -> None:
    """Make the bucket ready. Without it messages still come in, and storing a file tries again."""
    try:
        await storage.ensure()
    except StorageProblem as problem:
        log.error("storage.not_ready", code=problem.code)


async def is_staff(request: Request) -> bool:
    """Whether the documentation may be shown."""
    token = request.cookies.get(sessions.COOKIE)
    return token is not None and await sessions.staff_of(token, touch=False) is not None


def serve(settings: Settings, *, demo_data: bool = True) -> None:
    """Run until stopped. Prints where to go and, in mock mode, what to try."""
    # Uvicorn raises the signal once more after its own shutdown; the embedded database, too, wants
    # to be stopped then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    database = commands.connect(settings)
    try:
        app = create_app(settings, database, demo_data=settings.mock and demo_data)
        if settings.mock:
            commands.run(database, staff.add_demo_staff(commands.COMMAND))
            print(welcome(settings), flush=True)
        spare_the_collector()
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=5,
        )
    finally:
        database.close()


def spare_the_collector() -> None:
    """Keep the garbage collector from walking through the imported modules at every turn.

    A hundred waiting requests are enough to age objects, and each old-generation collection costs
    the loop tens of milliseconds. What is loaded by now stays for good.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def welcome(settings: Settings) -> str:
    """What a person who just typed `make run` needs to know."""
    people = "\n".join(
        f"    {name:<16} {role:<11} {email}" for email, name, role in staff.DEMO_STAFF
    )
    return f"""
Acogida is at {settings.public_url} (mock mode: everything is local, everybody is invented).

Sign in as
{people}

Webhook         {settings.public_url}/webhook
App secret      {settings.whatsapp_app_secret.get_secret_value()}
Verify token    {settings.whatsapp_verify_token.get_secret_value()}
Simulator       {settings.public_url}/simulator
Stop            Ctrl+C
"""


def described(settings: Settings, database: Database) -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(settings, database).openapi()


def main(argv: Sequence[str] | None = None) -> int:
    """Read the settings, then serve or carry out a command; returns the exit code."""
    arguments = commands.parser().parse_args(argv)
    try:
        if arguments.command == "migrate":
            commands.migrate()
            return 0
        settings = load()
        logs.configure(settings.log_level, settings.log_format, exception_messages=settings.mock)
        logs.configure_sentry(commands.revealed(settings.sentry_dsn), RELEASE)
        if arguments.command in (None, "serve"):
            serve(settings, demo_data=not getattr(arguments, "no_demo", False))
            return 0
        return commands.carry_out(arguments, settings, described)
    except (SettingsError, SetupError) as error:
        print(error, file=sys.stderr)
        return 2
    except (psycopg.OperationalError, OperationalError) as error:
        problem = connection_problem(error)
        print(f"The database that DATABASE_URL names cannot be used: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
