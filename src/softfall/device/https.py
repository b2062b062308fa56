"""The provider over HTTPS, as a device reaches it.

Guarantees: TLS 1.3 by the one authority that the device pinned; every wait is bounded; only what is
harmless to repeat is repeated; the provider's named errors arrive as errors with those names.
Refuses: answers that are not of the agreed form or size (`BadServiceReply`).
"""

import base64
import binascii
import itertools
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from softfall.device.outcomes import Reported
from softfall.device.transport import (
    AccusedByService,
    BadServiceAddress,
    BadServiceReply,
    Claimed,
    Clearance,
    CustodianAway,
    Published,
    RefusedByService,
    RequestRejected,
    Service,
    ServiceUnreachable,
)
from softfall.messaging.envelope import MAILBOX
from softfall.messaging.identity import Identity, SignedKey

TIMEOUT_SECONDS = 15.0
MAX_ATTACHMENT_BYTES = 64 * 1024 * 1024
MAX_REPLY_BYTES = 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
_TRIES = 3
_PAUSE_SECONDS = 0.2
_Model = TypeVar("_Model", bound=BaseModel)

_BY_BLAME: Mapping[str, type[RequestRejected | AccusedByService | RefusedByService]] = {
    "caller": RequestRejected,
    "peer": AccusedByService,
    "rule": RefusedByService,
}
_AWAY = {"CustodianUnavailable": "the custodian", "EnclaveUnavailable": "the enclave"}
_COME_BACK = (408, 429, 500, 502, 503, 504, 507)  # statuses that time may mend


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Error(_Reply):
    error: str
    blame: str
    what: str
    remedy: str
    voucher: str | None = None


class _Token(_Reply):
    token: str


class _Count(_Reply):
    one_time_keys: int


class _Key(_Reply):
    key_id: str
    key: str
    signature: str


class _Identity(_Reply):
    account: str
    curve25519: str
    ed25519: str
    account_signature: str


class _Claimed(_Identity):
    one_time_key: _Key


class _Service(_Reply):
    option: str
    epoch: int
    manifest: str | None
    custodian_outage_rule: str
    max_envelope_bytes: int
    max_attachment_bytes: int
    server_time_ms: int


class _Clearance(_Reply):
    answer: Clearance


class _Report(_Reply):
    report_id: str
    accepted: int
    lies_proved: int


@dataclass
class HttpTransport:
    """The provider over HTTPS. token: empty before registration.

    authority_pem: the one certificate authority that is believed.
    on_wire: called with (method, path, bytes up, bytes down) after each answer, for `compare`.
    Raises BadServiceAddress.
    """

    provider_url: str
    authority_pem: str
    token: str = field(default="", repr=False)
    on_wire: Callable[[str, str, int, int], None] | None = None
    sleep_seconds: Callable[[float], None] = time.sleep
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.provider_url.startswith("https://"):
            raise BadServiceAddress("the provider's address must begin with https://")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(cadata=self.authority_pem)
        except (ssl.SSLError, ValueError):
            raise BadServiceAddress("the authority's certificate can't be read") from None
        self._client = httpx.Client(
            base_url=self.provider_url,
            verify=context,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            headers={"user-agent": "softfall-device", "accept-encoding": "identity"},
        )

    def service(self) -> Service:
        """As the port says."""
        told = self._json(_Service, "GET", "/v1/service")
        manifest = None if told.manifest is None else _unbase64(told.manifest)
        return Service(**{**told.model_dump(), "manifest": manifest})

    def register(self, published: Published, token: str, registration_token: str) -> None:
        """As the port says."""
        identity = published.identity
        asked = {
            "account": identity.account,
            "curve25519": identity.curve25519,
            "ed25519": identity.ed25519,
            "signature": published.signature,
            "registration_token": registration_token,
            "token": token,
        }
        if self._json(_Token, "POST", "/v1/accounts", json=asked).token != token:
            raise BadServiceReply("the provider gave another token than the one chosen")

    def publish_keys(self, keys: Sequence[SignedKey]) -> None:
        """As the port says."""
        listed = [{"key_id": k.key_id, "key": k.key, "signature": k.signature} for k in keys]
        self._json(_Count, "PUT", "/v1/keys", json={"one_time_keys": listed})

    def key_count(self) -> int:
        """As the port says."""
        return self._json(_Count, "GET", "/v1/keys/count").one_time_keys

    def identity(self, account: str) -> Published:
        """As the port says."""
        asked = {"account": account}
        return _published(self._json(_Identity, "POST", "/v1/keys/identity", json=asked))

    def claim(self, account: str) -> Claimed:
        """As the port says. Not repeated by itself: each claim uses a key up."""
        told = self._json(_Claimed, "POST", "/v1/keys/claim", json={"account": account}, tries=1)
        return Claimed(_published(told), SignedKey(**told.one_time_key.model_dump()))

    def ask(self, option: str, question: bytes) -> bytes:
        """As the port says."""
        return self._octets("POST", f"/v1/options/{option}/ask", content=question, tries=1)

    def clear(self, option: str, submission: bytes, received: bool = False) -> Clearance:
        """As the port says."""
        path = f"/v1/options/{option}/clearance" + ("?received=true" if received else "")
        return self._json(_Clearance, "POST", path, content=submission).answer

    def attestation(self, nonce: bytes) -> bytes:
        """As the port says."""
        path = "/v1/options/enclave/attestation"
        return self._octets("GET", path, params={"nonce": nonce.hex()}, tries=1)

    def issue_tokens(self, request: bytes) -> bytes:
        """As the port says."""
        return self._octets("POST", "/v1/tokens/issue", content=request, tries=1)

    def put_attachment(self, sha256: bytes, body: bytes) -> None:
        """As the port says."""
        self._octets("PUT", f"/v1/attachments/{sha256.hex()}", content=body)

    def get_attachment(self, sha256: bytes) -> bytes:
        """As the port says."""
        path = f"/v1/attachments/{sha256.hex()}"
        return self._octets("GET", path, max_bytes=MAX_ATTACHMENT_BYTES)

    def get_list(self, path: str, start: int) -> Iterator[bytes]:
        """As the port says. Not repeated by itself: its caller goes on from where it stopped."""
        headers = {"authorization": f"Bearer {self.token}"}
        if start:
            headers["range"] = f"bytes={start}-"
        count, route = 0, f"/v1/lists/{path}"
        try:
            with self._client.stream("GET", route, headers=headers) as answer:
                if not answer.is_success:
                    body = b"".join(itertools.islice(answer.iter_raw(MAX_ERROR_BYTES), 1))
                    raise _error(answer.status_code, body)
                skip = _still_to_skip(answer, start)
                for piece in answer.iter_raw():
                    count += len(piece)
                    yield piece[skip:]
                    skip = max(0, skip - len(piece))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"the provider gave no answer: {_why(error)}") from None
        finally:
            if self.on_wire is not None:
                self.on_wire("GET", route, 0, count)

    def post_envelope(self, envelope: bytes) -> None:
        """As the port says."""
        self._octets("POST", "/v1/envelopes", content=envelope)

    def mailbox(self, after: int, wait_seconds: float) -> bytes:
        """As the port says."""
        return self._octets(
            "GET",
            "/v1/mailbox",
            params={"after": after, "wait_seconds": wait_seconds},
            max_bytes=MAILBOX.max_bytes,
            timeout=TIMEOUT_SECONDS + wait_seconds,
        )

    def acknowledge(self, through: int) -> None:
        """As the port says."""
        self._octets("POST", "/v1/mailbox/ack", json={"through": through})

    def notices(self) -> bytes:
        """As the port says."""
        return self._octets("GET", "/v1/notices")

    def acknowledge_notices(self, through: int) -> None:
        """As the port says."""
        self._octets("POST", "/v1/notices/ack", json={"through": through})

    def appeal(self, notice_id: bytes, text: str) -> None:
        """As the port says."""
        self._octets("POST", f"/v1/notices/{notice_id.hex()}/appeal", json={"text": text})

    def report(self, body: bytes) -> Reported:
        """As the port says."""
        told = self._json(_Report, "POST", "/v1/reports", content=body)
        return Reported(**told.model_dump())

    def close(self) -> None:
        """As the port says."""
        self._client.close()

    def _json(self, model: type[_Model], method: str, path: str, **request: Any) -> _Model:
        body = self._octets(method, path, **request)
        try:
            return model.model_validate_json(body)
        except ValidationError:
            raise BadServiceReply(f"the answer to {method} {path} is not of its form") from None

    def _octets(
        self,
        method: str,
        path: str,
        *,
        tries: int = _TRIES,
        max_bytes: int = MAX_REPLY_BYTES,
        **request: Any,
    ) -> bytes:
        for attempt in range(1, tries + 1):
            try:
                return self._once(method, path, max_bytes, request)
            except CustodianAway:
                raise  # its own caller waits
            except ServiceUnreachable:
                if attempt == tries:
                    raise
                self.sleep_seconds(_PAUSE_SECONDS * attempt)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, max_bytes: int, request: dict[str, Any]) -> bytes:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if isinstance(request.get("content"), bytes):
            kind = "octet-stream" if method == "PUT" else "cbor"
            headers["content-type"] = f"application/{kind}"
        body = bytearray()
        try:
            with self._client.stream(method, path, headers=headers, **request) as answer:
                for piece in answer.iter_raw():
                    body += piece
                    if len(body) > max_bytes:
                        raise BadServiceReply(f"the answer to {method} {path} is too large")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"the provider gave no answer: {_why(error)}") from None
        if self.on_wire is not None:
            self.on_wire(method, path, _sent_bytes(answer), len(body))
        if answer.is_success:
            return bytes(body)
        raise _error(answer.status_code, bytes(body))


def _error(status: int, body: bytes) -> Exception:
    try:
        told = _Error.model_validate_json(body)
    except ValidationError:
        if status in _COME_BACK:
            return ServiceUnreachable(f"the provider answered {status}")
        return BadServiceReply(f"the provider answered {status} without saying why")
    if told.voucher is not None and told.error in _AWAY:
        return CustodianAway(
            f"the provider can't reach {_AWAY[told.error]}", _unbase64(told.voucher)
        )
    kind = _BY_BLAME.get(told.blame)
    if status in _COME_BACK or kind is None:
        return ServiceUnreachable(f"the provider asks to come back later: {_clip(told.error)}")
    return kind(f"{_clip(told.what)} ({_clip(told.remedy)})", told.error)


def _still_to_skip(answer: httpx.Response, start: int) -> int:
    """How much of the answer lies before the byte that was asked for. Raises BadServiceReply."""
    if answer.status_code == 200:
        return start  # a range need not be honoured
    if not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise BadServiceReply("the provider answered with another range")
    return 0


def _published(told: _Identity) -> Published:
    identity = Identity(told.account, told.curve25519, told.ed25519)
    return Published(identity, told.account_signature)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadServiceReply("a part of the provider's answer is not base64") from None


def _clip(text: str) -> str:
    return "".join(c for c in text[:300] if c.isprintable())


def _sent_bytes(answer: httpx.Response) -> int:
    return int(answer.request.headers.get("content-length", 0))


def _why(error: Exception) -> str:
    return "too slow" if isinstance(error, httpx.TimeoutException) else "unreachable"
