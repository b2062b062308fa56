"""Reports of `on_device`: whether a sender denied what its own list would have found.

Guarantees: the map is that of the very epoch and version that the sender named, its base the one
that the custodian's manifest names. Where the provider's copy no longer has it, the rest of the
opening is checked all the same, and nothing is proved by what is missing.
Limit: `another list` says that the sender's files were not the mirror's. That a sender made its
digest up and that the custodian signed two lists under one number look alike here.
The map holds no hash, so looking into it tells the provider nothing that the opening did not.
"""

import hashlib
import mmap
from pathlib import Path

from softfall.lists.distribution import BASE_VERSION
from softfall.lists.manifest import Manifest
from softfall.options.contract import Claim, Evidence, Mismatch
from softfall.options.on_device import opening
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.segment import Segment, decode
from softfall.provider.mirror import Mirror


def with_maps(mirror: Mirror) -> Evidence:
    """`on_device`'s evidence at a provider that mirrors the list."""

    def disprove(claim: Claim) -> Mismatch | None:
        return opening.disprove(claim, _view(mirror, claim.manifest))

    return Evidence(disprove, opening.differs)


def _view(mirror: Mirror, manifest: Manifest) -> MapView | None:
    files = mirror.segments(manifest.epoch)
    base = files.get(BASE_VERSION)
    if base is None or _sha256(base) != manifest.artefact_sha256:
        return None
    return MapView([_open(files[version]) for version in sorted(files)])


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _open(path: Path) -> Segment:
    with path.open("rb") as file:
        return decode(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
