"""Small conversations for tests of the numbers, and the numbers counted by hand."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from services.classification import Evidence, propose

Owner = psycopg.Connection[tuple[Any, ...]]

MADRID = ZoneInfo("Europe/Madrid")
SILENT = ("reaction", "edit", "revoke", "system")
ARRIVED = ("accepted", "sent", "delivered", "read", "played")


@dataclass
class Desk:
    """Writes behind the app's back, as the webhook and colleagues would."""

    owner: Owner

    def client(self, **columns: Any) -> UUID:
        names = ", ".join(columns) or "name"
        marks = ", ".join(["%s"] * len(columns)) or "default"
        found = self.owner.execute(
            f"insert into clients ({names}) values ({marks}) returning id".encode(),  # noqa: S608
            list(columns.values()),
        ).fetchone()
        assert found is not None
        return UUID(str(found[0]))

    def message(
        self,
        client: UUID,
        direction: str,
        at: str | datetime,
        *,
        type: str = "text",
        status: str | None = None,
        code: int | None = None,
        by: UUID | None = None,
    ) -> UUID:
        found = self.owner.execute(
            "insert into messages (client_id, phone_number_id, direction, type, sent_at, status,"
            " error) values (%s, '1', %s, %s, %s, %s, %s) returning id",
            [
                client,
                direction,
                type,
                at,
                status or ("received" if direction == "inbound" else "sent"),
                None if code is None else psycopg.types.json.Jsonb({"code": code}),
            ],
        ).fetchone()
        assert found is not None
        if by is not None:
            self.owner.execute(
                "insert into message_sends (message_id, client_id, phone_number_id, request,"
                " created_by, finished_at) values (%s, %s, '1', '{}', %s, now())",
                [found[0], client, by],
            )
        return UUID(str(found[0]))

    def document(self, client: UUID, at: str | datetime, state: str = "new") -> None:
        self.owner.execute(
            "insert into documents (client_id, storage_key, name, media_type, size, sha256, state,"
            " created_at) values (%s, gen_random_uuid()::text, 'x.pdf', 'application/pdf', 1,"
            " sha256('x'), %s, %s)",
            [client, state, at],
        )

    def kept(self) -> dict[tuple[str, str, str, str, str], int]:
        """All numbers: (metric, day, profile, whose, key) -> n, but for zeros."""
        rows = self.owner.execute(
            "select metric, day::text, profile, whose, key, sum(n)::int from ("
            " select metric, day, profile, whose, key, n from analytics_days union all"
            " select metric, day, profile, whose, key, n from analytics_deltas) rows"
            " group by 1, 2, 3, 4, 5 having sum(n) <> 0"
        ).fetchall()
        return {(str(a), str(b), str(c), str(d), str(e)): n for a, b, c, d, e, n in rows}


def by_hand(
    owner: Owner, now: datetime, zone: ZoneInfo = MADRID
) -> dict[tuple[str, str, str, str, str], int]:
    """The same, counted in Python from the rows; working hours are Monday to Friday, 9 to 18."""
    counted: Counter[tuple[str, str, str, str, str]] = Counter()
    clients: dict[UUID, tuple[str, str]] = {}

    def add(client: UUID, metric: str, day: str, key: str = "", whose: str = "") -> None:
        profile, theirs = clients[client]
        for p in (profile, "all"):
            for w in (whose or theirs, "all"):
                counted[metric, day, p, w, key] += 1

    def day_of(moment: datetime) -> str:
        return moment.astimezone(zone).date().isoformat()

    rows: Any = owner.execute(
        "select id, profile_type, assigned_to, status, language, waiting_since, created_at,"
        " profile_source, profile_evidence from clients"
    ).fetchall()
    for id, profile, whose, status, language, waiting, created, source, evidence in rows:
        clients[id] = (profile, str(whose) if whose else "nobody")
        add(id, "people", "1970-01-01", status)
        add(id, "new", day_of(created))
        if status != "archived":
            add(id, "language", "1970-01-01", language or "")
            if waiting is not None:
                add(id, "waiting", "1970-01-01")
        if source == "staff" and evidence:
            proposed = propose(Evidence.from_json(piece) for piece in evidence).profile_type
            add(id, "agreement", day_of(created), proposed)
    said: dict[UUID, list[tuple[datetime, bool]]] = defaultdict(list)
    rows = owner.execute(
        "select m.client_id, direction, type, status, error ->> 'code', sent_at, created_by"
        " from messages m left join message_sends s on s.message_id = m.id order by sent_at, seq"
    ).fetchall()
    for client, direction, type_, status, code, sent_at, by in rows:
        if type_ in SILENT or status in ("queued", "sending"):
            continue
        if status == "failed":
            add(client, "failed", day_of(sent_at), code or "")
            continue
        add(client, direction, day_of(sent_at))
        if by is not None:
            add(client, "sent", day_of(sent_at), whose=str(by))
        if direction == "inbound" or status in ARRIVED:
            said[client].append((sent_at, direction == "inbound"))
    rows = owner.execute("select client_id, state, created_at from documents").fetchall()
    for client, state, created in rows:
        add(client, "document", day_of(created), state)
    for client, spoken in said.items():
        _count_exchanges(client, spoken, now, zone, add, day_of)
    return dict(counted)


def _count_exchanges(
    client: UUID, spoken: list[tuple[datetime, bool]], now: datetime, zone: ZoneInfo,
    add: Any, day_of: Any,
) -> None:  # fmt: skip
    started: datetime | None = None
    lapsed: datetime | None = None
    number = 0
    for n, (moment, theirs) in enumerate(spoken):
        following = spoken[n + 1][0] if n + 1 < len(spoken) else None
        if theirs:
            if started is None:
                started, lapsed, number = moment, None, number + 1
            closes = moment + timedelta(hours=24)
            if lapsed is None and (following is None or following > closes):
                lapsed = closes
                if closes <= now:
                    add(client, "missed", day_of(closes))
        elif started is not None:
            minutes = working_seconds(started, moment, zone) // 60
            for metric in ("answer", *(("first_answer",) if number == 1 else ())):
                add(client, metric, day_of(moment), str(step_of(minutes)))
            started = None


def working_seconds(since: datetime, until: datetime, zone: ZoneInfo = MADRID) -> int:
    """Monday to Friday, 9 to 18, day by day."""
    total = 0.0
    day = since.astimezone(zone).date()
    while day <= until.astimezone(zone).date():
        opens = datetime(day.year, day.month, day.day, 9, tzinfo=zone).astimezone(UTC)
        closes = datetime(day.year, day.month, day.day, 18, tzinfo=zone).astimezone(UTC)
        if day.isoweekday() < 6:
            total += max(0.0, (min(until, closes) - max(since, opens)).total_seconds())
        day += timedelta(days=1)
    return int(total)


def step_of(minutes: int) -> int:
    """Where the step of the histogram begins that holds these minutes."""
    size = 1 if minutes < 60 else 5 if minutes < 540 else 30 if minutes < 2700 else 540
    return min(minutes, 54_000) // size * size
