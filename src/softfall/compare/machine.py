"""Where a run took place: processor, memory, system, and the versions that matter."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from softfall.compare.results import Machine

PACKAGES: Final = (
    "softfall",
    "numpy",
    "numba",
    "simplejpeg",
    "pillow",
    "rbcl",
    "vodozemac",
    "cryptography",
    "granian",
    "fastapi",
    "httpx",
    "sqlalchemy",
    "scikit-image",
    "scikit-learn",
)


def describe_machine() -> Machine:
    """This machine, as far as it tells."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions={name: _version(name) for name in PACKAGES},
    )


def memory_bytes(pid: int) -> int:
    """The most memory that a process has held at once (its peak resident set); 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        described = ""
    for line in described.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
