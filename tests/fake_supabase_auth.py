"""Supabase Auth as it answers over HTTP: its own grants, its own errors, real ES256 tokens.

It keeps to what the real server does where an app can tell: refresh tokens rotate and their reuse
ends the session, codes and links work once, a second factor raises a session and ends those without
it, and the gateway in front wants the project's key.
"""

import base64
import hashlib
import hmac
import json
import struct
import time
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

PUBLISHABLE_KEY = "sb_publishable_of_the_tests"
SERVICE_KEY = "sb_secret_of_the_tests"
#: Seconds that a used refresh token still brings the current pair.
REUSE_INTERVAL = 10


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "as the real one says") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Factor:
    id: str
    name: str
    secret: str
    verified: bool = False
    created_at: str = "2026-01-02T03:04:05.123456789Z"

    def code(self, at: float | None = None) -> str:
        """What an authenticator app shows at that time."""
        return totp(self.secret, time.time() if at is None else at)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "friendly_name": self.name,
            "factor_type": "totp",
            "status": "verified" if self.verified else "unverified",
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }


@dataclass
class User:
    email: str
    password: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    confirmed: bool = True
    banned: bool = False
    anonymous: bool = False
    factors: list[Factor] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        user: dict[str, Any] = {
            "id": self.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": self.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            # Anybody may write what they like into their own.
            "user_metadata": {"email": self.email, "email_verified": True},
            "identities": [],
            "created_at": "2026-01-01T10:00:00Z",
            "is_anonymous": self.anonymous,
        }
        if self.confirmed:
            user["email_confirmed_at"] = user["confirmed_at"] = "2026-01-01T10:00:00.123456Z"
        if self.factors:
            user["factors"] = [factor.shown() for factor in self.factors]
        return user


@dataclass
class Session:
    user: User
    id: str = field(default_factory=lambda: str(uuid4()))
    aal: str = "aal1"
    methods: list[str] = field(default_factory=lambda: ["password"])
    refresh: str = ""
    #: Used refresh tokens, and when.
    used: dict[str, float] = field(default_factory=dict)


class FakeSupabaseAuth:
    """The server and its memory; `url` is where its project is served."""

    def __init__(self) -> None:
        self.url = ""
        self.users: dict[str, User] = {}
        self.sessions: dict[str, Session] = {}
        #: token_hash -> kind, user: what the e-mails held.
        self.links: dict[str, tuple[str, User]] = {}
        #: Who is at the pages of the broker's providers, and what they do there.
        self.at_provider: User | None = None
        self.cancels = False
        #: Where browsers may be sent back to.
        self.allowed = "http://acogida.example/"
        self.token_seconds = 3600
        #: Errors as servers said them before the API had versions.
        self.legacy = False
        #: What the next requests get in place of an answer, first come first served.
        self.instead: list[Response] = []
        #: Of each request: method, path, and its JSON.
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.refreshes = 0
        self._signing = _new_key()
        self._older: list[ECKey] = []
        self._challenges: dict[str, str] = {}
        self._flows: dict[str, dict[str, str]] = {}
        #: code -> user, code challenge, issued at
        self._codes: dict[str, tuple[User, str, float]] = {}
        self.app = Starlette(
            routes=[
                Mount(
                    "/auth/v1",
                    routes=[
                        Route("/.well-known/jwks.json", self._jwks),
                        Route("/authorize", self._authorize),
                        Route("/callback", self._callback),
                        Route(
                            "/{path:path}", self._answer, methods=["GET", "POST", "PUT", "DELETE"]
                        ),
                    ],
                )
            ]
        )

    def add(self, user: User) -> User:
        self.users[user.email.lower()] = user
        return user

    def rotate_key(self) -> None:
        """Sign with a new key; the old one stays published."""
        self._older.append(self._signing)
        self._signing = _new_key()

    def expire_tokens(self, seconds: int = 0) -> None:
        """From now on access tokens live so long."""
        self.token_seconds = seconds

    def link_for(self, email: str, kind: str) -> str:
        """What the link in the last e-mail to somebody holds."""
        found = [h for h, (k, user) in self.links.items() if k == kind and user.email == email]
        return found[-1]

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    # The gateway and the routes.

    async def _jwks(self, request: Request) -> Response:
        published = [key.as_dict(private=False) for key in [self._signing, *self._older]]
        return JSONResponse({"keys": published}, headers={"Cache-Control": "max-age=600"})

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        self.requests.append((request.method, path, body or {}))
        if self.instead:
            return self.instead.pop(0)
        if request.headers.get("apikey") not in (PUBLISHABLE_KEY, SERVICE_KEY):
            return JSONResponse({"message": "Invalid API key", "hint": "Double check."}, 401)
        try:
            if body is None:
                raise Refusal(400, "bad_json", "Could not read params")
            answer = self._route(request, path, body)
        except Refusal as refusal:
            return self._refused(request, refusal)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        headers = {"x-sb-error-code": refusal.code}
        if not self.legacy and request.headers.get("x-supabase-api-version") == "2024-01-01":
            body: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        else:
            body = {"code": refusal.status, "error_code": refusal.code, "msg": refusal.message}
        return JSONResponse(body, refusal.status, headers=headers)

    def _route(self, request: Request, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        method, parts = request.method, path.split("/")
        if (method, path) == ("POST", "token"):
            grants = {
                "password": self._password,
                "refresh_token": self._refresh,
                "pkce": self._exchange,
            }
            return grants[request.query_params["grant_type"]](body)
        if (method, path) == ("POST", "verify"):
            return self._follow(body)
        if (method, path) == ("POST", "recover"):
            return self._recover(body)
        if (method, path) == ("POST", "invite"):
            return self._invite(request, body)
        session = self._session_of(request)
        if (method, path) == ("GET", "user"):
            return session.user.shown()
        if (method, path) == ("PUT", "user"):
            return self._change(session, body)
        if (method, path) == ("POST", "logout"):
            ended = [
                one
                for one in self.sessions.values()
                if one.user is session.user
                and (request.query_params.get("scope", "global") == "global" or one is session)
            ]
            for one in ended:
                del self.sessions[one.id]
            return None
        if (method, path) == ("POST", "factors"):
            return self._enrol(session, body)
        factor = next((f for f in session.user.factors if f.id == parts[1]), None)
        if factor is None:
            raise Refusal(404, "mfa_factor_not_found")
        if method == "DELETE":
            if factor.verified and session.aal != "aal2":
                raise Refusal(422, "insufficient_aal")
            session.user.factors.remove(factor)
            return {"id": factor.id}
        if parts[2] == "challenge":
            challenge = str(uuid4())
            self._challenges[challenge] = factor.id
            return {"id": challenge, "type": "totp", "expires_at": int(time.time()) + 300}
        return self._verify(session, factor, body)

    # Grants.

    def _password(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(str(body.get("email")).lower())
        if user is None or not user.password:
            raise Refusal(400, "invalid_credentials", "Invalid login credentials")
        if user.banned:
            raise Refusal(400, "user_banned", "User is banned")
        if user.password != body.get("password"):
            raise Refusal(400, "invalid_credentials", "Invalid login credentials")
        if not user.confirmed:
            raise Refusal(400, "email_not_confirmed", "Email not confirmed")
        return self._issue(Session(user))

    def _refresh(self, body: dict[str, Any]) -> dict[str, Any]:
        token = str(body.get("refresh_token"))
        self.refreshes += 1
        for session in list(self.sessions.values()):
            if session.refresh == token:
                if session.user.banned:
                    raise Refusal(400, "user_banned", "User is banned")
                session.used[token] = time.time()
                return self._issue(session)
            if token in session.used:
                if time.time() - session.used[token] <= REUSE_INTERVAL:
                    return self._pair(session)
                del self.sessions[session.id]
                raise Refusal(400, "refresh_token_already_used")
        raise Refusal(400, "refresh_token_not_found")

    def _exchange(self, body: dict[str, Any]) -> dict[str, Any]:
        user, challenge, issued = self._codes.pop(str(body.get("auth_code")), (None, "", 0.0))
        if user is None:
            raise Refusal(404, "flow_state_not_found")
        if time.time() - issued > 300:
            raise Refusal(403, "flow_state_expired")
        verifier = str(body.get("code_verifier")).encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        if digest.decode() != challenge:
            raise Refusal(400, "bad_code_verifier")
        return self._issue(Session(user, methods=["oauth"]))

    def _issue(self, session: Session) -> dict[str, Any]:
        session.refresh = token_hex(6)
        self.sessions[session.id] = session
        return self._pair(session)

    def _pair(self, session: Session) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/auth/v1",
            "sub": session.user.id,
            "aud": "authenticated",
            "iat": now,
            "exp": now + self.token_seconds,
            "email": session.user.email,
            "role": "authenticated",
            "aal": session.aal,
            "amr": [{"method": method, "timestamp": now} for method in session.methods],
            "session_id": session.id,
            "is_anonymous": session.user.anonymous,
        }
        header = {"alg": "ES256", "kid": self._signing.kid, "typ": "JWT"}
        return {
            "access_token": jwt.encode(header, claims, self._signing),
            "token_type": "bearer",
            "expires_in": self.token_seconds,
            "expires_at": now + self.token_seconds,
            "refresh_token": session.refresh,
            "user": session.user.shown(),
            "weak_password": None,
        }

    def _session_of(self, request: Request) -> Session:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not bearer:
            raise Refusal(401, "no_authorization", "This endpoint requires a Bearer token")
        try:
            keys = KeySet([self._signing, *self._older])
            claims = jwt.decode(bearer, keys, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            raise Refusal(403, "bad_jwt") from None
        if claims["exp"] <= time.time():
            raise Refusal(403, "bad_jwt", "token is expired")
        session = self.sessions.get(claims["session_id"])
        if session is None:
            raise Refusal(403, "session_not_found")
        return session

    # E-mails, and what people change about themselves.

    def _follow(self, body: dict[str, Any]) -> dict[str, Any]:
        kind, user = self.links.pop(str(body.get("token_hash")), ("", None))
        if user is None or kind != body.get("type"):
            raise Refusal(403, "otp_expired", "Email link is invalid or has expired")
        user.confirmed = True
        return self._issue(Session(user, methods=["otp"]))

    def _recover(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(str(body.get("email")).lower())
        if user is not None:
            self.links[token_hex(28)] = ("recovery", user)
        return {}

    def _invite(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        if request.headers.get("authorization") != f"Bearer {SERVICE_KEY}":
            raise Refusal(403, "not_admin", "User not allowed")
        user = self.users.get(str(body.get("email")).lower())
        if user is not None and user.confirmed:
            raise Refusal(422, "email_exists")
        user = user or self.add(User(str(body.get("email")), confirmed=False))
        self.links[token_hex(28)] = ("invite", user)
        return user.shown()

    def _change(self, session: Session, body: dict[str, Any]) -> dict[str, Any]:
        password, user = str(body.get("password")), session.user
        if any(factor.verified for factor in user.factors) and session.aal != "aal2":
            raise Refusal(401, "insufficient_aal")
        if len(password) < 6 or password == "password1234":
            raise Refusal(422, "weak_password")
        if password == user.password:
            raise Refusal(422, "same_password")
        user.password = password
        for one in list(self.sessions.values()):
            if one.user is user and one is not session:
                del self.sessions[one.id]
        return user.shown()

    # Second factors.

    def _enrol(self, session: Session, body: dict[str, Any]) -> dict[str, Any]:
        if session.aal != "aal2" and any(factor.verified for factor in session.user.factors):
            raise Refusal(403, "insufficient_aal", "AAL2 required to enroll a new factor")
        name = str(body.get("friendly_name"))
        if any(factor.name == name for factor in session.user.factors):
            raise Refusal(422, "mfa_factor_name_conflict")
        secret = base64.b32encode(uuid4().bytes + uuid4().bytes[:4]).decode()
        factor = Factor(str(uuid4()), name, secret)
        session.user.factors.append(factor)
        uri = f"otpauth://totp/{body.get('issuer')}:{session.user.email}?secret={secret}"
        return {
            "id": factor.id,
            "type": "totp",
            "friendly_name": name,
            "totp": {"qr_code": "<svg/>", "secret": secret, "uri": uri},
        }

    def _verify(self, session: Session, factor: Factor, body: dict[str, Any]) -> dict[str, Any]:
        if self._challenges.pop(str(body.get("challenge_id")), None) != factor.id:
            raise Refusal(422, "mfa_challenge_expired")
        now = time.time()
        if body.get("code") not in [factor.code(now + step) for step in (-30, 0, 30)]:
            raise Refusal(422, "mfa_verification_failed", "Invalid TOTP code entered")
        factor.verified = True
        session.aal, session.methods = "aal2", [*session.methods, "totp"]
        session.used[session.refresh] = now
        for one in list(self.sessions.values()):
            if one.user is session.user and one.aal == "aal1":
                del self.sessions[one.id]
        return self._issue(session)

    # Providers that the project brokers.

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.requests.append(("GET", "authorize", asked))
        if not asked.get("redirect_to", "").startswith(self.allowed):
            asked["redirect_to"] = self.allowed
        flow = str(uuid4())
        self._flows[flow] = asked
        # The provider's own pages would come here; `at_provider` says what happens on them.
        return RedirectResponse(f"{self.url}/auth/v1/callback?{urlencode({'state': flow})}", 302)

    async def _callback(self, request: Request) -> Response:
        asked = self._flows.pop(request.query_params["state"])
        if self.cancels:
            return _back(asked, {"error": "access_denied", "error_description": "cancelled"})
        user = self.at_provider
        if user is None:
            refused = {"error": "access_denied", "error_code": "signup_disabled"}
            return _back(asked, refused)
        if asked.get("code_challenge_method", "").lower() != "s256":
            return _back(asked, {"error": "invalid_request"})
        code = str(uuid4())
        self._codes[code] = (user, asked["code_challenge"], time.time())
        return _back(asked, {"code": code})


def totp(secret: str, at: float) -> str:
    """RFC 6238: six digits, every thirty seconds, SHA-1."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(at // 30)), "sha1")
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def _back(asked: dict[str, str], said: dict[str, str]) -> Response:
    url = urlsplit(asked["redirect_to"])
    query = urlencode([*parse_qsl(url.query), *said.items()])
    return RedirectResponse(urlunsplit(url._replace(query=query)), 302)


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": str(uuid4()), "use": "sig", "alg": "ES256"})
