"""The dealer's half of `confirm`: correlated randomness, made before there is any picture.

Guarantees: either half alone is uniform, so it tells its holder nothing of the other; together they
serve one candidate. The dealer takes no input but a serial and random bytes, and sees nothing of
any message, ever.
Limits: a dealer that keeps what it dealt and joins with one party opens the other's share of each
candidate. It must be independent of both, and it erases each half once handed out (`dealer/`).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from softfall.crypto.shares import DISTANCE_MODULUS, product_share
from softfall.crypto.truth_table import other_table
from softfall.options.confirm import wire
from softfall.options.confirm.material import custodian_masks, provider_half
from softfall.options.dealt import SEED_BYTES
from softfall.wire import Value

RADIUS_BITS: Final = 31


class Dealt(NamedTuple):
    """One serial's two halves, encoded: `dealt_provider` and `dealt_custodian`."""

    provider: bytes
    custodian: bytes


def deal(serial: int, random_bytes: Callable[[int], bytes]) -> Dealt:
    """Both halves of one serial (0 to 2^63 - 1, never used before by this dealer or another).

    random_bytes(n): n fresh bytes from the system's source; 64 are drawn.
    Raises MalformedMessage for a serial out of range.
    """
    provider_seed, custodian_seed = (random_bytes(SEED_BYTES) for _ in range(2))
    theirs = provider_half(serial, provider_seed)
    mask, rotation = custodian_masks(serial, custodian_seed)
    whole_rotation = (theirs.table.rotation + rotation) % DISTANCE_MODULUS
    product = product_share(mask, theirs.product.mask, theirs.product.share)
    head: dict[str, Value] = {"version": wire.VERSION, "serial": wire.serial_bytes(serial)}
    return Dealt(
        wire.DEALT_PROVIDER.encode({**head, "seed": provider_seed}),
        wire.DEALT_CUSTODIAN.encode(
            {
                **head,
                "seed": custodian_seed,
                "product": bytes([product]),
                "table": other_table(whole_rotation, RADIUS_BITS, theirs.table.table),
            }
        ),
    )
