"""How often somebody may do something, counted in Postgres for all processes together.

A window begins with the first hit and ends `seconds` later, whatever happens in between (a fixed
window): hits beyond `most` raise TooMany until it ends, and twice `most` may fall close together
around its end. Whom a count belongs to is kept as a keyed digest only.

Retention removes what is long over. What cannot be counted is not done: while Postgres is down,
`hit` raises its error like every other query, and nobody signs in or asks anything
meanwhile.
"""

import ipaddress
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from db.engine import begin, execute_alone, fetch_alone
from services import keys
from services.actors import System
from services.errors import TooMany
from services.permissions import Permission, requires


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` hits of one key in `seconds`."""

    rule: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How many hits are left in a window, and in how many seconds it ends."""

    left: int
    seconds: float


#: Failed sign-ins: of one account from one address, from one address, and of one account from
#: wherever its owner is not known to be. No single address can use up the last of them, so that a
#: stranger's guesses do not shut the owner out. Right ones are not counted.
#: What is told of an address has keys of `by_address`.
SIGN_IN_PAIR = Limit("sign_in.pair", 10, 300)
SIGN_IN_ADDRESS = Limit("sign_in.address", 30, 300)
SIGN_IN_ACCOUNT = Limit("sign_in.account", 300, 3600)
#: Round trips to a provider that fail, links that lead nowhere, and round trips begun.
SIGN_IN_CALLBACK = Limit("sign_in.callback", 30, 300)
SIGN_IN_LINK = Limit("sign_in.link", 30, 300)
SIGN_IN_DEPARTURE = Limit("sign_in.departure", 20, 60)
SECOND_FACTOR = Limit("second_factor", 5, 300)
WEBHOOK_FAILURES = Limit("webhook.failures", 10, 60)
#: Refusals of files. WhatsApp shuts a whole number out of its files for half an hour after 20 of
#: them in an hour; up to four are under way at once.
MEDIA_REFUSALS = Limit("media.refusals", 15, 3600)

_DOT_ABOVE = "\N{COMBINING DOT ABOVE}"

_HIT = """
insert into public.rate_limits as r (rule, key_sha256, window_started_at, hits)
values (%(rule)s, %(key)b, now(), 1)
on conflict (rule, key_sha256) do update set
  hits = case when r.window_started_at <= now() - make_interval(secs => %(seconds)s)
    then 1 else r.hits + 1 end,
  window_started_at = case when r.window_started_at <= now() - make_interval(secs => %(seconds)s)
    then now() else r.window_started_at end
returning hits, extract(epoch from window_started_at - now())::float8 + %(seconds)s
"""
_STANDING = """
select hits, extract(epoch from window_started_at - now())::float8 + %(seconds)s
from public.rate_limits where rule = %(rule)s and key_sha256 = %(key)b
  and window_started_at > now() - make_interval(secs => %(seconds)s)
"""
_GIVE_BACK = """
update public.rate_limits set hits = greatest(hits - 1, 0)
where rule = %(rule)s and key_sha256 = %(key)b
"""
#: In the order of their keys, so that two processes never wait for each other's rows.
_HIT_MANY = text("""
insert into public.rate_limits as r (rule, key_sha256, window_started_at, hits)
select :rule, key, now(), hits
from unnest(cast(:keys as bytea[]), cast(:hits as integer[])) as counted (key, hits) order by key
on conflict (rule, key_sha256) do update set
  hits = case when r.window_started_at <= now() - make_interval(secs => :seconds)
    then excluded.hits else r.hits + excluded.hits end,
  window_started_at = case when r.window_started_at <= now() - make_interval(secs => :seconds)
    then now() else r.window_started_at end
returning key_sha256, hits, extract(epoch from window_started_at - now())::float8 + :seconds
""")


async def hit(limit: Limit, key: str) -> Standing:
    """Count one hit; what is left after it. Raises TooMany when it is one too many."""
    row = await fetch_alone(_HIT, _parameters(limit, key))
    assert row is not None
    hits, seconds = row
    if hits > limit.most:
        raise TooMany(max(seconds, 1.0))
    return Standing(limit.most - hits, max(seconds, 1.0))


async def standing(limit: Limit, key: str) -> Standing:
    """How many hits are left, without counting one."""
    row = await fetch_alone(_STANDING, _parameters(limit, key))
    if row is None:
        return Standing(limit.most, float(limit.seconds))
    hits, seconds = row
    return Standing(max(limit.most - hits, 0), max(seconds, 1.0))


async def give_back(limit: Limit, key: str) -> None:
    """Take one hit back: what was counted beforehand turned out to be none."""
    await execute_alone(_GIVE_BACK, _parameters(limit, key))


@requires(Permission.SYSTEM)
async def hit_many(actor: System, limit: Limit, hits: Mapping[str, int]) -> dict[str, float]:
    """Count what was gathered elsewhere: key -> hits. Returns key -> seconds to wait.

    Only for the keys that have reached the limit, so that whoever gathers can refuse the next.
    """
    if not hits:
        return {}
    named = {_digest(limit, key): key for key in hits}
    async with begin(actor) as connection:
        rows = await connection.execute(
            _HIT_MANY,
            {
                "rule": limit.rule,
                "keys": list(named),
                "hits": [hits[key] for key in named.values()],
                "seconds": limit.seconds,
            },
        )
        return {
            named[bytes(digest)]: max(wait, 1.0)
            for digest, total, wait in rows
            if total >= limit.most
        }


def by_address(address: str | None) -> str:
    """The key of an IP address: of IPv6 its /64, which is one household or one server.

    Whoever has no address (a Unix socket) shares one key.
    """
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, 64), strict=False))
        return str(ip.ipv4_mapped)
    return str(ip)


def by_account(email: str) -> str:
    """The key of an account: one for all spellings that identity providers take for the same.

    Some read a Turkish dotted capital I as an `i`, and compatibility forms as the plain letters.
    """
    folded = unicodedata.normalize("NFKC", email.strip()).casefold()
    return unicodedata.normalize("NFKC", folded.replace(_DOT_ABOVE, ""))


async def forget(limit: Limit, key: str) -> None:
    """Begin anew: what was counted against this key is settled."""
    await execute_alone(
        "delete from public.rate_limits where rule = %(rule)s and key_sha256 = %(key)b",
        _parameters(limit, key),
    )


def _parameters(limit: Limit, key: str) -> dict[str, object]:
    return {"rule": limit.rule, "key": _digest(limit, key), "seconds": limit.seconds}


def _digest(limit: Limit, key: str) -> bytes:
    return keys.digest(f"rate limit {limit.rule}", key)
