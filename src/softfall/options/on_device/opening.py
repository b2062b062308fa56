"""From a verified opening to the submission it yields, and what that proves of a sender.

Guarantees: everything is a function of (hash, masks, scan key, the custodian's reply, the seal, the
map at the version named), so whoever holds an opening, its attachment key and that map recomputes
the submission without asking anyone. `disprove` without a map tells all but whether the list is the
same and the entries named are the map's.
Leaves to others: that the opening is the sender's (messaging/franking.py), and that the manifest is
the epoch's own.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.rebuilding import rebuild
from softfall.options.contract import Claim, Mismatch, ScanSecret, Submission
from softfall.options.on_device import wire
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.tags import opening as tags
from softfall.options.tags import tolerance
from softfall.options.tags.opening import TagRows
from softfall.options.tags.wire import decode as decode_message
from softfall.options.tags.wire import number, octets
from softfall.wire import MalformedMessage, Value

NAME: Final = "on_device"
NOT_THIS_SUBMISSION: Final = Mismatch("not this submission")
OMITTED_CANDIDATE: Final = Mismatch("omitted candidate")
ANOTHER_LIST: Final = Mismatch("another list")
OTHER_ENTRIES: Final = Mismatch("other entries")


@dataclass(frozen=True, slots=True)
class Found:
    """What a submission says: which version was looked into, and which entries were found.

    sealed: the seal in its shares; empty where nothing was found. list_digest: `MapView.digest` of
    that version; in the opening alone, the provider is not told.
    """

    list_version: int
    entries: tuple[int, ...]
    sealed: bytes
    list_digest: bytes

    def submission(self, hash_bits: bytes | None, secret: ScanSecret) -> Submission | None:
        """The submission that says so; None where no unpatched client seals like this."""
        if bool(self.entries) != bool(self.sealed):
            return None
        shares = b""
        if self.entries:
            asked, scan_key = tags.asked_hash(hash_bits, secret)
            try:
                shares = rebuild(asked, scan_key, secret.option, secret.epoch, self.sealed)
            except MalformedMessage:
                return None
        return submission(secret.epoch, self.list_version, self.entries, shares)

    def refuted(
        self, hash_bits: bytes | None, secret: ScanSecret, submission_digest: bytes
    ) -> Mismatch | None:
        """Why this is not what was stamped, whatever the map says; None if it is."""
        made = self.submission(hash_bits, secret)
        if made is None:
            return tags.MALFORMED
        same = hmac.compare_digest(made.digest, submission_digest)
        return None if same else NOT_THIS_SUBMISSION

    def beside(self, view: MapView, rows: TagRows) -> Mismatch | None:
        """Why this is not what the map says of these tags; None if it is.

        view: at the version named. Where its files are others than those that were looked into, the
        custodian signed two lists under one number, or the sender made one up.
        """
        if not hmac.compare_digest(self.list_digest, view.digest):
            return ANOTHER_LIST
        if self.entries == view.candidates(rows):
            return None
        return OTHER_ENTRIES if self.entries else OMITTED_CANDIDATE


def submission(
    epoch: int, list_version: int, entries: tuple[int, ...], shares: bytes
) -> Submission:
    """What the provider gets; one constant wherever nothing was found."""
    body = wire.SUBMISSION.encode(
        {
            "version": wire.VERSION,
            "list_version": list_version,
            "entries": list(entries),
            "shares": shares,
        }
    )
    return Submission(NAME, epoch, body)


def encode(found: Found, tags_opening: bytes) -> bytes:
    """The opening's bytes. tags_opening: a `tags_opening`."""
    return wire.OPENING.encode(
        {
            "version": wire.VERSION,
            "list_version": found.list_version,
            "list_digest": found.list_digest,
            "tags": tags_opening,
            "entries": list(found.entries),
            "sealed": found.sealed,
        }
    )


def decode(body: bytes) -> tuple[Found, bytes] | Mismatch:
    """What was found, and the `tags_opening` inside; or why it is no opening."""
    if not body:
        return tags.OMITTED
    try:
        values = decode_message(wire.OPENING, body)
    except MalformedMessage:
        return tags.MALFORMED
    found = Found(
        number(values, "list_version"),
        entries_of(values),
        octets(values, "sealed"),
        octets(values, "list_digest"),
    )
    return found, octets(values, "tags")


def entries_of(values: Mapping[str, Value]) -> tuple[int, ...]:
    """The entry numbers of a decoded submission or opening."""
    named = values["entries"]
    listed = named if isinstance(named, list) else []
    return tuple(entry for entry in listed if isinstance(entry, int))


def disprove(claim: Claim, view: MapView | None = None) -> Mismatch | None:
    """Why the stamped submission is not the one that the opening yields; None if it is.

    view: the epoch's map, to test the list and the entries too. Raises BadParameters,
    BadMapParameters, MalformedPoint for a manifest that no custodian publishes; NotThisVersion.
    """
    manifest = claim.manifest
    parameters = OnDeviceParameters.decode(manifest.parameters)
    public_key = ristretto.decode_point(manifest.public_key)
    decoded = decode(claim.opening)
    if isinstance(decoded, Mismatch):
        return decoded
    found, tags_opening = decoded
    opened = tags.decode(tags_opening, parameters.tags)
    if isinstance(opened, Mismatch):
        return opened
    secret = ScanSecret(claim.attachment_key, NAME, manifest.epoch)
    rows = tags.verified_tags(opened, secret, public_key, parameters.tags)
    if isinstance(rows, Mismatch):
        return rows
    refuted = found.refuted(opened.hash_bits, secret, claim.submission_digest)
    if refuted is not None or view is None:
        return refuted
    return found.beside(view.at(found.list_version), rows)


def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
    """Why the opening is not that of `media`, another decoder's hash; None if it may be."""
    parameters = OnDeviceParameters.decode(claim.manifest.parameters)
    decoded = decode(claim.opening)
    if isinstance(decoded, Mismatch):
        return decoded
    opened = tags.decode(decoded[1], parameters.tags)
    if isinstance(opened, Mismatch):
        return opened
    return tolerance.disagreement(media, opened, parameters.tags)
