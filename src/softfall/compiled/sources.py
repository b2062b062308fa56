"""Which files a kernel comes from, and which kernels there are: read from the sources, not run.

Guarantees: `closure` names every module of the package that a kernel's module can have taken
anything from when it was compiled, so that no changed constant leaves old machine code behind;
`kernels` names every kernel of the house, without loading numba.
A kernel is a function under `@exported(...)` in a module whose file's name has "_kernel" in it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softfall.compiled.kept import source, source_digest

_PACKAGE: Final = Path(__file__).parents[1]
KERNEL_FILES: Final = "*_kernel*.py"


@dataclass(frozen=True, slots=True, order=True)
class Kernel:
    """One kernel's place."""

    module: str
    name: str


def kernels() -> list[Kernel]:
    """Every kernel of the package, by module and name."""
    return sorted(kernel for path in _PACKAGE.rglob(KERNEL_FILES) for kernel in _declared(path))


def closure(module: str) -> dict[str, str]:
    """The modules of its own package that a module is made of, with each file's SHA-256 in hex."""
    waiting, found = [module], dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name not in found and source(name).exists():
            found[name] = source_digest(name)
            waiting += _used(source(name), name.partition(".")[0])
    return dict(sorted(found.items()))


def _declared(path: Path) -> Iterator[Kernel]:
    module = ".".join((_PACKAGE.name, *path.relative_to(_PACKAGE).with_suffix("").parts))
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and any(map(_is_exported, node.decorator_list)):
            yield Kernel(module, node.name)


def _is_exported(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "exported"


def _used(path: Path, top: str) -> Iterator[str]:
    """What may be modules of the package `top`, of all that a file imports at its top level."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            named = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in named if name.split(".")[0] == top)
