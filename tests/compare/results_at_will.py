"""Results made by hand, for tests of what is drawn from results."""

from collections.abc import Sequence

from softfall.compare.plan import AS_IT_IS, Cheat, Kind
from softfall.compare.results import (
    Comparison,
    FieldSeen,
    Machine,
    OptionRun,
    Outcome,
    PictureFacts,
    Readable,
    Sent,
    Setup,
    TurnFacts,
    View,
)

PICTURES = (
    PictureFacts(
        photograph="fountain",
        edit=AS_IT_IS,
        format="png",
        size_bytes=1000,
        hashable=True,
        distance_bits=0,
    ),
    PictureFacts(
        photograph="fountain",
        edit="blur",
        format="jpeg",
        size_bytes=900,
        hashable=True,
        distance_bits=12,
    ),
    PictureFacts(
        photograph="fountain",
        edit="crop 5 %",
        format="jpeg",
        size_bytes=800,
        hashable=True,
        distance_bits=None,
    ),
    PictureFacts(
        photograph="meadow",
        edit=AS_IT_IS,
        format="png",
        size_bytes=2000,
        hashable=True,
        distance_bits=None,
    ),
)
TURNS = (
    TurnFacts(kind=Kind.TEXT, picture=None, cheat=None),
    TurnFacts(kind=Kind.AS_IS, picture=0, cheat=None),
    TurnFacts(kind=Kind.EDITED, picture=1, cheat=None),
    TurnFacts(kind=Kind.EDITED, picture=2, cheat=None),
    TurnFacts(kind=Kind.UNLISTED, picture=3, cheat=None),
    TurnFacts(kind=Kind.CHEAT, picture=0, cheat=Cheat.JUNK),
    TurnFacts(kind=Kind.COLLUDING, picture=0, cheat=None),
)
SHOWN, HELD, QUARANTINED, LOST = (
    Outcome.SHOWN,
    Outcome.HELD,
    Outcome.QUARANTINED,
    Outcome.LOST,
)
USUAL = (SHOWN, HELD, HELD, SHOWN, SHOWN, QUARANTINED, SHOWN)


def sent(turn: int, outcome: Outcome, *, sender_ms: float = 10.0, up: int = 1500) -> Sent:
    return Sent(
        turn=turn,
        outcome=outcome,
        reason="a reason",
        sender_ms=sender_ms,
        verdict_ms=5.0,
        recipient_ms=20.0,
        cpu_ms={"sender": 3.0 + turn, "provider": 2.0, "custodian": 1.0, "recipient": 4.0},
        up_bytes={"sender": up, "recipient": 0},
        down_bytes={"sender": 100, "recipient": 2500},
    )


def view(role: str, nature: str, size_bytes: int) -> View:
    return View(
        role=role,
        peer="device",
        route="POST /v1/envelopes",
        way="request",
        form="envelope",
        meaning="what it is",
        count=3,
        body_bytes=size_bytes + 10,
        head_bytes=300,
        fields=(
            FieldSeen(name="body", meaning="a field", nature=nature, size_bytes=size_bytes),
            FieldSeen(
                name="to",
                meaning="whose mailbox",
                nature="who, to whom, when; keys and receipts",
                size_bytes=10,
            ),
        ),
    )


def option_run(name: str, outcomes: Sequence[Outcome] = USUAL, **changes: object) -> OptionRun:
    values = {
        "name": name,
        "summary": f"how {name} works",
        "submits": True,
        "limits": ("two colluding patched apps escape. Nothing reads words.",),
        "parameters": {"k_bits": 21},
        "setup": (
            Setup(role="provider", received_bytes=9600, seconds=1.5, what="fetches tags"),
            Setup(role="device", received_bytes=0, seconds=0.0, what="receives nothing"),
        ),
        "sent": tuple(sent(turn, outcome) for turn, outcome in enumerate(outcomes)),
        "views": (
            view("provider", "ciphertext, which it can't open", 5000),
            view("custodian", "made for matching", 700),
            view("sender", "made for matching", 600),
            view("recipient", "words and pictures meant for it", 4000),
        ),
        "undeclared": (),
        "readable": (
            Readable(role="provider", searched_bytes=5010, pictures=0, texts=0, list_entries=0),
            Readable(role="recipient", searched_bytes=4010, pictures=1, texts=1, list_entries=0),
        ),
        "memory_bytes": {"provider": 100_000_000},
    }
    return OptionRun.model_validate({**values, **changes})


def comparison(*runs: OptionRun, **changes: object) -> Comparison:
    values = {
        "softfall": "0.0",
        "started_at": "2026-01-01T00:00:00+00:00",
        "seconds": 12.0,
        "seed": 7,
        "list_size": 1234,
        "list_origin": "1 of the photographs, and 1,233 random balanced hashes",
        "match_radius_bits": 31,
        "machine": Machine(
            processor="a processor",
            cores=2,
            memory_bytes=8_000_000_000,
            system="Linux",
            python="3.11",
            versions={"numpy": "2"},
        ),
        "left_out": {},
        "pictures": PICTURES,
        "turns": TURNS,
        "options": runs,
    }
    return Comparison.model_validate({**values, **changes})
