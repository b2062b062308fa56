"""Logging in by an OpenID Connect provider: it says who somebody is, the console what they may do.

Guarantees: the authorization code flow with PKCE (S256); state, nonce and verifier derive from a
random cookie of the browser that began, which must come back with the same one, once, within ten
minutes; the ID token's signature (of the provider's published keys, never a shared secret), issuer,
audience, expiry and nonce are checked. The subject is that of an existing member of staff; nobody
is ever made one by logging in.
Refuses, as `OidcRefused`: any answer that fails one of these; which one, the log says by a word.
Source: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9700 (security best practice).
"""

import base64
import hashlib
import threading
from dataclasses import dataclass
from typing import Any, Final

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete, insert, select

from softfall.config import ConsoleSettings
from softfall.console.clock import Clock
from softfall.console.sessions import digest, new_token
from softfall.console.tables import oidc_logins
from softfall.errors import OperatorError, RefusedError, UnavailableError
from softfall.store.transactions import Database

ANSWER_PATH: Final = "/oidc/answer"
MAX_MINUTES: Final = 10
_KEPT_MS: Final = 3_600_000
_LEEWAY_SECONDS: Final = 60
_ALGORITHMS: Final = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
]
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class OidcMisconfigured(OperatorError):
    """Log-in by an OIDC provider is set up by half."""

    remedy = (
        "Set console.oidc_issuer (https://...), console.oidc_client_id and console.public_url; "
        f"register public_url followed by {ANSWER_PATH} at the provider."
    )


class OidcOff(RefusedError):
    """This console has no OIDC provider."""

    remedy = "Log in by name and password."


class OidcUnavailable(UnavailableError):
    """The OIDC provider does not answer, or not as one."""

    remedy = "Try again later, or log in by name and password."


class OidcRefused(RefusedError):
    """What came back from the OIDC provider can't be used: nobody was logged in."""

    remedy = "Begin again from the log-in page, in the same browser."


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in that goes to the provider: where to, and the cookie that it must come back with."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Who the provider says that it is, and where they wanted to go."""

    subject: str
    onward: str


@dataclass(frozen=True, slots=True)
class _Provider:
    """What the provider publishes about itself."""

    asked_at_ms: int
    metadata: dict[str, Any]
    keys: KeySet


class OidcWay:
    """The way to one OIDC provider and back. client: for calling it, over TLS."""

    def __init__(
        self, db: Database, clock: Clock, settings: ConsoleSettings, client: httpx.Client
    ) -> None:
        _require(settings)
        self._db = db
        self._clock = clock
        self._settings = settings
        self._client = client
        self._issuer = settings.oidc_issuer
        self._redirect_url = settings.public_url.rstrip("/") + ANSWER_PATH
        self._lock = threading.Lock()
        self._known: _Provider | None = None

    def begin(self, onward: str) -> Begun:
        """Send somebody to the provider. Raises OidcUnavailable."""
        metadata = self._provider().metadata
        browser, state, now_ms = new_token(), new_token(), self._clock()
        url = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self._settings.oidc_client_id,
            response_type="code",
            redirect_uri=self._redirect_url,
            scope="openid",
            state=state,
            nonce=_derived("nonce", browser),
            code_challenge=create_s256_code_challenge(_derived("verifier", browser)),
            code_challenge_method="S256",
        )
        with self._db.write() as tx:
            old = oidc_logins.c.started_at_ms < now_ms - MAX_MINUTES * 60_000
            tx.execute(delete(oidc_logins).where(old))
            tx.execute(
                insert(oidc_logins).values(
                    state_sha256=digest(state), browser_sha256=digest(browser),
                    onward=onward[:400], started_at_ms=now_ms,
                )
            )  # fmt: skip
        return Begun(url, browser)

    def answer(self, state: str, code: str, browser: str) -> Answered:
        """Who came back. Raises OidcRefused, OidcUnavailable."""
        onward = self._used_up(state, browser)
        token = self._exchange(code, browser)
        claims = self._claims(token)
        try:
            told = CodeIDToken(
                claims.claims,
                claims.header,
                {
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._settings.oidc_client_id},
                },
                {
                    "nonce": _derived("nonce", browser),
                    "client_id": self._settings.oidc_client_id,
                },
            )
            told.validate(now=self._clock() // 1000, leeway=_LEEWAY_SECONDS)
        except (JoseError, TypeError, ValueError):
            raise OidcRefused("the provider's word is not for this log-in") from None
        subject = told["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise OidcRefused("the provider names nobody")
        return Answered(subject, onward)

    def _used_up(self, state: str, browser: str) -> str:
        """Where the log-in of this state wanted to go; it can't be answered a second time."""
        with self._db.write() as tx:
            mine = oidc_logins.c.state_sha256 == digest(state)
            row = tx.execute(select(oidc_logins).where(mine)).one_or_none()
            tx.execute(delete(oidc_logins).where(mine))
        if row is None or self._clock() - row.started_at_ms >= MAX_MINUTES * 60_000:
            raise OidcRefused("this log-in was not begun here, or too long ago")
        if not browser or bytes(row.browser_sha256) != digest(browser):
            raise OidcRefused("this log-in was begun in another browser")
        onward: str = row.onward
        return onward

    def _exchange(self, code: str, browser: str) -> str:
        """The ID token that this code is good for."""
        settings = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_url,
            "client_id": settings.oidc_client_id,
            "code_verifier": _derived("verifier", browser),
        }
        secret = settings.oidc_client_secret
        auth = httpx.BasicAuth(settings.oidc_client_id, secret) if secret else None
        try:
            answer = self._client.post(
                self._provider().metadata["token_endpoint"], data=form,
                auth=auth or httpx.USE_CLIENT_DEFAULT,
            )  # fmt: skip
            told = answer.json()
        except (httpx.HTTPError, ValueError):
            raise OidcUnavailable("the OIDC provider does not answer") from None
        token = told.get("id_token") if isinstance(told, dict) else None
        if answer.status_code >= 500:
            raise OidcUnavailable("the OIDC provider can't answer")
        if answer.status_code != 200 or not isinstance(token, str):
            raise OidcRefused("the OIDC provider does not vouch for this log-in")
        return token

    def _claims(self, token: str) -> jwt.Token:
        """The token's claims, its signature checked; keys are asked for anew if none fits."""
        for fresh in (False, True):
            try:
                return jwt.decode(token, self._provider(fresh).keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError, TypeError):
                continue
        raise OidcRefused("the ID token is not signed by the provider")

    def _provider(self, fresh: bool = False) -> _Provider:
        """What the provider publishes, asked once an hour, or now. Raises OidcUnavailable."""
        with self._lock:
            known, now_ms = self._known, self._clock()
            if known is None or fresh or now_ms - known.asked_at_ms >= _KEPT_MS:
                known = self._known = self._discover(now_ms)
            return known

    def _discover(self, now_ms: int) -> _Provider:
        where = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            metadata = self._client.get(where).raise_for_status().json()
            if metadata["issuer"] != self._issuer or not all(
                _is_safe(metadata[name]) for name in _NEEDED
            ):
                raise OidcUnavailable("the OIDC provider describes itself as another one")
            keys = KeySet.import_key_set(
                self._client.get(metadata["jwks_uri"]).raise_for_status().json()
            )
        except (httpx.HTTPError, JoseError, ValueError, TypeError, KeyError):
            raise OidcUnavailable("the OIDC provider does not describe itself") from None
        return _Provider(now_ms, metadata, keys)


def _require(settings: ConsoleSettings) -> None:
    """Raises OidcMisconfigured."""
    if not settings.oidc_client_id or not settings.public_url:
        raise OidcMisconfigured("console.oidc_client_id or console.public_url is not set")
    if not _is_safe(settings.oidc_issuer):
        raise OidcMisconfigured("console.oidc_issuer is no https:// address")


def _is_safe(address: object) -> bool:
    """Whether an address may be called: https, or plain http on this machine."""
    try:
        url = httpx.URL(address if isinstance(address, str) else "")
    except httpx.InvalidURL:
        return False
    return bool(url.host) and (
        url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK)
    )


def _derived(what: str, browser: str) -> str:
    """A value that only whoever holds the browser's cookie can have; 43 characters."""
    made = hashlib.sha256(f"softfall oidc {what}\0{browser}".encode("utf-8", "surrogatepass"))
    return base64.urlsafe_b64encode(made.digest()).rstrip(b"=").decode()
