"""Asking the custodian through the provider: with a token, and no longer than pictures may wait.

Guarantees: every question of one attempt goes out as the same bytes under the same token, so that
one whose answer was lost on the way is answered again; after `device.media_wait_seconds` without
the custodian, the provider's own voucher comes back in the answer's place.
Without tokens the device is as if the custodian were away, but only the provider can say so: where
the custodian mints no more today it gives a voucher; where this account has had its share it gives
none, and the picture is not sent. So nobody gets round matching by running out of tokens.
"""

from collections.abc import Callable
from typing import TypeVar

from softfall.device.kit import Kit
from softfall.device.transport import CustodianAway, SaidByService
from softfall.errors import SoftfallError
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import DeviceHalf, Pending, ScanSecret
from softfall.options.tokens.device import Token

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
TOKENS_TRIED = 3
_REFUSED = "TokenRefused"

Answer = tuple[bytes | None, bytes]
_T = TypeVar("_T")


def ask(kit: Kit, manifest: Manifest, question: bytes, wait_seconds: float | None = None) -> Answer:
    """(answer, b"") of the custodian; after a bounded wait (None, voucher) of the provider.

    manifest: verified, of the epoch that is asked about. wait_seconds: instead of
    `device.media_wait_seconds`; 0 tries once. Raises BadTokens, or what the provider
    says: TokensUsedUp, for one, where this account has had its day's tokens.
    """
    if not manifest.token_key:
        return _patiently(kit, lambda: kit.transport.ask(manifest.option, question), wait_seconds)
    asking = _Asking(kit, manifest, question)
    try:
        return _patiently(kit, asking.once, wait_seconds)
    finally:
        asking.end()


def ask_about_nothing(kit: Kit, option: str) -> Answer:
    """Before the first epoch an empty question is answered with a voucher."""
    return _patiently(kit, lambda: kit.transport.ask(option, b""))


def begin(
    kit: Kit, half: DeviceHalf, media: PdqHash | Unhashable, secret: ScanSecret
) -> tuple[Pending | None, bytes]:
    """(a picture's start, b""); after a bounded wait for the enclave (None, voucher).

    Raises what the half raises: the name of a refused attestation, for one; then nothing is sent.
    """
    return _patiently(kit, lambda: half.begin(media, secret))


class _Asking:
    """One question, tried until it is answered; its token with it."""

    def __init__(self, kit: Kit, manifest: Manifest, question: bytes) -> None:
        self._kit = kit
        self._manifest = manifest
        self._question = question
        self._token: Token | None = None

    def once(self) -> bytes:
        """The answer. Raises CustodianAway, and what else the provider says."""
        option = self._manifest.option
        for tried in range(1, TOKENS_TRIED + 1):
            self._token = self._token or self._kit.wallet.take(self._manifest.token_key)
            try:
                answer = self._kit.transport.ask(option, self._token.ask(option, self._question))
            except SoftfallError as error:
                if not isinstance(error, SaidByService) or error.name != _REFUSED:
                    raise
                # Perhaps its question was answered once, and the answer lost: then it is spent.
                self._token = None
                if tried == TOKENS_TRIED:
                    raise
            else:
                self._token = None
                return answer
        raise AssertionError("the last try returns or raises")

    def end(self) -> None:
        """What was not spent, or perhaps not, goes back into the stock."""
        if self._token is not None:
            self._kit.wallet.put_back(self._token)


def _patiently(
    kit: Kit, attempt: Callable[[], _T], wait_seconds: float | None = None
) -> tuple[_T | None, bytes]:
    around = kit.surroundings
    if wait_seconds is None:
        wait_seconds = kit.settings.media_wait_seconds
    deadline_ms = around.monotonic_ms() + 1000 * wait_seconds
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            return attempt(), b""
        except CustodianAway as away:
            left_seconds = (deadline_ms - around.monotonic_ms()) / 1000
            if left_seconds <= 0:
                return None, away.voucher
        around.sleep_seconds(min(pause_seconds, left_seconds))
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
