"""What was asked of the first use of a kernel.

No figure stands here but the bounds.
"""

from bench.cold_start import FIRST, LATER, WHOLE, kernel_key
from bench.goals import Goal, figure
from softfall.compiled.sources import kernels

_AREA = "cold start"

GOALS: tuple[Goal, ...] = (
    Goal(
        _AREA,
        "first use of any kernel after installation, the slowest",
        5,
        "s",
        figure(*(kernel_key(FIRST, kernel) for kernel in kernels())),
        missed="Compiling is numba's and LLVM's work; `softfall kernels` does it ahead.",
    ),
    Goal(
        _AREA,
        "first use of any kernel in a later process, the slowest",
        0.3,
        "s",
        figure(*(kernel_key(LATER, kernel) for kernel in kernels())),
        missed="Most of it is loading numpy and llvmlite from the disk.",
    ),
    Goal(
        _AREA,
        "a later process of Python, from its start to its first hash by a kernel",
        0.3,
        "s",
        figure(WHOLE),
        missed="Python itself, numpy and llvmlite take most of it.",
    ),
)
