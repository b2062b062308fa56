"""A small OpenID Connect provider, and one that lies: for tests of who trusts it.

It serves discovery, keys, authorization (nobody types anything: `person` is who is there) and the
token endpoint, with PKCE, one-use codes and a client secret. `lie` changes the ID token as a
dishonest or broken provider would; `sign` replaces how it is signed.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import Depends, FastAPI, Form
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.responses import JSONResponse, RedirectResponse, Response

Claims = dict[str, Any]


@dataclass
class OidcProvider:
    """The provider's state, for a test to set and look at."""

    issuer: str
    client_id: str = "softfall-console"
    client_secret: str = "a client's own word"  # noqa: S105 - a fake's
    redirect_url: str = ""
    person: str = "subject-1"
    now_s: Callable[[], float] = time.time
    lie: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[["OidcProvider", Claims], str] | None = None
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    down: bool = False

    def id_token(self, claims: Claims) -> str:
        """The claims, signed as the test wants it."""
        if self.sign is not None:
            return self.sign(self, claims)
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def claims(self, nonce: str) -> Claims:
        """What it says of the person who is there."""
        now = int(self.now_s())
        return self.lie(
            {
                "iss": self.issuer, "sub": self.person, "aud": self.client_id,
                "iat": now, "exp": now + 300, "nonce": nonce,
            }
        )  # fmt: skip


def make(provider: OidcProvider) -> FastAPI:
    """The provider as an application; its addresses lie under `provider.issuer`."""
    app = FastAPI(title="An OIDC provider for tests", docs_url=None, redoc_url=None)
    issuer = provider.issuer

    @app.get("/.well-known/openid-configuration")
    def describe() -> Response:
        if provider.down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize(
        client_id: str, redirect_uri: str, response_type: str, scope: str, state: str, nonce: str,
        code_challenge: str, code_challenge_method: str,
    ) -> Response:  # fmt: skip
        asked = (client_id, redirect_uri, response_type, scope, code_challenge_method)
        if asked != (provider.client_id, provider.redirect_url, "code", "openid", "S256"):
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        provider.codes[code] = {"nonce": nonce, "challenge": code_challenge}
        return RedirectResponse(f"{redirect_uri}?code={code}&state={state}", 303)

    @app.post("/token")
    def token(
        client: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())],
        code: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        grant_type: Annotated[str, Form()],
    ) -> Response:
        if (client.username, client.password) != (provider.client_id, provider.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        kept = provider.codes.pop(code, None)
        if (
            kept is None
            or grant_type != "authorization_code"
            or redirect_uri != provider.redirect_url
            or create_s256_code_challenge(code_verifier) != kept["challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        id_token = provider.id_token(provider.claims(kept["nonce"]))
        return JSONResponse({"access_token": "none", "token_type": "Bearer", "id_token": id_token})

    return app
