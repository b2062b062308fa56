"""What each party may receive under `on_device`: what all tags share, and the list's files."""

from typing import Final

from softfall.compare.casts.end_to_end_declared import Row, end_to_end, rows
from softfall.compare.casts.tag_declared import tag_rows
from softfall.compare.declared import REPLY, REQUEST, Cbor, Form, Json, Nature, Nothing, Octets
from softfall.lists.distribution import LIST_INDEX
from softfall.messaging.envelope import SUBMISSION as CANDIDATE
from softfall.options.on_device.wire import SUBMISSION

_METADATA: Final = "metadata/{file}"
_TARGET: Final = "targets/on_device/{epoch}/{file}"
_CLEARANCE: Final = "POST /v1/options/on_device/clearance"


def _files(prefix: str, form: Form, nature: Nature, meanings: tuple[str, str]) -> tuple[Row, ...]:
    metadata, target = meanings
    return (
        (f"GET {prefix}/{_METADATA}", form, nature, metadata),
        (f"GET {prefix}/{_TARGET}", form, nature, target),
    )


_SIGNED: Final = "signed metadata: which version of the map is the newest"
_MAP: Final = "a part of the map: pseudorandom without the tags of the very picture asked about"

DECLARED: Final = end_to_end(
    "on_device",
    SUBMISSION,
    "who writes to whom, ciphertext, and for a picture that nothing was found, or a candidate's "
    "entry numbers and one of two shares of its hash",
    [
        *tag_rows("on_device"),
        *rows(
            "provider",
            "device",
            REQUEST,
            (
                (
                    _CLEARANCE,
                    Cbor(CANDIDATE),
                    Nature.MATCHING,
                    "that somebody's picture is a candidate, for which entries, and one of two "
                    "shares of its hash",
                ),
                *_files(
                    "/v1/lists",
                    Nothing(),
                    Nature.ROUTING,
                    ("that a device renews its list", "that a device fetches the map"),
                ),
            ),
        ),
        *rows(
            "provider",
            "custodian",
            REPLY,
            (
                (
                    "GET /v1/distribution",
                    Cbor(LIST_INDEX),
                    Nature.DERIVED,
                    "which files the signed list has",
                ),
                *_files("/v1/distribution", Octets("list file"), Nature.DERIVED, (_SIGNED, _MAP)),
            ),
        ),
        *rows(
            "custodian",
            "provider",
            REQUEST,
            (
                ("GET /v1/distribution", Nothing(), Nature.ROUTING, "that the provider is there"),
                *_files(
                    "/v1/distribution",
                    Nothing(),
                    Nature.ROUTING,
                    ("that the provider renews its copy", "that the provider copies the map"),
                ),
            ),
        ),
        *rows(
            "device",
            "provider",
            REPLY,
            (
                (
                    _CLEARANCE,
                    Json("clearance", frozenset({"answer"})),
                    Nature.ROUTING,
                    "whether its candidate may be sent",
                ),
                *_files("/v1/lists", Octets("list file"), Nature.DERIVED, (_SIGNED, _MAP)),
            ),
        ),
    ],
)
