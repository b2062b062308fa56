"""One run over nothing, so that every kernel is compiled before the first question.

Guarantees: uses no key, list or material of this keyholder, and no dealer's code.
"""

from typing import Final

import numpy as np

from softfall.crypto import hpke
from softfall.crypto.columns import nine_bit_bytes, plane_bytes
from softfall.crypto.equality import DIGEST_BYTES, KEY_BYTES
from softfall.options.homomorphic import dealt_wire, keyholder, sealing, wire
from softfall.options.homomorphic.keyholder import Asked, Begin, HintList, HintSegment
from softfall.options.homomorphic.material import (
    DealtKeyholder,
    Expansion,
    OneBitKeyholder,
    PermutedKeyholder,
)
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.segments import HINT_COLUMNS, LIST_ROWS
from softfall.wire import Value

_BLOCK_MASKED_BYTES: Final = LIST_ROWS * 3 // 2


def warm_up() -> None:
    """Run each mode once over one empty block."""
    for mode in Mode:
        _run(mode)


def _run(mode: Mode) -> None:
    secret, seed = bytes(hpke.SECRET_BYTES), bytes(wire.SEED_BYTES)
    public = hpke.public_of(secret)
    parameters = HomomorphicParameters(seed, public, mode)
    hint = np.zeros((64, 1, HINT_COLUMNS), np.uint32)
    hints = HintList(1, 0, parameters, (HintSegment(hint, np.ones(1, np.bool_)),))
    run = Asked(
        0,
        sealing.commitment(seed, 1),
        sealing.make_capsule(seed, public, 1),
        bytes(_BLOCK_MASKED_BYTES),
    )
    _, kept = keyholder.begin(Begin(1, 0, (run,)), hints, [_material(mode)], [secret])
    keyholder.finish(_finish(mode), kept)


def _material(mode: Mode) -> DealtKeyholder:
    expansion = Expansion("nobody", mode, LIST_ROWS, 0, bytes(wire.SEED_BYTES))
    columns = bytes(dealt_wire.columns_bytes(mode, LIST_ROWS))
    if mode is Mode.PERMUTED:
        return DealtKeyholder(PermutedKeyholder(expansion, columns))
    key, addend = bytes(KEY_BYTES), bytes(DIGEST_BYTES)
    return DealtKeyholder(OneBitKeyholder(expansion, key, addend, columns))


def _finish(mode: Mode) -> bytes:
    permuted = mode is Mode.PERMUTED
    values = bytes(nine_bit_bytes(LIST_ROWS)) if permuted else b""
    opened = b"" if permuted else bytes(2 * plane_bytes(LIST_ROWS))
    run: dict[str, Value] = {
        "serial": wire.serial_bytes(0),
        "values": values,
        "opened": opened,
        "tag": b"" if permuted else bytes(wire.TAG_BYTES),
    }
    return wire.FINISH.encode({"version": wire.VERSION, "runs": [run]})
