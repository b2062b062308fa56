"""What the options were asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, experiment, figure, row

PROTOTYPE = "prototype"
ONE_PICTURE = "one picture among 1,000,000"
BATCH = "64 sealed pictures among 1,000,000, 2 threads"
FIRST_CONTACT = "first contact"

_FEWER_QUESTIONS = (
    "Each question costs two multiplications of libsodium's, which no batch spares: fewer "
    "questions are sooner, at a smaller k, which makes the list cheaper to read "
    "([what fewer questions buy](experiments/on-device.md))."
)

_SLOWER = (
    "This is libsodium's work and Python's call of it. A core that others share is slower, and "
    "every time on this page with it."
)

GOALS: tuple[Goal, ...] = (
    Goal(
        "on_device",
        "download for a million entries",
        20,
        "MB",
        figure("on_device.download", scale=1e-6),
        missed="A smaller map has fewer tables, and less recall.",
    ),
    Goal(
        "on_device",
        "a day with 1,000 changes, the larger of two kinds",
        100,
        "kB",
        figure("on_device.delta.half", "on_device.delta.added", scale=1e-3),
        missed="Fewer tables and check bits make a smaller file, and cost recall or innocents.",
    ),
    Goal(
        "on_device",
        "device's work a picture, its hash being there",
        15,
        "ms",
        figure("on_device.device"),
        missed=_FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "the same, from a 2 MP JPEG's bytes on",
        15,
        "ms",
        figure("on_device.whole"),
        missed="Decoding and hashing take the rest, as under every option that hashes on the "
        "device; a smaller picture takes less, as the rows below say, but it must be the one that "
        "is sent. " + _FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "round trip: question, token and reply",
        8,
        "kB",
        figure("on_device.both_ways", scale=1e-3),
        missed=_FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "recovered of plain PDQ's matches",
        97,
        "%",
        experiment("recall", "recovered", scale=100),
        at_most=False,
        missed="More probes recover more, and cost the device more.",
    ),
    Goal(
        "on_device",
        "innocent pictures that reach `confirm`, the 95 % bound",
        2,
        "%",
        experiment("innocent", "upper", scale=100),
        missed="Check bits let fewer through; each costs half a megabyte.",
    ),
    Goal(
        "on_device",
        "confirmed by mistake, where plain PDQ says no",
        0,
        "pictures",
        experiment("innocent", "confirmed"),
        missed="`confirm` is not exact: a fault.",
    ),
    Goal(
        "enclave",
        "one picture: cached document verified, sealed, opened, scanned",
        60,
        "ms",
        row(ONE_PICTURE),
        missed="The scan reads every entry for every picture, on purpose: a batch shares it, for "
        "a wait.",
    ),
    Goal(
        "enclave",
        "first contact, more",
        10,
        "ms",
        row(FIRST_CONTACT),
        missed="A longer cache lifetime meets the document less often.",
    ),
    Goal(
        "enclave",
        "64 sealed pictures at once, 2 threads",
        40,
        "pictures/s",
        row(BATCH, lambda took_ms: 64 * 1000 / took_ms),
        at_most=False,
        missed="A larger batch shares the scan among more pictures, for a longer wait.",
    ),
    Goal(
        PROTOTYPE,
        "one multiplication of a point",
        41,
        "us",
        figure("tags.multiplication"),
        missed=_SLOWER,
    ),
    Goal(
        PROTOTYPE,
        "one hash to a point",
        12,
        "us",
        figure("tags.hash"),
        missed=_SLOWER,
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations at the device",
        12,
        "ms",
        figure("tags.device"),
        missed="The prototype's figure was the multiplications and nothing else; here the proof "
        "is verified and every input and output checked as well.",
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations at the custodian",
        5,
        "ms",
        figure("tags.custodian"),
        missed="The prototype made no proof and checked no points. A proof is what keeps a "
        "custodian from giving somebody a key of their own.",
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations, both ways",
        8,
        "KiB",
        figure("tags.both_ways", scale=1 / 1024),
        missed="The points alone are 8 KiB; the rest is the proof and the message around them.",
    ),
    Goal(
        PROTOTYPE,
        "map's bits for a bit of value",
        1.13,
        "",
        figure("on_device.bits"),
        missed="A filter's figure, for the largest sets: the segments are a little looser, so "
        "that they can be built at the first or second try.",
    ),
    Goal(
        PROTOTYPE,
        "an attestation document verified",
        1.3,
        "ms",
        figure("enclave.verify"),
        missed="Here the chain's validity, policy and the allow-list are checked each time too.",
    ),
    Goal(
        PROTOTYPE,
        "an attestation document",
        2.3,
        "kB",
        figure("enclave.document", scale=1e-3),
        missed="Our own local chain is longer.",
    ),
)
