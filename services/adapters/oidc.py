"""A standard OpenID Connect provider: discovery, code with PKCE and nonce, an ID token that Authlib
verifies. Nothing of it is particular to anybody."""

from collections.abc import Mapping
from typing import Any

import structlog
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import JoseError

from services.adapters.identity import (
    Identity,
    Outward,
    Proof,
    ProviderUnavailable,
    SignInRefused,
    text_of,
)
from services.adapters.oauth import OAuth, http_options, reaching

KEY = "oidc"
#: Public-key signatures; a provider that offers anything else is not taken at its word.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: Seconds that clocks may differ.
_LEEWAY = 60
#: Errors at the token endpoint that an administrator has to mend.
_MISCONFIGURED = {"invalid_client", "unauthorized_client", "unsupported_grant_type"}

log = structlog.get_logger()


class OpenIdConnect:
    """One provider, known by its issuer. `http` goes to httpx: a transport, a timeout."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        name: str,
        *,
        http: Mapping[str, Any] | None = None,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._label = name
        self.registered = OAuth().register(
            KEY,
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                **http_options(http),
            },
        )

    @property
    def label(self) -> str:
        return self._label

    @property
    def session_provider(self) -> str:
        return KEY

    async def begin(self, callback: str, state: str) -> Outward:
        await self._discovered()
        left = await self.registered.create_authorization_url(callback, state=state)
        return Outward(
            left["url"], {"code_verifier": left["code_verifier"], "nonce": left["nonce"]}
        )

    async def finish(
        self, query: Mapping[str, str], callback: str, secrets: Mapping[str, str]
    ) -> Proof:
        metadata = await self._discovered()
        if query.get("iss", metadata["issuer"]) != metadata["issuer"]:
            raise SignInRefused("mismatch")
        if "error" in query:
            log.info("oidc.refused", error=query["error"][:60])
            raise SignInRefused("cancelled" if query["error"] == "access_denied" else "refused")
        if not query.get("code"):
            raise SignInRefused("mismatch")
        claims = await self._claims(query["code"], callback, secrets)
        methods = claims.get("amr")
        return Proof(
            Identity(metadata["issuer"], text_of(claims.get("sub")), _verified_email(claims)),
            assurance=2 if isinstance(methods, list) and "mfa" in methods else 1,
        )

    async def _discovered(self) -> dict[str, Any]:
        """What the provider says of itself; Authlib asks once."""
        async with reaching(KEY):
            metadata: dict[str, Any] = await self.registered.load_server_metadata()
        if text_of(metadata.get("issuer")).rstrip("/") != self._issuer.rstrip("/"):
            log.error("oidc.other_issuer")
            self.registered.server_metadata.clear()
            raise ProviderUnavailable
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            algorithm for algorithm in offered if algorithm in _ALGORITHMS
        ]
        return metadata

    async def _claims(
        self, code: str, callback: str, secrets: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """The claims of a verified ID token, with what only the userinfo endpoint tells."""
        metadata = self.registered.server_metadata
        try:
            async with reaching(KEY):
                token = await self.registered.fetch_access_token(
                    redirect_uri=callback, code=code, code_verifier=secrets["code_verifier"]
                )
                claims: Mapping[str, Any] | None = await self.registered.parse_id_token(
                    token,
                    nonce=secrets["nonce"],
                    claims_options={
                        "iss": {"essential": True, "values": [metadata["issuer"]]},
                        "aud": {"essential": True, "values": [self._client_id]},
                    },
                    leeway=_LEEWAY,
                )
                if claims is not None and "email" not in claims and "userinfo_endpoint" in metadata:
                    told = await self.registered.userinfo(token=token)
                    if told.get("sub") == claims.get("sub"):
                        claims = {**told, **claims}
        except (AuthlibBaseError, JoseError) as error:
            log.warning("oidc.unusable", error=str(getattr(error, "error", ""))[:60])
            if getattr(error, "error", "") in _MISCONFIGURED:
                raise ProviderUnavailable from None
            raise SignInRefused("refused") from None
        if claims is None or not text_of(claims.get("sub")):
            raise SignInRefused("refused")
        return claims


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    verified = claims.get("email_verified")
    # Some providers say it in words.
    if verified is True or verified == "true":
        return text_of(claims.get("email")) or None
    return None
