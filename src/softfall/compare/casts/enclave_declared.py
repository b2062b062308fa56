"""What each party may receive under `enclave`."""

from typing import Final

from softfall.compare.casts.end_to_end_declared import end_to_end, rows
from softfall.compare.declared import REPLY, REQUEST, Cbor, Json, Nature, Nothing, Octets
from softfall.options.enclave.wire import (
    ANSWER,
    ATTESTATION,
    LIST_REQUEST,
    LIST_SEALED,
    QUESTION,
    SEALED,
)

_DEVICE: Final = "GET /v1/options/enclave/attestation"
_NONCE: Final = "POST /v1/options/enclave/nonce"
_LIST: Final = "POST /v1/options/enclave/list"
_WHO: Final = "which enclave it is, signed, with the key to seal to"

DECLARED: Final = end_to_end(
    "enclave",
    SEALED,
    "who writes to whom, ciphertext, and for a picture a hash that it can't open",
    [
        *rows(
            "provider",
            "device",
            REQUEST,
            ((_DEVICE, Nothing(), Nature.ROUTING, "that a device wants the enclave attested"),),
        ),
        *rows("device", "provider", REPLY, ((_DEVICE, Cbor(ATTESTATION), Nature.ROUTING, _WHO),)),
        *rows(
            "provider",
            "enclave",
            REPLY,
            (
                ("GET /v1/attestation", Cbor(ATTESTATION), Nature.ROUTING, _WHO),
                ("POST /v1/judge", Cbor(ANSWER), Nature.MATCHING, "one byte a picture: the bit"),
                (
                    "GET /v1/state",
                    Json("state", frozenset({"key_digest", "epochs"})),
                    Nature.ROUTING,
                    "which key and which epochs the enclave has",
                ),
                (
                    "POST /v1/list",
                    Json("taken", frozenset({"epoch"})),
                    Nature.ROUTING,
                    "that the enclave opened the list",
                ),
            ),
        ),
        *rows(
            "provider",
            "custodian",
            REPLY,
            (
                (_NONCE, Octets("nonce"), Nature.ROUTING, "a number for the enclave to answer"),
                (_LIST, Cbor(LIST_SEALED), Nature.SEALED, "the list, which it can't open"),
            ),
        ),
        *rows(
            "custodian",
            "provider",
            REQUEST,
            (
                (_NONCE, Nothing(), Nature.ROUTING, "that an enclave wants the list"),
                (_LIST, Cbor(LIST_REQUEST), Nature.ROUTING, "which enclave it is, attested"),
            ),
        ),
        *rows(
            "enclave",
            "provider",
            REQUEST,
            (
                ("GET /v1/attestation", Nothing(), Nature.ROUTING, "a nonce, in the address"),
                ("GET /v1/state", Nothing(), Nature.ROUTING, "that the provider is there"),
                (
                    "POST /v1/judge",
                    Cbor(QUESTION),
                    Nature.HASHES,
                    "hashes of pictures, sealed to it: it opens them, in memory",
                ),
                (
                    "POST /v1/list",
                    Cbor(LIST_SEALED),
                    Nature.LIST,
                    "the list, sealed to it: it opens it, in memory",
                ),
            ),
        ),
    ],
)
