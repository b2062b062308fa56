"""What a picture costs each party of `split`, what a token costs, and 128 evaluations alone.

The provider judges against a million entries; their tags are random numbers here, as tags are to
whoever has no key. No peer does the same work: the single multiplications' peer is in
`public_sums`.
"""

import os
from functools import partial

import numpy as np

from bench.figures import Check, Figure, processor_ms
from bench.hashes import balanced, with_margins
from bench.picture import EPOCH, Picture
from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import Clear, ScanSecret
from softfall.options.split import wire
from softfall.options.split.custodian import SplitCustodian, derive_secret
from softfall.options.split.device import SplitDevice
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.split.provider import SplitProvider
from softfall.options.tags.custodian import TagCustodian
from softfall.options.tags.device import TagKey
from softfall.options.tags.parameters import DEFAULT_SEED, TagParameters, low_frequency_positions
from softfall.options.tags.wire import TAG_BYTES, VERSION
from softfall.options.tokens import custodian as minting
from softfall.options.tokens import device as tokens
from softfall.options.tokens.wire import MAX_BATCH, TokenRefused
from softfall.wire import Party

ENTRIES = 1_000_000
NAME = "split"
UNITS = 200  # timed at once
# The shape that was measured before anything was built.
FORMERLY = TagParameters(28, 16, 2, low_frequency_positions(DEFAULT_SEED, tables=8, k_bits=28))


def figures() -> list[Figure]:
    return [*_split(), *_units(), *_evaluations(), *_tokens()]


def _split() -> list[Figure]:
    secret, rng = derive_secret(bytes(32), EPOCH), np.random.default_rng(1)
    custodian = SplitCustodian(EPOCH, secret)
    public_key = custodian.prepare([], lambda done, total: None).public_key
    confirm_key = make_keys(bytes(32), NAME, EPOCH).public
    device = SplitDevice(EPOCH, public_key, DEFAULT_PARAMETERS, confirm_key)
    picture = Picture(device, custodian, with_margins(rng, balanced(rng, 1)[0]))
    provider = SplitProvider(EPOCH, _artefact(rng))
    judge = partial(provider.judge, picture.submission, _Nobody())
    times_ms = processor_ms({**picture.works(), "provider": judge})
    asked = f"{DEFAULT_PARAMETERS.questions} questions"
    honest = Check(picture.check(), "the recipient finds it honest")
    clear = Check(isinstance(judge(), Clear), "an unlisted picture is clear")
    return [
        honest.figure("split.device", f"sender's device, {asked}", times_ms["device"], "ms"),
        honest.figure("split.recipient", "recipient's device", times_ms["recipient"], "ms"),
        honest.figure("split.custodian", "custodian", times_ms["custodian"], "ms"),
        clear.figure(
            "split.provider", f"provider, among {ENTRIES:,} entries", times_ms["provider"], "ms"
        ),
        honest.figure(
            "split.both_ways", "question, token and reply", picture.both_ways_bytes, "bytes"
        ),
        honest.figure("split.submission", "a submission", len(picture.submission.body), "bytes"),
    ]


class _Nobody:
    """The provider of `split` asks nobody while it judges."""

    def ask(self, receiver: Party, body: bytes) -> bytes:
        raise AssertionError(f"{receiver.value} was asked {len(body)} bytes")


def _artefact(rng: np.random.Generator) -> bytes:
    parameters = DEFAULT_PARAMETERS.encode()
    shape = (DEFAULT_PARAMETERS.tables, ENTRIES)
    rows = np.sort(rng.integers(0, 2 ** (8 * TAG_BYTES), shape, dtype=np.uint64), axis=1)
    tags, numbers = rows.astype(">u8").tobytes(), np.indices(shape)[1].astype(">u4").tobytes()
    return wire.ARTEFACT.encode(
        {
            "version": VERSION,
            "epoch": EPOCH,
            "parameters": parameters,
            "entries": ENTRIES,
            "tags": tags,
            "numbers": numbers,
            "checksum": wire.artefact_checksum(parameters, tags, numbers),
        }
    )


def _units() -> list[Figure]:
    """What every evaluation is made of, by libsodium: it tells how fast the machine was."""
    scalar = ristretto.scalar_from_wide(bytes([7]) * ristretto.WIDE_BYTES)
    point = oprf.hash_to_group(b"a piece", Mode.VOPRF)
    times_ms = processor_ms(
        {
            "multiplication": lambda: [ristretto.multiply(scalar, point) for _ in range(UNITS)],
            "hash": lambda: [oprf.hash_to_group(b"a piece", Mode.VOPRF) for _ in range(UNITS)],
        }
    )
    inverse = ristretto.invert_all([scalar])[0]
    back = ristretto.multiply(inverse, ristretto.multiply(scalar, point))
    right = Check(back == point, "multiplied and divided, the same point")
    told = {"multiplication": "one multiplication of a point", "hash": "one hash to a point"}
    return [
        right.figure(f"tags.{key}", what, 1000 * times_ms[key] / UNITS, "us")
        for key, what in told.items()
    ]


def _evaluations() -> list[Figure]:
    """Questions, blinding, the proof and tags; no token, no shares, no map."""
    custodian = TagCustodian(NAME, EPOCH, derive_secret(bytes(32), EPOCH), FORMERLY)
    key = TagKey(NAME, EPOCH, ristretto.decode_point(custodian.public_key), FORMERLY)
    rng = np.random.default_rng(1)
    media, secret = with_margins(rng, balanced(rng, 1)[0]), ScanSecret(bytes(32), NAME, EPOCH)
    question = key.ask(media, secret).request.body
    reply = custodian.answer(question)
    _, rows = key.ask(media, secret).finish(reply)
    times_ms = processor_ms(
        {
            "device": lambda: key.ask(media, secret).finish(reply),
            "custodian": partial(custodian.answer, question),
        }
    )
    tags = {tag for row in rows for tag in row}
    right = Check(len(tags) == FORMERLY.questions, f"{len(tags)} different tags, proof verified")
    asked = f"{FORMERLY.questions} evaluations"
    return [
        right.figure("tags.device", f"device, {asked}", times_ms["device"], "ms"),
        right.figure("tags.custodian", f"custodian, {asked}", times_ms["custodian"], "ms"),
        right.figure("tags.both_ways", f"{asked}", len(question) + len(reply), "bytes"),
    ]


def _tokens() -> list[Figure]:
    mint = minting.Mint(minting.derive_secret(bytes(32)))
    begin = partial(tokens.begin, mint.public_key, MAX_BATCH, os.urandom)
    pending = begin()
    reply = mint.issue(pending.request)
    times_ms = processor_ms(
        {
            "begin": begin,
            "finish": partial(pending.finish, reply),
            "custodian": partial(mint.issue, pending.request),
        }
    )
    good = all(_good(mint, token) for token in pending.finish(reply))
    right = Check(good, "every token of the batch is good")
    device_ms = (times_ms["begin"] + times_ms["finish"]) / MAX_BATCH
    both_ways_bytes = (len(pending.request) + len(reply)) / MAX_BATCH
    batch = f"one token of a batch of {MAX_BATCH}"
    return [
        right.figure("tokens.device", f"device, {batch}", device_ms, "ms"),
        right.figure(
            "tokens.custodian", f"custodian, {batch}", times_ms["custodian"] / MAX_BATCH, "ms"
        ),
        right.figure("tokens.both_ways", f"both ways, {batch}", both_ways_bytes, "bytes"),
    ]


def _good(mint: minting.Mint, token: tokens.Token) -> bool:
    try:
        mint.check(minting.read(token.ask(NAME, b"a question")))
    except TokenRefused:
        return False
    return True
