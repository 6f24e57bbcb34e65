"""`POST /mock-auth`: in mock mode, a token for a demo member of staff."""

from typing import Any

from fastapi import APIRouter

from api.models import AccessToken, Address
from api.problems import documented, problem
from services.tokens import LOCAL_LIFETIME, LocalTokens


def router(tokens: LocalTokens) -> APIRouter:
    """Mock mode only."""
    routes = APIRouter(tags=["mock mode"])

    @routes.post("/mock-auth", summary="A token for the demo", responses=documented(400, 413, 415))
    async def mock_auth(address: Address) -> Any:
        """In mock mode anybody on the staff may be chosen, as on the sign-in page."""
        token = await tokens.sign_in(address.email)
        if token is None:
            return problem(401, "nobody", "Nobody on the staff has this address.")
        return AccessToken(access_token=token, expires_in=LOCAL_LIFETIME)

    return routes
