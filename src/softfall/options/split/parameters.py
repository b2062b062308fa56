"""The parameters that a new epoch of `split` is published with.

The figures behind the choice, and the rule that made it, are in docs/experiments/multi_probe.md.
"""

from typing import Final

from softfall.options.tags.parameters import DEFAULT_SEED, TagParameters, low_frequency_positions

DEFAULT_PARAMETERS: Final = TagParameters(
    k_bits=22,
    probes=16,
    hits=2,
    positions=low_frequency_positions(DEFAULT_SEED, tables=8, k_bits=22),
)
