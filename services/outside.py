"""The outside world as the settings name it: sign-in, tokens, storage, WhatsApp.

In mock mode all of it is local and speaks through the same interfaces.
"""

from pydantic import SecretStr

from services.adapters.graph import Graph
from services.adapters.identity import RedirectProvider
from services.adapters.local_identity import LocalIdentity
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import Storage
from services.settings import Settings
from services.sign_in import SignIn
from services.tokens import LocalTokens, Tokens, Verifier
from services.whatsapp import Pacing


def storage_of(settings: Settings) -> Storage:
    """Where documents and exports lie."""
    if settings.supabase_url is None or settings.supabase_service_role_key is None or settings.mock:
        return LocalStorage(settings.data_dir / "documents", settings.public_url)
    from services.adapters.supabase_storage import SupabaseStorage  # takes 0.7 s to import

    return SupabaseStorage(
        settings.supabase_url,
        settings.supabase_service_role_key.get_secret_value(),
        settings.storage_bucket,
    )


def graph_of(settings: Settings) -> Graph:
    """WhatsApp's side of sending."""
    return Graph(
        settings.whatsapp_api_base_url,
        settings.whatsapp_api_version,
        settings.whatsapp_api_token.get_secret_value(),
        phone_number_id=settings.whatsapp_phone_number_id,
        business_account_id=settings.whatsapp_business_account_id,
    )


def pacing_of(settings: Settings) -> Pacing:
    """How fast messages leave."""
    return Pacing(
        per_second=settings.whatsapp_messages_per_second,
        pair_burst=settings.whatsapp_pair_burst,
        pair_seconds=settings.whatsapp_pair_seconds,
    )


def sign_in_of(settings: Settings) -> SignIn:
    """Every way in that the settings offer."""
    redirects: dict[str, RedirectProvider] = {}
    if settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret:
        from services.adapters import oidc

        redirects[oidc.KEY] = oidc.OpenIdConnect(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret.get_secret_value(),
            settings.oidc_name,
        )
    if settings.mock:
        return SignIn(settings.public_url, redirects=redirects, demo=LocalIdentity())
    from services.adapters.supabase_auth import SupabaseAuth, SupabaseSocial

    assert settings.supabase_url
    assert settings.supabase_anon_key
    assert settings.supabase_service_role_key
    supabase = SupabaseAuth(
        settings.supabase_url,
        settings.supabase_anon_key.get_secret_value(),
        settings.supabase_service_role_key.get_secret_value(),
    )
    for name in settings.supabase_social_providers:
        redirects[name] = SupabaseSocial(supabase, name)
    return SignIn(
        settings.public_url,
        password=supabase,
        redirects=redirects,
        second_factor=settings.second_factor,
    )


def tokens_of(settings: Settings) -> tuple[Tokens, LocalTokens | None]:
    """Who acts with a token of the API; in mock mode also what hands out tokens."""
    service_key = _revealed(settings.supabase_service_role_key)
    if settings.mock or settings.supabase_url is None:
        local = LocalTokens(f"{settings.public_url}/auth/v1")
        return Tokens(local.verifier(), service_key=service_key), local
    verifier = Verifier(
        f"{settings.supabase_url}/auth/v1", jwt_secret=_revealed(settings.supabase_jwt_secret)
    )
    tokens = Tokens(verifier, service_key=service_key, second_factor=settings.second_factor)
    return tokens, None


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
