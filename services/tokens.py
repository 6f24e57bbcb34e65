"""Bearer tokens: who calls the API, read afresh for every request.

A token of Supabase Auth says who somebody is, for up to an hour and whatever happened since; what
they may do is the staff entry's word, and the database's. The service role key stands for the
organisation's own software.

Whoever holds the legacy shared secret can sign tokens for anybody, so HS256 is accepted only while
that secret is configured.
"""

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Literal
from uuid import UUID

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import JWTClaimsRegistry

from db.engine import fetch_alone
from services import keys
from services.actors import Actor, Outsider, Staff, System

log = structlog.get_logger()

SecondFactor = Literal["optional", "admins", "everybody"]

#: Seconds that clocks may differ, that keys are believed, and between two looks for a new one.
LEEWAY = 10
#: Seconds that a token may be good for at most. Supabase's last an hour, and a week at most.
LONGEST = 366 * 24 * 3600.0
KEYS_LIFETIME = 600.0
KEYS_PATIENCE = 30.0
#: Seconds for the identity provider to answer, and before it is asked again when it did not.
KEYS_TIMEOUT = 5.0
KEYS_PAUSE = 5.0
#: A token has two to three kilobytes; ids of sessions and metadata may add to it.
MAX_LENGTH = 16 * 1024
#: How long a token of mock mode works, in seconds.
LOCAL_LIFETIME = 3600


class InvalidToken(Exception):
    """Nobody, as far as this token goes. `reason` is a code for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SecondFactorRequired(InvalidToken):
    """A right token, of somebody who has to give a second factor first."""

    def __init__(self) -> None:
        super().__init__("second_factor_required")


class KeysUnavailable(Exception):
    """The identity provider's keys cannot be had, so that nothing can be said of the token."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Whom a valid token belongs to, and how sure the identity provider was: 1, or 2 factors."""

    user_id: UUID
    assurance: Literal[1, 2]


class Verifier:
    """Verifies the access tokens of one issuer.

    `jwt_secret` is the shared secret of HS256, if any. `jwks_url` is where the public keys are; by
    default below the issuer, where Supabase has them, and "" where there are none. `client` asks
    for them and stays the caller's to close.
    """

    def __init__(
        self,
        issuer: str,
        *,
        jwt_secret: str | None = None,
        jwks_url: str | None = None,
        audience: str = "authenticated",
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._secret = OctKey.import_key(jwt_secret) if jwt_secret else None
        url = f"{issuer}/.well-known/jwks.json" if jwks_url is None else jwks_url
        self._published = PublishedKeys(url, client) if url else None
        self._claims = JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def verify(self, token: str) -> Identified:
        """Who the token belongs to. Raises InvalidToken or KeysUnavailable."""
        if not token.isascii() or not 0 < len(token) <= MAX_LENGTH:
            raise InvalidToken("malformed")
        try:
            header = extract_compact(token.encode()).headers()
        except (JoseError, ValueError, RecursionError):
            raise InvalidToken("malformed") from None
        claims = self._signed(token, await self._candidates(header))
        try:
            self._claims.validate(claims)
            user_id = UUID(claims["sub"])
            lasts_for_ever = not claims["exp"] < time.time() + LONGEST
        except (JoseError, ValueError, TypeError, AttributeError, OverflowError):
            raise InvalidToken("claims") from None
        if lasts_for_ever or claims.get("role") != "authenticated":
            raise InvalidToken("claims")
        if claims.get("is_anonymous", False) is not False:
            raise InvalidToken("anonymous")
        return Identified(user_id, 2 if claims.get("aal") == "aal2" else 1)

    async def _candidates(self, header: Mapping[str, Any]) -> tuple[str, list[Key]]:
        """The algorithm, and the keys that may have signed. `alg` decides what kind of key counts:
        a public key is never taken for a shared secret."""
        algorithm = header.get("alg")
        if algorithm == "HS256":
            if self._secret is None:
                raise InvalidToken("shared_secret_not_accepted")
            return algorithm, [self._secret]
        if not isinstance(algorithm, str) or algorithm not in _ASYMMETRIC or not self._published:
            raise InvalidToken("algorithm")
        found = await self._published.matching(_ASYMMETRIC[algorithm], header.get("kid"))
        if not found:
            raise InvalidToken("unknown_key")
        return algorithm, found

    def _signed(self, token: str, by: tuple[str, list[Key]]) -> dict[str, Any]:
        algorithm, candidates = by
        for key in candidates:
            try:
                return jwt.decode(token, key, registry=_REGISTRIES[algorithm]).claims
            except (JoseError, ValueError, RecursionError):
                continue
        raise InvalidToken("signature")


class PublishedKeys:
    """The public keys that an identity provider publishes, kept for KEYS_LIFETIME at most.

    A key that is not among them may be a new one, so they are asked for again, every KEYS_PATIENCE
    at most: made-up key ids cause no more than that. A key that is no longer published is revoked.
    """

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        self._client = client
        self._lock = asyncio.Lock()
        self._keys: list[Key] = []
        #: On the clock of `time.monotonic`.
        self._fetched_at = self._failed_at = float("-inf")

    async def matching(self, kind: type[Key], kid: object) -> list[Key]:
        """Keys of that kind with that id; of any id where the token names none."""
        await self._refresh(KEYS_LIFETIME)
        found = self._matching(kind, kid)
        if not found:
            await self._refresh(KEYS_PATIENCE)
            found = self._matching(kind, kid)
        return found

    def _matching(self, kind: type[Key], kid: object) -> list[Key]:
        return [k for k in self._keys if isinstance(k, kind) and (kid is None or k.kid == kid)]

    async def _refresh(self, lifetime: float) -> None:
        if monotonic() - self._fetched_at < lifetime:
            return
        async with self._lock:
            now = monotonic()
            if now - self._fetched_at < lifetime:
                return  # another request was quicker
            if now - self._failed_at < KEYS_PAUSE:
                raise KeysUnavailable
            try:
                self._keys = _signing_keys(await self._fetch())
            except (httpx.HTTPError, TimeoutError, ValueError) as error:
                self._failed_at = monotonic()
                log.warning("keys.unavailable", error=type(error).__name__)
                raise KeysUnavailable from None
            self._fetched_at = monotonic()

    async def _fetch(self) -> Any:
        async with asyncio.timeout(KEYS_TIMEOUT):
            if self._client is not None:
                answer = await self._client.get(self._url)
            else:
                async with httpx.AsyncClient() as client:
                    answer = await client.get(self._url)
        answer.raise_for_status()
        return answer.json()


class Tokens:
    """Who acts with a token. `service_key` is Supabase's, legacy or `sb_secret_`; it is compared
    and never read."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        service_key: str | None = None,
        second_factor: SecondFactor = "optional",
    ) -> None:
        self._verifier = verifier
        self._service_key = service_key.encode() if service_key else None
        self._second_factor = second_factor

    async def actor_of(self, token: str) -> Actor:
        """The member of staff, the stranger or the software that this token is.

        Whether somebody is on the active staff, and as what, is asked of the database each time.
        Raises InvalidToken, SecondFactorRequired or KeysUnavailable.
        """
        if self._service_key and hmac.compare_digest(token.encode(), self._service_key):
            return System("api")
        who = await self._verifier.verify(token)
        found = await _active_staff(who)
        if found is None:
            return Outsider(who.user_id)
        staff, has_second_factor = found
        if who.assurance < 2 and (has_second_factor or self._must_give_second_factor(staff)):
            raise SecondFactorRequired
        return staff

    def _must_give_second_factor(self, staff: Staff) -> bool:
        return self._second_factor == "everybody" or (
            self._second_factor == "admins" and staff.role == "admin"
        )


class LocalTokens:
    """Mock mode plays the identity provider: it signs what a `Verifier` with its `secret` accepts.

    `keys.use_secret` comes first.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.secret = keys.digest("local tokens", issuer).hex()
        self._key = OctKey.import_key(self.secret)

    def verifier(self) -> Verifier:
        """Accepts these tokens and no others."""
        return Verifier(self.issuer, jwt_secret=self.secret, jwks_url="")

    async def sign_in(self, email: str) -> str | None:
        """A token for whoever on the active staff has this address, or None."""
        row = await fetch_alone(_BY_EMAIL, {"email": email.strip()})
        return self.sign(row[0]) if row is not None else None

    def sign(self, user_id: UUID, *, lifetime: int = LOCAL_LIFETIME) -> str:
        """A token as Supabase would give it, for so many seconds."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": str(user_id),
            "aud": "authenticated",
            "role": "authenticated",
            "aal": "aal1",
            "is_anonymous": False,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode({"alg": "HS256"}, claims, self._key, algorithms=["HS256"])


#: Algorithm -> the only kind of key it is verified with.
_ASYMMETRIC: Final[dict[str, type[Key]]] = {"ES256": ECKey, "RS256": RSAKey, "EdDSA": OKPKey}


def _signing_keys(published: Any) -> list[Key]:
    """The usable keys of a JWKS. One that we do not know must not take the others with it.

    Raises ValueError when it is no JWKS at all.
    """
    listed = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a key set")  # noqa: TRY004 - as for a body that is no JSON
    usable: list[Key] = []
    for entry in listed:
        kind = _KINDS.get(entry.get("kty")) if isinstance(entry, dict) else None
        if kind is None or entry.get("use", "sig") != "sig":
            continue
        try:
            usable.append(kind.import_key(entry))
        except (JoseError, ValueError, TypeError, KeyError):
            log.warning("keys.unusable")
    return usable


def _registry(algorithm: str) -> JWSRegistry:
    """Accepts one algorithm and no other."""
    registry = JWSRegistry(algorithms=[algorithm])
    if algorithm == "EdDSA":
        # RFC 9864 renames it, and joserfc warns at each use of the old name, which identity
        # providers still give it.
        known = EdDSAAlgorithm()
        known.security_warning = ""
        registry.algorithms = {algorithm: known}
    return registry


_REGISTRIES: Final = {name: _registry(name) for name in ("HS256", *_ASYMMETRIC)}

_KINDS: Final[dict[object, type[Key]]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}

_STAFF = """
select s.id, s.email, s.name, s.role, s.has_second_factor, p.language, p.theme, p.rail_collapsed
from public.staff s left join public.staff_preferences p on p.staff_id = s.id
where s.user_id = %(user_id)s and s.active
"""

_BY_EMAIL = """
select user_id from public.staff
where lower(email) = lower(%(email)s) and active and user_id is not null
"""


async def _active_staff(who: Identified) -> tuple[Staff, bool] | None:
    """Who that is on the active staff, and whether they have set up a second factor."""
    row = await fetch_alone(_STAFF, {"user_id": who.user_id})
    if row is None:
        return None
    id, email, name, role, has_second_factor, language, theme, rail_collapsed = row
    staff = Staff(
        id=id,
        user_id=who.user_id,
        email=email,
        name=name,
        role=role,
        language=language or "",
        theme=theme or "auto",
        rail_collapsed=bool(rail_collapsed),
        assurance=who.assurance,
    )
    return staff, has_second_factor
