"""What each party may receive under `homomorphic`, in either mode."""

from typing import Final

from softfall.compare.casts.end_to_end_declared import Row, end_to_end, rows
from softfall.compare.declared import (
    REPLY,
    REQUEST,
    Cbor,
    Declaration,
    Json,
    Nature,
    Nothing,
    Octets,
)
from softfall.options.homomorphic import dealt_wire, wire

_STOCK: Final = "POST /v1/homomorphic/stock"
_VERSION: Final = "GET /v1/options/homomorphic/versions/{epoch}"
_ROWS: Final = "GET /v1/options/homomorphic/rows/{sha256}"
_FETCHED_HINT: Final = "GET /v1/options/homomorphic/hints/{sha256}"
_DEALT: Final = "randomness made before there was a picture"
_HINT: Final = "PUT /v1/hints/{sha256}"

_KEYHOLDER_ASKED: Final[tuple[Row, ...]] = (
    ("GET /v1/state", Nothing(), Nature.ROUTING, "that the provider is there"),
    (
        "POST /v1/lists",
        Cbor(wire.LIST_CARRIED),
        Nature.DERIVED,
        "a signed version of the list: how many blocks, and digests; no rows",
    ),
    (
        _HINT,
        Octets("hints"),
        Nature.DERIVED,
        "what the list's blocks make of the public elements; the random rows hide the others",
    ),
    (
        "POST /v1/begin",
        Cbor(wire.BEGIN),
        Nature.MATCHING,
        "of somebody's picture: the sealed seed of its query's key, and distances under masks; "
        "uniform whatever the picture",
    ),
    (
        "POST /v1/finish",
        Cbor(wire.FINISH),
        Nature.MATCHING,
        "one bit: masked shares, uniform. Permuted: all distances of a picture, in a fresh random "
        "order",
    ),
)

_PROVIDER_ANSWERED: Final[tuple[Row, ...]] = (
    (
        "GET /v1/state",
        Json("state", frozenset({"keys", "lists"})),
        Nature.ROUTING,
        "which list versions the keyholder has",
    ),
    (
        "POST /v1/lists",
        Json("taken", frozenset({"epoch", "list_version", "missing"})),
        Nature.ROUTING,
        "which hints the keyholder lacks",
    ),
    (_HINT, Nothing(), Nature.ROUTING, "that the keyholder keeps it"),
    (
        "POST /v1/begin",
        Cbor(wire.BEGUN),
        Nature.MATCHING,
        "masked twice, or shuffled and masked: uniform whatever the picture",
    ),
    (
        "POST /v1/finish",
        Cbor(wire.FINISHED),
        Nature.MATCHING,
        "one bit; after a match which entries, where the epoch says so",
    ),
)

_CUSTODIAN_ASKED: Final[tuple[Row, ...]] = (
    (_VERSION, Nothing(), Nature.ROUTING, "that the provider is there"),
    (_ROWS, Nothing(), Nature.ROUTING, "that the provider fetches the list"),
    (_FETCHED_HINT, Nothing(), Nature.ROUTING, "that the provider fetches hints, to carry on"),
)

_CUSTODIAN_ANSWERED: Final[tuple[Row, ...]] = (
    (
        _VERSION,
        Cbor(wire.LIST_VERSION),
        Nature.DERIVED,
        "a signed version of the list: how many blocks, and digests",
    ),
    (_ROWS, Octets("rows"), Nature.LIST, "the list itself: hashes, open to it"),
    (_FETCHED_HINT, Octets("hints"), Nature.DERIVED, "what it carries to the keyholder"),
)


def _dealt() -> list[Declaration]:
    asked = Json("how much", frozenset({"mode", "rows", "count"}))
    return [
        Declaration(
            "provider",
            "dealer",
            REPLY,
            _STOCK,
            Cbor(dealt_wire.STOCK_PROVIDER),
            Nature.DEALT,
            _DEALT,
        ),
        Declaration(
            "keyholder",
            "dealer",
            REPLY,
            _STOCK,
            Cbor(dealt_wire.STOCK_KEYHOLDER),
            Nature.DEALT,
            _DEALT,
        ),
        Declaration(
            "dealer",
            "provider or keyholder",
            REQUEST,
            _STOCK,
            asked,
            Nature.ROUTING,
            "how much of it one party wants, for a list of about how many rows",
        ),
    ]


DECLARED: Final = end_to_end(
    "homomorphic",
    wire.QUERY,
    "who writes to whom, ciphertext, and for a picture a hash that it can't open",
    [
        *rows("keyholder", "provider", REQUEST, _KEYHOLDER_ASKED),
        *rows("provider", "keyholder", REPLY, _PROVIDER_ANSWERED),
        *rows("custodian", "provider", REQUEST, _CUSTODIAN_ASKED),
        *rows("provider", "custodian", REPLY, _CUSTODIAN_ANSWERED),
        *_dealt(),
    ],
)
