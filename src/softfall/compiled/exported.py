"""How a kernel module offers a function to `native`: plain numbers and addresses in, a number out.

Guarantees: what is compiled here needs neither numba nor Python's memory once it is machine code,
so that a later process can load it without either; it keeps the order of floating-point
arithmetic and raises nothing for a division by zero.
Refuses: a kernel that allocates, may raise, or calls what may do either (TypeError, when its code
is asked for); nothing at run time.
Imported by kernel modules alone, where something has to be compiled: numba takes half a second.

A signature names each argument by a type: `int64`, `float64`, ... for a number, `uint64*` for the
address of an array of them. The kernel gives the addresses their shapes by `array`.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import llvmlite.binding as llvm
import numba
import numba.extending
from numba import types

_NUMBA: Final[Any] = numba  # (most of its names carry no annotations)

# What every process has: C's memory and mathematics, which code generation itself may call.
_MATHEMATICS: Final = (
    "acos asin atan atan2 cbrt ceil copysign cos cosh erf exp exp2 expm1 fabs floor fma fmax fmin "
    "fmod hypot ldexp log log10 log1p log2 nearbyint pow rint round sin sinh sqrt tan tanh trunc"
)
_PROVIDED: Final = {
    "memcpy",
    "memmove",
    "memset",
    *(word + width for word in _MATHEMATICS.split() for width in ("", "f")),
}

array: Final[Any] = _NUMBA.carray
"""array(address, shape): the array that lies there; used inside kernels only."""

_Helper = Callable[[Callable[..., Any]], Callable[..., Any]]

inlined: Final[_Helper] = _NUMBA.njit(inline="always", error_model="numpy")
"""A helper of a kernel, put into its caller as it stands."""

helper: Final[_Helper] = _NUMBA.njit(
    error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
"""A helper of a kernel, compiled with it."""

fused: Final[_Helper] = _NUMBA.njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
"""A helper whose sums may be reordered and contracted: never where bits must be a reference's."""


intrinsic: Final[_Helper] = _NUMBA.extending.intrinsic
"""A helper of a kernel, given as the LLVM instructions that it becomes."""


class Exported:
    """A kernel. It is compiled when its code is first asked for."""

    def __init__(self, signature: str, function: Callable[..., Any]) -> None:
        self.result, self.arguments = _parsed(signature)
        self._function = function

    @property
    def symbol(self) -> str:
        """The function's name in its object code."""
        return str(self._made._wrapper_name)

    @property
    def object_code(self) -> bytes:
        """An object file for this machine's processor.

        Raises TypeError for a kernel that needs more than itself at run time: one that allocates
        or may raise.
        """
        foreign = sorted(_reachable(self.llvm_code, self.symbol) - _PROVIDED)
        if foreign:
            raise TypeError(
                f"the kernel {self._function.__name__} calls {', '.join(foreign[:3])}: it may not "
                "make an array, raise, or call Python"
            )
        _, _, (code, _) = self._made._library.serialize_using_object_code()
        return bytes(code)

    @property
    def never_called(self) -> tuple[str, ...]:
        """Functions of numba's and Python's that the object code names, in the end for errors."""
        return tuple(sorted(_declared(llvm.parse_assembly(self.llvm_code)) - _PROVIDED))

    @property
    def llvm_code(self) -> str:
        """LLVM's optimised code, for tests that read it: every value has one definition."""
        return str(self._made._library.get_llvm_str())

    @property
    def assembly(self) -> str:
        """The generated instructions, for tests that read them."""
        return str(self._made._library.get_asm_str())

    @cached_property
    def _made(self) -> Any:
        signature = _type(self.result)(*map(_type, self.arguments))
        return _NUMBA.cfunc(signature, nopython=True, error_model="numpy")(self._function)


def exported(signature: str) -> Callable[[Callable[..., Any]], Exported]:
    """The decorator. signature: as `int64(uint64*, int64)`, result first."""
    return lambda function: Exported(signature, function)


def _parsed(signature: str) -> tuple[str, tuple[str, ...]]:
    result, _, rest = signature.partition("(")
    return result, tuple(word.strip() for word in rest.rstrip(")").split(","))


def _type(word: str) -> Any:
    known: Any = types  # (its constructors carry no annotations)
    plain = getattr(known, word.rstrip("*"))
    return known.CPointer(plain) if word.endswith("*") else plain


def _reachable(llvm_code: str, symbol: str) -> set[str]:
    """The functions of others that may really be called from the kernel.

    numba writes an end for errors into every kernel; where no error can come of it, LLVM finds that
    out as soon as it knows that nobody else calls the functions within.
    """
    module = llvm.parse_assembly(llvm_code)
    for function in module.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = "internal"
    llvm.initialize_native_target()
    machine = llvm.Target.from_default_triple().create_target_machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0))
    passes = llvm.create_new_module_pass_manager()
    for _ in range(2):
        passes.add_ipsccp_pass()
        passes.add_global_opt_pass()
        passes.add_dead_arg_elimination_pass()
        passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    return _declared(module)


def _declared(module: Any) -> set[str]:
    """What a module calls and does not hold, but for LLVM's own patterns."""
    names = (each.name for each in module.functions if each.is_declaration)
    return {name for name in names if not name.startswith("llvm.")}
