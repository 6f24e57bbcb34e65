"""Supabase Auth, spoken through one entry of Authlib's registry.

Supabase's token endpoint is OAuth in another dialect: the grant in the query, a JSON body, the
project's key in a header, and errors without an `error`. Authlib has a place for each of these.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import httpx
from authlib.common.urls import add_params_to_uri

from services.adapters.identity import (
    Enrolment,
    Factor,
    Identity,
    LinkKind,
    Outward,
    Proof,
    ProviderUnavailable,
    SignInRefused,
    Tokens,
    text_of,
)
from services.adapters.oauth import OAuth, OAuthError, http_options, reaching
from services.adapters.supabase_errors import API_VERSION, raise_for, refusal

KEY = "supabase"
#: Seconds to wait for Supabase in all when somebody signs out: here they are out already.
_SIGN_OUT_TIMEOUT = 3.0
#: Seconds that an access token lives at most, by Supabase's own settings.
_LONGEST_TOKEN = 7 * 24 * 3600
_VERSION = {"X-Supabase-Api-Version": API_VERSION}
#: Supabase's names of what it brokers: what staff call it, and what it has to be asked for.
_SOCIAL = {
    "apple": ("Apple", ""),
    "azure": ("Microsoft", "email"),
    "github": ("GitHub", ""),
    "gitlab": ("GitLab", ""),
    "google": ("Google", ""),
    "keycloak": ("Keycloak", "openid"),
    "linkedin_oidc": ("LinkedIn", ""),
    "workos": ("WorkOS", ""),
}


class SupabaseAuth:
    """The accounts of one Supabase project. `http` goes to httpx: a transport, a timeout."""

    def __init__(
        self,
        url: str,
        publishable_key: str,
        service_key: str,
        *,
        http: Mapping[str, Any] | None = None,
    ) -> None:
        self.issuer = url.rstrip("/") + "/auth/v1"
        self._service_key = service_key
        self._key = publishable_key
        self.registered = OAuth().register(
            KEY,
            client_id="-",
            client_secret=publishable_key,
            api_base_url=self.issuer + "/",
            authorize_url=self.issuer + "/authorize",
            access_token_url=self.issuer + "/token",
            client_auth_methods=[(KEY, _client_auth)],
            compliance_fix=_compliance_fix,
            client_kwargs={
                "token_endpoint_auth_method": KEY,
                "code_challenge_method": "S256",
                **http_options(http),
            },
        )

    async def sign_in(self, email: str, password: str) -> Proof:
        return await self.grant(grant_type="password", email=email, password=password)

    async def refresh(self, tokens: Tokens) -> Tokens:
        return _tokens(await self._token(grant_type="refresh_token", refresh_token=tokens.refresh))

    async def sign_out(self, tokens: Tokens) -> None:
        try:
            async with asyncio.timeout(_SIGN_OUT_TIMEOUT):
                if tokens.expires_at <= datetime.now(UTC):
                    tokens = await self.refresh(tokens)
                await self._ask("POST", "logout?scope=local", tokens)
        except TimeoutError:
            raise ProviderUnavailable from None

    async def send_recovery(self, email: str) -> None:
        await self._ask("POST", "recover", json={"email": email})

    async def follow_link(self, token_hash: str, kind: LinkKind) -> Proof:
        answer = await self._ask("POST", "verify", json={"type": kind, "token_hash": token_hash})
        return self._proof(answer)

    async def set_password(self, tokens: Tokens, password: str) -> None:
        await self._ask("PUT", "user", tokens, json={"password": password})

    async def invite(self, email: str, name: str) -> None:
        headers = {
            "apikey": self._service_key,
            "Authorization": f"Bearer {self._service_key}",
        }
        body = {"email": email, "data": {"name": name}}
        try:
            await self._ask("POST", "invite", json=body, headers=headers)
        except SignInRefused as refused:
            if refused.code != "exists":
                raise
            # They have an account, and perhaps no password that they know.
            await self.send_recovery(email)

    async def factors(self, tokens: Tokens) -> Sequence[Factor]:
        user = await self._ask("GET", "user", tokens)
        async with reaching(KEY):
            return [
                Factor(
                    id=text_of(factor.get("id")),
                    name=text_of(factor.get("friendly_name")),
                    created_at=datetime.fromisoformat(text_of(factor.get("created_at"))),
                )
                for factor in _verified_factors(user)
            ]

    async def enrol(self, tokens: Tokens, name: str) -> Enrolment:
        body = {
            "factor_type": "totp",
            "issuer": name,
            # Supabase wants it to be unique among the person's factors.
            "friendly_name": f"{name} {uuid.uuid4().hex[:8]}",
        }
        answer = await self._ask("POST", "factors", tokens, json=body)
        totp = answer.get("totp")
        totp = totp if isinstance(totp, dict) else {}
        enrolment = Enrolment(
            text_of(answer.get("id")), text_of(totp.get("secret")), text_of(totp.get("uri"))
        )
        if not (enrolment.factor_id and enrolment.secret and enrolment.uri):
            raise ProviderUnavailable
        return enrolment

    async def verify(self, tokens: Tokens, factor_id: str, code: str) -> Proof:
        factor = _factor_path(factor_id)
        challenge = await self._ask("POST", f"{factor}/challenge", tokens, json={})
        body = {"challenge_id": text_of(challenge.get("id")), "code": code}
        return self._proof(await self._ask("POST", f"{factor}/verify", tokens, json=body), 2)

    async def remove_factor(self, tokens: Tokens, factor_id: str) -> None:
        await self._ask("DELETE", _factor_path(factor_id), tokens)

    async def grant(self, **parameters: str) -> Proof:
        """A grant of the token endpoint, by OAuth's names."""
        return self._proof(await self._token(**parameters))

    async def _token(self, **parameters: str) -> Mapping[str, Any]:
        async with reaching(KEY):
            try:
                token: Mapping[str, Any] = await self.registered.fetch_access_token(**parameters)
            except (OAuthError, TypeError):
                # A success that is none, or holds what no token holds.
                raise ProviderUnavailable from None
        return token

    async def _ask(
        self, method: str, path: str, tokens: Tokens | None = None, **options: Any
    ) -> dict[str, Any]:
        """A call beside the token endpoint: as the tokens' owner, or with the project's key."""
        if tokens is None:
            options["withhold_token"] = True
            options["headers"] = {"apikey": self._key, **_VERSION, **options.get("headers", {})}
        else:
            # Without its end: whoever asks has seen to it that the token is fresh.
            options["token"] = {"access_token": tokens.access, "token_type": "bearer"}
        async with reaching(KEY):
            response = await self.registered.request(method, path, **options)
            raise_for(response)
            if response.status_code == 204 or not response.content:
                return {}
            answer = response.json()
        if not isinstance(answer, dict):
            raise ProviderUnavailable
        return answer

    def _proof(self, answer: Mapping[str, Any], assurance: Literal[1, 2] = 1) -> Proof:
        user = answer.get("user")
        if not isinstance(user, dict):
            raise ProviderUnavailable
        if user.get("is_anonymous"):
            raise SignInRefused("not_staff")
        try:
            user_id = uuid.UUID(text_of(user.get("id")))
        except ValueError:
            raise ProviderUnavailable from None
        # What the provider has had confirmed; user_metadata is anybody's own word.
        confirmed = text_of(user.get("email_confirmed_at"))
        email = text_of(user.get("email")) if confirmed else ""
        return Proof(
            Identity(self.issuer, str(user_id), email or None, user_id=user_id),
            assurance=assurance,
            tokens=_tokens(answer),
            has_second_factor=bool(_verified_factors(user)),
        )


@dataclass(frozen=True, slots=True)
class SupabaseSocial:
    """One of the providers that Supabase brokers, by Supabase's name for it."""

    auth: SupabaseAuth
    name: str

    @property
    def label(self) -> str:
        known = self.name.removeprefix("custom:").replace("_", " ").capitalize()
        return _SOCIAL.get(self.name, (known, ""))[0]

    @property
    def session_provider(self) -> str:
        return KEY

    async def begin(self, callback: str, state: str) -> Outward:
        # Supabase keeps our state to itself; the query of where it sends the browser it leaves be.
        back = f"{callback}?{urlencode({'state': state})}"
        wanted = {"scopes": _SOCIAL[self.name][1]} if self.name in _SOCIAL else {}
        left = await self.auth.registered.create_authorization_url(
            state=state,
            provider=self.name,
            redirect_to=back,
            **{key: value for key, value in wanted.items() if value},
        )
        return Outward(left["url"], {"code_verifier": left["code_verifier"]})

    async def finish(
        self, query: Mapping[str, str], callback: str, secrets: Mapping[str, str]
    ) -> Proof:
        if "error" in query or "error_code" in query:
            raise SignInRefused(refusal(query.get("error_code", "")) or "cancelled")
        if not query.get("code"):
            raise SignInRefused("mismatch")
        return await self.auth.grant(code=query["code"], code_verifier=secrets["code_verifier"])


def _client_auth(
    client: Any, method: str, uri: str, headers: httpx.Headers, body: bytes
) -> tuple[str, httpx.Headers, str]:
    """Say a standard token request in Supabase's dialect."""
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    grant = form.pop("grant_type")
    form.pop("scope", None)
    if grant == "authorization_code":
        grant = "pkce"
        form = {"auth_code": form["code"], "code_verifier": form["code_verifier"]}
    headers["apikey"] = client.client_secret
    headers["Content-Type"] = "application/json"
    headers.update(_VERSION)
    return add_params_to_uri(uri, {"grant_type": grant}), headers, json.dumps(form)


def _compliance_fix(session: Any) -> None:
    def check(response: httpx.Response) -> httpx.Response:
        # Without this Authlib would take an error of Supabase's for a token.
        raise_for(response)
        return response

    def add_key(uri: str, headers: httpx.Headers, body: Any) -> tuple[str, httpx.Headers, Any]:
        headers["apikey"] = session.client_secret
        headers.update(_VERSION)
        return uri, headers, body

    session.register_compliance_hook("access_token_response", check)
    session.register_compliance_hook("refresh_token_response", check)
    session.register_compliance_hook("protected_request", add_key)


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    access, refresh = text_of(answer.get("access_token")), text_of(answer.get("refresh_token"))
    seconds = answer.get("expires_in")
    if not access or not refresh or not isinstance(seconds, int):
        raise ProviderUnavailable
    # By how long, not by when: clocks differ.
    seconds = min(max(seconds, -_LONGEST_TOKEN), _LONGEST_TOKEN)
    return Tokens(access, refresh, datetime.now(UTC) + timedelta(seconds=seconds))


def _verified_factors(user: Mapping[str, Any]) -> list[dict[str, Any]]:
    factors = user.get("factors")
    return [
        factor
        for factor in (factors if isinstance(factors, list) else [])
        if isinstance(factor, dict)
        and factor.get("status") == "verified"
        and factor.get("factor_type") == "totp"
    ]


def _factor_path(factor_id: str) -> str:
    """The address of a factor. The id has been in the browser's hands."""
    try:
        return f"factors/{uuid.UUID(factor_id)}"
    except ValueError:
        raise SignInRefused("refused") from None
