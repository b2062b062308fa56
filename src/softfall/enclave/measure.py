"""The measurements (PCRs) of this installation: what the program is made of, as digests.

Guarantees: the same files, interpreter, dependencies and pinned custodian give the same PCRs on
every start and every machine. PCR0 is another one if a byte changes of any room that the enclave is
made of (`ROOMS`; a test holds them against what the running process loads), the version of anything
installed beside it (each may run code when Python starts), or the custodian whose lists it takes.
Limit: the program measures itself, so this is honest only where something below it is: in a real
enclave the hardware measures the image. Whoever controls a machine with the software attester can
have it say anything, and every document that it signs is marked as software.
Source: PCR numbers as AWS Nitro Enclaves use them: 0 the whole image, 1 what it boots on, 2 the
application; SHA-384.
"""

import hashlib
import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import softfall

PCR_BYTES: Final = 48
ROOMS: Final = (
    "cli", "compiled", "crypto", "edge", "enclave", "lists", "media", "options/enclave", "settings",
)  # fmt: skip
_FILES_IN: Final = (".", "options")  # and the modules of these folders, without what lies below
_LABEL: Final = b"softfall enclave measurement v1|"


Pcrs = Mapping[int, bytes]


def measure(custodian_key: bytes) -> Pcrs:
    """PCR0 to PCR2 of this installation, 48 bytes each, as an attestation document carries them.

    custodian_key: the 32 bytes whose lists this enclave takes; a part of what is measured.
    """
    beneath = digest(b"beneath", _interpreter(), *_installed())
    application = digest(b"application", *_modules(Path(softfall.__file__).parent))
    image = digest(b"image", beneath, application, custodian_key)
    return {0: image, 1: beneath, 2: application}


def digest(*parts: bytes) -> bytes:
    """SHA-384 over the label and the parts, each behind its length."""
    whole = hashlib.sha384(_LABEL)
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def _modules(package: Path) -> Iterator[bytes]:
    """Every file of source in the rooms, by path: its path, then its content."""
    rooms = (path for room in ROOMS for path in (package / room).rglob("*.py"))
    files = (path for folder in _FILES_IN for path in (package / folder).glob("*.py"))
    for path in sorted({*rooms, *files}):
        yield path.relative_to(package).as_posix().encode()
        yield path.read_bytes()


def _interpreter() -> bytes:
    return f"{platform.python_implementation()} {sys.version} {platform.machine()}".encode()


def _installed() -> list[bytes]:
    """Name and version of every package that this interpreter can load, by name."""
    found = {
        (_normal(distribution.metadata["Name"]), distribution.version)
        for distribution in importlib.metadata.distributions()
    }
    return [f"{name}=={version}".encode() for name, version in sorted(found)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
