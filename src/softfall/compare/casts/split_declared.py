"""What each party may receive under `split`: what all tags share, and the provider's tables."""

from typing import Final

from softfall.compare.casts.end_to_end_declared import end_to_end, rows
from softfall.compare.casts.tag_declared import tag_rows
from softfall.compare.declared import REPLY, REQUEST, Cbor, Nature, Nothing
from softfall.options.split.wire import ARTEFACT, SUBMISSION

_FETCHED: Final = "GET /v1/epochs/{number}/artefacts/split"

DECLARED: Final = end_to_end(
    "split",
    SUBMISSION,
    "who writes to whom, ciphertext, and for a picture its pseudorandom tags and one of two "
    "shares of its hash, random without the other",
    [
        *tag_rows("split"),
        *rows(
            "provider",
            "custodian",
            REPLY,
            (
                (
                    _FETCHED,
                    Cbor(ARTEFACT),
                    Nature.DERIVED,
                    "pseudorandom tags of the list's entries; no hash can be read from them "
                    "without the key",
                ),
            ),
        ),
        *rows(
            "custodian",
            "provider",
            REQUEST,
            ((_FETCHED, Nothing(), Nature.ROUTING, "that the provider fetches an epoch"),),
        ),
    ],
)
