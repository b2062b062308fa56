"""What `on_device` adds to the blind tags: the submission, its opening, and the map's files.

Guarantees: all pictures that are no candidates have one and the same submission, byte for byte.
Refuses: any other form, as MalformedMessage.

Who sees what: the custodian sees blinded points, uniform whatever the picture; the provider sees
nothing of a picture but that it is no candidate, or, for a candidate, the entry numbers and the
shares for `confirm`; devices hold the map. Question and reply are those of `tags.wire`.
"""

from typing import Final

from softfall.options.confirm.wire import CONFIRM_SHARES, SEALED_BYTES
from softfall.options.tags import wire as tags
from softfall.wire import Bytes, Field, ListOf, Message, Optional, Party, Uint

VERSION: Final = 1
MAX_CANDIDATES: Final = 16  # as many as `confirm` takes for one picture
MAX_NUMBER: Final = 2**28 - 1
MAX_LIST_VERSION: Final = 2**32
MAX_CHECK_BITS: Final = 16
MAX_SLOTS: Final = 16

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_LIST_VERSION_FIELD = Field(
    "list_version", Uint(MAX_LIST_VERSION), "the version of the epoch's map that was looked into"
)
_LIST_DIGEST = Bytes(32, 32)
_NUMBERS = ListOf(Uint(MAX_NUMBER), 0, MAX_CANDIDATES)

PARAMETERS = Message(
    "on_device_parameters",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("tags", Bytes(1, tags.PARAMETERS.max_bytes), "`tags_parameters`"),
        Field("code_bits", Uint(28), "bits of an entry number in the map"),
        Field("check_bits", Uint(MAX_CHECK_BITS), "zeros after it that tell a hit from chance"),
        Field("slots", Uint(MAX_SLOTS), "entries that may share one piece in one table"),
        Field("lag_versions", Uint(2**16), "versions that a sender's map may be behind"),
    ),
    max_bytes=tags.PARAMETERS.max_bytes + 32,
)

SUBMISSION = Message(
    "on_device_submission",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _LIST_VERSION_FIELD,
        Field("entries", _NUMBERS, "candidates' numbers, likeliest first; none: no candidate"),
        Field(
            "shares",
            Bytes(0, CONFIRM_SHARES.max_bytes),
            "`confirm_shares` of a candidate; else empty",
        ),
    ),
    max_bytes=CONFIRM_SHARES.max_bytes + 5 * MAX_CANDIDATES + 32,
)

OPENING = Message(
    "on_device_opening",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        _LIST_VERSION_FIELD,
        Field("list_digest", _LIST_DIGEST, "SHA-256 over that version's files' own, in order"),
        Field("tags", Bytes(1, tags.OPENING.max_bytes), "`tags_opening`"),
        Field("entries", _NUMBERS, "what the submission named"),
        Field("sealed", Bytes(0, SEALED_BYTES), "the seal in its shares; empty without"),
    ),
    max_bytes=tags.OPENING.max_bytes + SEALED_BYTES + 5 * MAX_CANDIDATES + 128,
)

SEGMENT = Message(
    "on_device_segment",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("epoch", Uint(2**32), "the list epoch, hence the custodian's key"),
        _LIST_VERSION_FIELD,
        Field("follows", Optional(Uint(MAX_LIST_VERSION)), "the version before; nothing: a base"),
        Field("parameters", Bytes(1, PARAMETERS.max_bytes), "`on_device_parameters`"),
        Field("entries", Uint(MAX_NUMBER + 1), "entries that the segment adds"),
        Field("lowest", Uint(MAX_NUMBER), "their lowest number; 0 without"),
        Field("highest", Uint(MAX_NUMBER), "their highest number; 0 without"),
        Field("keys", Uint(2**31), "pieces in its static function"),
        Field("segment_bits", Uint(18), "the static function's `Shape`"),
        Field("starts", Uint(2**31), "the same"),
        Field("seed", Uint(2**63 - 1), "the same"),
        Field("withdrawn", Uint(MAX_NUMBER + 1), "entries of earlier segments that it withdraws"),
    ),
    max_bytes=PARAMETERS.max_bytes + 128,
)
