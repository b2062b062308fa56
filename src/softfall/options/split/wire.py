"""What `split` adds to the blind tags: the submission, its opening, and the provider's artefact.

Guarantees: within an epoch each message has one size, so that nothing about a picture, not even
that it has no hash, shows in a length.
Refuses: any other form, as MalformedMessage.

Who sees what: the custodian sees blinded points, uniform whatever the picture, and for a candidate
the sealed share; the provider sees tags, which are pseudorandom without the custodian's key, and a
share of the hash that is uniform without the custodian's; the opening travels inside the
ciphertext, to the recipient's device alone. Question, reply and parameters are those of
`tags.wire`, the shares that of `confirm.wire`.
"""

import hashlib
from typing import Final

from softfall.options.confirm.wire import CONFIRM_SHARES, SEALED_BYTES
from softfall.options.tags.wire import MAX_POINTS, PARAMETERS, TAG_BYTES, VERSION
from softfall.options.tags.wire import OPENING as TAGS_OPENING
from softfall.wire import Bytes, Field, Message, Nested, Party, Uint

NUMBER_BYTES: Final = 4
_MAX_ARTEFACT_ROWS: Final = 2**27

_VERSION_FIELD = Field("version", Uint(VERSION), "1")

SUBMISSION = Message(
    "split_submission",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field(
            "tags",
            Bytes(TAG_BYTES, TAG_BYTES * MAX_POINTS),
            "8 bytes each, table after table, increasing within a table",
        ),
        Field("shares", Nested(CONFIRM_SHARES), "used only if the tags make it a candidate"),
    ),
    max_bytes=TAG_BYTES * MAX_POINTS + 32 + CONFIRM_SHARES.max_bytes,
)

OPENING = Message(
    "split_opening",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("tags", Bytes(1, TAGS_OPENING.max_bytes), "`tags_opening`"),
        Field("sealed", Bytes(SEALED_BYTES, SEALED_BYTES), "the seal that was submitted"),
    ),
    max_bytes=TAGS_OPENING.max_bytes + SEALED_BYTES + 32,
)

ARTEFACT = Message(
    "split_artefact",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("epoch", Uint(2**32), "the list epoch, hence the custodian's key"),
        Field("parameters", Bytes(1, PARAMETERS.max_bytes), "`tags_parameters`"),
        Field("entries", Uint(2**32 - 1), "how many entries the list has"),
        Field(
            "tags",
            Bytes(0, TAG_BYTES * _MAX_ARTEFACT_ROWS),
            "one an entry and table, increasing within a table; never a hash",
        ),
        Field(
            "numbers",
            Bytes(0, NUMBER_BYTES * _MAX_ARTEFACT_ROWS),
            "the entry number of each tag, 4 bytes, big-endian",
        ),
        Field("checksum", Bytes(32, 32), "SHA-256 over parameters, tags and numbers"),
    ),
    max_bytes=(TAG_BYTES + NUMBER_BYTES) * _MAX_ARTEFACT_ROWS + 8192,
)


def artefact_checksum(parameters: bytes, tags: bytes, numbers: bytes) -> bytes:
    """What tells a damaged artefact; that it is the custodian's, the signed manifest tells."""
    checksum = hashlib.sha256(parameters)
    checksum.update(tags)
    checksum.update(numbers)
    return checksum.digest()
