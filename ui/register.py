"""Everything staff see, put onto the root app."""

from fastapi import FastAPI
from nicegui import app as pages
from nicegui import ui

from services.adapters.local_identity import LocalIdentity
from services.settings import Settings
from services.sign_in import SignIn
from ui import (
    account,
    audit,
    canned_replies,
    channel,
    client,
    clients,
    dashboard,
    deliveries,
    desk_settings,
    downloads,
    errors,
    imports,
    inbox,
    keywords,
    login,
    media,
    open_pages,
    privacy,
    search,
    simulator,
    staff,
    templates,
    undelivered,
)
from ui.assets import FOLDER, MOUNT, Assets, asset
from ui.formats import use_zone
from ui.gate import Gate
from ui.rail import offer
from ui.sockets import guard_sockets

_STYLESHEETS = (
    *("tokens.css", "base.css", "frame.css", "parts.css", "forms.css", "dialogs.css"),
    *("clients.css", "timeline.css", "preview.css"),
)
_SCRIPTS = ("keys.js",)


def register_ui(app: FastAPI, settings: Settings, sign_in: SignIn) -> None:
    """Add sign-in, static files and all pages to the root app.

    Call it after every other route is on the root app: NiceGUI answers what is left.
    """
    use_zone(settings.timezone)
    app.include_router(login.router(sign_in))
    app.include_router(media.router(settings.public_url))
    app.include_router(downloads.router(sign_in.public_url))
    app.mount(MOUNT, Assets(), name="static")
    pages.add_middleware(Gate, public_url=settings.public_url)
    guard_sockets()
    register_pages(settings, sign_in)
    pages.on_connect(open_pages.say_new_role)
    ui.run_with(
        app,
        root=errors.missing_page,
        title="Acogida",
        favicon=FOLDER / "logo.svg",
        viewport="width=device-width, initial-scale=1, viewport-fit=cover",
        language="es",
        dark=None,
        tailwind=False,
        reconnect_timeout=30,
        show_welcome_message=False,
    )


def register_pages(settings: Settings, sign_in: SignIn | None = None) -> None:
    """Add the look and the pages to NiceGUI, without a server: what tests need."""
    sign_in = sign_in or SignIn(settings.public_url, demo=LocalIdentity())
    _add_look()
    sections = [
        "inbox",
        "clients",
        "dashboard",
        "import",
        "templates",
        "undelivered",
        "canned-replies",
        "desk",
        "keywords",
        "channel",
        "staff",
        "audit",
        "privacy",
        "deliveries",
    ]
    inbox.register()
    search.register()
    desk_settings.register()
    keywords.register()
    clients.register()
    client.register()
    dashboard.register()
    account.register(sign_in)
    imports.register()
    # In mock mode nobody gets an e-mail, and the page says so.
    staff.register(None if settings.mock else sign_in.invite)
    audit.register()
    privacy.register()
    deliveries.register()
    templates.register()
    canned_replies.register()
    channel.register()
    undelivered.register()
    if settings.mock:
        simulator.register(settings)
        sections.append("simulator")
    errors.register()
    offer(sections)


def _add_look() -> None:
    for sheet in _STYLESHEETS:
        ui.add_head_html(f'<link rel="stylesheet" href="{asset(sheet)}">', shared=True)
    for script in _SCRIPTS:
        ui.add_head_html(f'<script defer src="{asset(script)}"></script>', shared=True)
    # No stripe across the top for every request a page makes by itself.
    pages.config.quasar_config["loadingBar"] = {"skipHijack": True}
    ui.button.default_props("unelevated no-caps")
    ui.input.default_props("outlined dense")
    ui.select.default_props("outlined dense options-dense")
    ui.textarea.default_props("outlined dense")
    ui.tooltip.default_props("delay=400")
