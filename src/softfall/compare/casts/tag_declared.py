"""What each party may receive of blind tags, tokens and `confirm`, as `split` and `on_device` do.

Guarantees: as `end_to_end_declared`.
"""

from typing import Final

from softfall.compare.casts.end_to_end_declared import Row, rows
from softfall.compare.declared import REPLY, REQUEST, Cbor, Declaration, Inner, Json, Nature
from softfall.options.confirm.wire import (
    CONFIRM_BEGIN,
    CONFIRM_BEGUN,
    CONFIRM_FINISH,
    CONFIRM_FINISHED,
    STOCK_CUSTODIAN,
    STOCK_PROVIDER,
)
from softfall.options.tags.wire import REPLY as ANSWER
from softfall.options.tags.wire import REQUEST as QUESTION
from softfall.options.tokens.wire import ASK, TOKEN_REPLY, TOKEN_REQUEST

_PROVIDER_CONFIRMING: Final[tuple[Row, ...]] = (
    (
        "POST /v1/confirm/begin",
        Cbor(CONFIRM_BEGUN),
        Nature.MATCHING,
        "a candidate's first answer: random whatever the picture",
    ),
    (
        "POST /v1/confirm/finish",
        Cbor(CONFIRM_FINISHED),
        Nature.MATCHING,
        "its second answer: with the provider's own share, one bit",
    ),
)

_CUSTODIAN_CONFIRMING: Final[tuple[Row, ...]] = (
    (
        "POST /v1/confirm/begin",
        Cbor(CONFIRM_BEGIN),
        Nature.MATCHING,
        "that somebody's picture was a candidate for an entry, and a share of its hash; random "
        "without the other share",
    ),
    (
        "POST /v1/confirm/finish",
        Cbor(CONFIRM_FINISH),
        Nature.MATCHING,
        "a masked distance: random, not the outcome",
    ),
)

_DEALT: Final = "randomness made before there was a picture"


def tag_rows(option: str) -> list[Declaration]:
    """Questions, answers and tokens, confirmation and what is dealt for it."""
    asks, answers = f"POST /v1/options/{option}/ask", f"POST /v1/options/{option}/answer"
    issue = "POST /v1/tokens/issue"
    ask = Cbor(ASK, inner={"question": Inner("option", {option: QUESTION})})
    provider_asked: tuple[Row, ...] = (
        (
            asks,
            ask,
            Nature.MATCHING,
            "blinded points on their way to the custodian, and a token spent on them; random to "
            "everyone but their device",
        ),
        (
            issue,
            Cbor(TOKEN_REQUEST),
            Nature.MATCHING,
            "who asks for how many tokens, blinded; not which ones come of it",
        ),
    )
    provider_answered: tuple[Row, ...] = (
        (
            answers,
            Cbor(ANSWER),
            Nature.MATCHING,
            "evaluated blinded points on their way back; random to everyone but their device",
        ),
        (
            issue,
            Cbor(TOKEN_REPLY),
            Nature.MATCHING,
            "blinded tokens on their way back; random to everyone but their device",
        ),
    )
    custodian_asked: tuple[Row, ...] = (
        (
            answers,
            ask,
            Nature.MATCHING,
            "blinded points from nobody in particular, and a token of it; random whatever the "
            "picture",
        ),
        (
            issue,
            Cbor(TOKEN_REQUEST),
            Nature.MATCHING,
            "blinded points from nobody in particular; nothing to know the tokens by when spent",
        ),
    )
    device_answered: tuple[Row, ...] = (
        (asks, Cbor(ANSWER), Nature.MATCHING, "tags of its own picture only; nothing of any entry"),
        (
            issue,
            Cbor(TOKEN_REPLY),
            Nature.MATCHING,
            "tokens that it alone can unblind; one buys one question",
        ),
    )
    return [
        *rows("provider", "device", REQUEST, provider_asked),
        *rows("provider", "custodian", REPLY, provider_answered),
        *rows("provider", "custodian", REPLY, _PROVIDER_CONFIRMING),
        *rows("custodian", "provider", REQUEST, custodian_asked),
        *rows("custodian", "provider", REQUEST, _CUSTODIAN_CONFIRMING),
        *rows("device", "provider", REPLY, device_answered),
        *_dealt(),
    ]


def _dealt() -> list[Declaration]:
    stock, count = "POST /v1/stock", Json("how much", frozenset({"count"}))
    halves = (("provider", STOCK_PROVIDER), ("custodian", STOCK_CUSTODIAN))
    return [
        *(
            Declaration(party, "dealer", REPLY, stock, Cbor(form), Nature.DEALT, _DEALT)
            for party, form in halves
        ),
        Declaration(
            "dealer",
            "provider or custodian",
            REQUEST,
            stock,
            count,
            Nature.ROUTING,
            "how much of it one party wants",
        ),
    ]
