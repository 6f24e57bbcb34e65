"""What could not be made of deliveries, for the admins: look, try again, close."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import webhook_deliveries, webhook_items, webhook_refusals
from services import audit
from services.actors import Staff
from services.permissions import Permission, requires


@dataclass(frozen=True, slots=True)
class UnprocessedItem:
    """One item that waits for a person, or that was kept for the record."""

    id: int
    delivery_id: int
    position: int
    field: str
    state: str
    code: str
    reason: str | None
    #: ASCII JSON as it was read. Personal data: for an admin's eyes, never for a log.
    raw: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UnreadableDelivery:
    """A signed body that nothing could be made of."""

    id: int
    received_at: datetime
    reason: str
    size: int
    #: The first bytes, as Python shows bytes, for an admin to recognise.
    head: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """Requests turned away on one day for one reason."""

    day: str
    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page of unprocessed deliveries shows, newest first."""

    waiting: int
    quarantined: list[UnprocessedItem]
    noted: list[UnprocessedItem]
    unreadable: list[UnreadableDelivery]
    refusals: list[Refusals]


@requires(Permission.HANDLE_DELIVERIES)
async def overview(actor: Staff, *, limit: int = 100, again: bool = False) -> Overview:
    """What waits for an admin.

    Audited as a view; `again` is for a page that brings itself up to date.
    """
    async with begin(actor) as connection:
        waiting = await connection.scalar(
            select(func.count()).where(webhook_deliveries.c.state == "pending")
        )
        unreadable = await connection.execute(
            text(
                "select id, received_at, reason, octet_length(body) as size,"
                " substring(body for 200) as head from webhook_deliveries"
                " where state = 'unreadable' order by received_at desc limit :limit"
            ),
            {"limit": limit},
        )
        refusals = await connection.execute(
            select(webhook_refusals).order_by(webhook_refusals.c.last_at.desc()).limit(30)
        )
        quarantined = await _items(connection, "quarantined", limit)
        noted = await _items(connection, "noted", limit)
        heads = unreadable.mappings().all()
        if (quarantined or noted or heads) and not again:
            # Numbers of ours, and not the clients' ids that `shown` holds.
            counts = {
                "items": [item.id for item in (*quarantined, *noted)],
                "deliveries": [row["id"] for row in heads],
            }
            await audit.record(connection, "view", table="webhook_items", details=counts)
        return Overview(
            waiting=waiting or 0,
            quarantined=quarantined,
            noted=noted,
            unreadable=[
                UnreadableDelivery(
                    row["id"],
                    row["received_at"],
                    row["reason"],
                    row["size"],
                    repr(bytes(row["head"]))[2:-1],
                )
                for row in heads
            ],
            refusals=[
                Refusals(row["day"].isoformat(), row["reason"], row["count"], row["last_at"])
                for row in refusals.mappings()
            ],
        )


async def _items(connection: AsyncConnection, state: str, limit: int) -> list[UnprocessedItem]:
    table = webhook_items.c
    rows = await connection.execute(
        select(webhook_items)
        .where(table.state == state)
        .order_by(table.created_at.desc(), table.id)
        .limit(limit)
    )
    names = UnprocessedItem.__dataclass_fields__
    return [UnprocessedItem(**{name: row[name] for name in names}) for row in rows.mappings()]


@requires(Permission.HANDLE_DELIVERIES)
async def replay(actor: Staff, delivery_id: int) -> bool:
    """Read and apply a delivery once more; what was applied before stays as it is.

    Returns False when there is no such delivery.
    """
    async with begin(actor) as connection:
        delivery = await connection.execute(
            update(webhook_deliveries)
            .where(
                webhook_deliveries.c.id == delivery_id,
                webhook_deliveries.c.body_removed_at.is_(None),
            )
            .values(state="pending", next_attempt_at=func.now())
        )
        if delivery.rowcount != 1:
            return False  # purged: its items stay where people can see them
        await connection.execute(
            update(webhook_items)
            .where(
                webhook_items.c.delivery_id == delivery_id,
                webhook_items.c.state == "quarantined",
            )
            .values(state="replaying")
        )
        return True


@requires(Permission.HANDLE_DELIVERIES)
async def close_item(actor: Staff, item_id: int) -> bool:
    """Say that an item needs nothing more. Returns False when there is none to close."""
    async with begin(actor) as connection:
        result = await connection.execute(
            update(webhook_items)
            .where(webhook_items.c.id == item_id, webhook_items.c.state == "quarantined")
            .values(state="closed", closed_at=func.now(), closed_by=actor.id)
        )
        return result.rowcount == 1
