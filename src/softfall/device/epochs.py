"""The list epochs that this device has seen: signed, never going back, one version each.

Guarantees: an epoch is used for sending only if the pinned custodian signed its manifest, it has
not expired, and none newer was seen before, across restarts. For checking what came, the sender's
own copy of the manifest will do (it is signed too), and whatever two people were shown differently
under one number is found when they write to each other.
Refuses: `BadManifest`, `ManifestExpired`, `ManifestRolledBack` (lists/manifest.py).
"""

from softfall.device.options import HalfFactory, HalfPorts
from softfall.lists.manifest import Manifest, ManifestRolledBack, read, verify
from softfall.messaging.session.cells import Cells
from softfall.options.contract import DeviceHalf

SKEW_MS = 10 * 60 * 1000  # between the custodian's clock and the provider's

_NEWEST = "newest epoch"
_SEEN = "epochs seen"


class Epochs:
    """The epochs of one device; its custodian's Ed25519 key was pinned when it was made."""

    def __init__(
        self, cells: Cells, custodian_key: bytes, make_half: HalfFactory, ports: HalfPorts
    ) -> None:
        self._cells = cells
        self._custodian_key = custodian_key
        self._make_half = make_half
        self._ports = ports
        self._halves: dict[bytes, DeviceHalf] = {}

    @staticmethod
    def is_usable(body: bytes | None, now_ms: int) -> bool:
        """Whether a manifest fetched earlier can still be current, without fetching again."""
        return body is not None and read(body).expires_at_ms > now_ms

    def newest(self, option: str) -> bytes | None:
        """The newest manifest taken so far."""
        return self._cells.get(_NEWEST, option)

    def adopt(self, body: bytes, now_ms: int) -> Manifest:
        """Take the provider's current manifest for sending.

        Raises BadManifest, ManifestExpired, ManifestRolledBack.
        """
        told = verify(body, self._custodian_key, now_ms=now_ms)
        newest = self.newest(told.option)
        verify(body, self._custodian_key, now_ms=now_ms, seen=newest)
        self.compare(body)
        if newest != body:
            self._cells.put(_NEWEST, told.option, value=body)
        return told

    def compare(self, body: bytes) -> Manifest:
        """The manifest, if it is signed and the only one seen of its epoch.

        Raises BadManifest, ManifestRolledBack.
        """
        told = verify(body, self._custodian_key)
        key = (told.option, str(told.epoch))
        known = self._cells.get(_SEEN, *key)
        if known not in (None, body):
            raise ManifestRolledBack(f"there are two versions of epoch {told.epoch}")
        if known is None:
            self._cells.put(_SEEN, *key, value=body)
        return told

    def half(self, body: bytes, manifest: Manifest) -> DeviceHalf:
        """The option's half for a verified manifest."""
        if body not in self._halves:
            self._halves[body] = self._make_half(manifest, self._ports)
        return self._halves[body]


def was_current(manifest: Manifest, at_ms: int) -> bool:
    """Whether the epoch was in use when the provider took a message in."""
    return manifest.published_at_ms - SKEW_MS <= at_ms <= manifest.expires_at_ms + SKEW_MS
