"""Reads what the compiler made of a kernel: does a branch, or an address, depend on data?

In LLVM's optimised code every value has one definition, so it can be followed back exactly. A
value depends on data if any step on the way back is a load from memory: a kernel's counters and
shapes are arguments, and only the arrays' contents are loaded. The machine code is looked at too,
since the last step of the compiler may turn a selection into a jump.
"""

import re
from dataclasses import dataclass, field

from softfall.compiled.exported import Exported

_FUNCTION = re.compile(r"^define [^\n]*@\"?([\w.$\\]+)\"?\(.*?^}", re.M | re.S)
_NAME = re.compile(r'%(?:"[^"]+"|[\w.$-]+)')
_DEFINITION = re.compile(r'^\s*(%(?:"[^"]+"|[\w.$-]+)) = (.*)$')
_JUMPS = re.compile(r"^\s+(j(?!mp)[a-z]+)\s", re.M)
_HARMLESS_CALLS = re.compile(
    r"@llvm\.(ctpop|umin|umax|smin|smax|vector\.reduce|memset|assume|masked)"
)


@dataclass
class Found:
    """branches: conditional ones in LLVM's code. data_*: those that depend on a load."""

    branches: int = 0
    data_branches: list[str] = field(default_factory=list)
    data_addresses: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    conditional_jumps: int = 0


def inspect(kernel: Exported) -> Found:
    """What a kernel's own code does, without the entry by which it is called."""
    symbol = _within(kernel)
    found = _read(_function(kernel.llvm_code, symbol))
    found.conditional_jumps = len(_JUMPS.findall(_own_code(kernel.assembly, symbol)))
    return found


def check_entry(kernel: Exported) -> None:
    """The entry calls the kernel's own code, once, and that never has an error to tell of.

    So the end that numba writes for errors is never run.
    """
    first, *_ = _function(kernel.llvm_code, kernel.symbol).split("\n\n")
    called = re.findall(r"call [^@]*@\"?([\w.$\\]+)", first)
    assert called == [_within(kernel)]
    assert first.count(" br ") == 1
    returned = re.findall(r"^\s*ret (.*)$", _function(kernel.llvm_code, called[0]), re.M)
    assert set(returned) == {"i32 0"}


def _within(kernel: Exported) -> str:
    return kernel.symbol.removeprefix("cfunc.")


def _function(code: str, symbol: str) -> str:
    for match in _FUNCTION.finditer(code):
        if match[1] == symbol:
            return match[0]
    raise LookupError("the kernel's function is not in its module")


def _own_code(code: str, symbol: str) -> str:
    match = re.search(
        rf"^{re.escape(symbol)}:\n(.*?)^\s*\.size\s+{re.escape(symbol)}", code, re.M | re.S
    )
    if match is None:
        raise LookupError("the kernel's function is not in the machine code")
    return match[1]


def _read(function: str) -> Found:
    lines = function.splitlines()[1:]
    definitions = {m[1]: m[2] for line in lines if (m := _DEFINITION.match(line))}
    found = Found()
    for line in lines:
        text = line.strip()
        if text.startswith(("br i1", "switch")):
            found.branches += 1
            condition = text.split(",")[0]
            if _loads(condition, definitions):
                found.data_branches.append(text)
        address = _address(text)
        if address and _loads(address, definitions):
            found.data_addresses.append(text)
        if " call " in f" {text}" and not _HARMLESS_CALLS.search(text):
            found.calls.append(text)
    return found


def _address(text: str) -> str | None:
    """Where an instruction reads or writes: a pointer, or a gather's pointers and its mask."""
    gathered = re.search(r"@llvm\.masked\.\w+[\w.]*\((.*)\)", text)
    single = re.search(r"\b(?:load|store)\b.*?ptr (%\S+|%\"[^\"]+\")(?:,|$)", text)
    match = gathered or single
    return match[1] if match else None


def _loads(expression: str, definitions: dict[str, str]) -> bool:
    """Whether anything that the expression is made of was loaded from memory."""
    waiting, seen = _NAME.findall(expression), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in definitions:
            continue
        seen.add(name)
        if re.search(r"\bload\b|\bcall\b.*@llvm\.masked", definitions[name]):
            return True
        waiting += _NAME.findall(definitions[name])
    return False
