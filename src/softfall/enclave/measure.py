"""The measurements (PCRs) of this installation: what the program is made of, as digests.

Guarantees: the same files, interpreter, dependencies and pinned custodian give the same PCRs on
every start and every machine; changing one byte of any room that the enclave is made of (`ROOMS`;
a test holds them against what the running process loads), one version of anything that it is built
with, or the custodian whose lists it takes, gives another PCR0.
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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import softfall

PCR_BYTES: Final = 48
ROOMS: Final = ("cli", "crypto", "edge", "enclave", "lists", "media", "options/enclave")
_FILES_IN: Final = (".", "options")  # and the modules of these folders, without what lies below
_LABEL: Final = b"softfall enclave measurement v1|"
_REQUIRED_NAME = re.compile(r"[A-Za-z0-9._-]+")


Pcrs = Mapping[int, bytes]


def measure(custodian_key: bytes) -> Pcrs:
    """PCR0 to PCR2 of this installation, 48 bytes each, as an attestation document carries them.

    custodian_key: the 32 bytes whose lists this enclave takes; a part of what is measured.
    """
    beneath = digest(b"beneath", _interpreter(), *_dependencies("softfall"))
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


def _dependencies(root: str) -> list[bytes]:
    """Name and version of everything that `root` needs to run, and that those need, by name."""
    found: dict[str, str] = {}
    open_names = [root]
    while open_names:
        name = open_names.pop()
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or an extra that is not installed
        key = _normal(distribution.metadata["Name"])
        if key not in found:
            found[key] = distribution.version
            open_names += _required(distribution.requires or ())
    return [f"{name}=={version}".encode() for name, version in sorted(found.items())]


def _required(requirements: Iterable[str]) -> Iterator[str]:
    for requirement in requirements:
        match = _REQUIRED_NAME.match(requirement)
        if match and "extra ==" not in requirement:
            yield match.group()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
