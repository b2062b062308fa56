"""`softfall doctor`: is this installation fit to run, and what is the next command?

Guarantees: changes nothing; every check prints what it found and, where it fails, what to do.
"""

import importlib
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from softfall import config

MIN_FREE_BYTES = 1 << 30
NATIVE_LIBRARIES = ("numba", "simplejpeg", "pillow_heif", "vodozemac", "rbcl", "granian")
COMPARE_LIBRARIES = ("skimage", "sklearn", "matplotlib", "psutil")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer. `remedy` is empty where all is well; `fatal` decides the exit code."""

    what: str
    remedy: str = ""
    fatal: bool = True


def check_python(_: config.Settings) -> list[Finding]:
    """Python 3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding(f"Python {version}", "" if sys.version_info >= (3, 11) else "Install 3.11+.")]


def check_libraries(_: config.Settings) -> list[Finding]:
    """Libraries with native code load; those that only `compare` needs may be missing."""
    return [
        *(_loads(name, "Run `make setup`.", fatal=True) for name in NATIVE_LIBRARIES),
        *(
            _loads(name, "Install the extra: `pip install softfall[compare]`.", fatal=False)
            for name in COMPARE_LIBRARIES
        ),
    ]


def _loads(name: str, remedy: str, *, fatal: bool) -> Finding:
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        return Finding(f"{name} does not load: {error}", remedy, fatal)
    return Finding(f"{name} loads")


def check_folders(settings: config.Settings) -> list[Finding]:
    """Each service's folder (or the nearest that exists above it) can be written; disk is free."""
    findings = []
    sections = (settings.provider, settings.custodian, settings.dealer, settings.keyholder)
    for folder in dict.fromkeys(section.data_dir for section in sections):
        nearest = _nearest_existing(folder)
        if not os.access(nearest, os.W_OK):
            findings.append(Finding(f"{folder} can't be written", f"Give yourself {nearest}."))
            continue
        free = shutil.disk_usage(nearest).free
        remedy = "" if free >= MIN_FREE_BYTES else "Free at least 1 GiB."
        findings.append(Finding(f"{folder}: {free >> 20} MiB free", remedy))
    return findings


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def check_ports(settings: config.Settings) -> list[Finding]:
    """Whether each service's port is free (a running service takes its own: no fault)."""
    findings = []
    for name in ("provider", "custodian", "dealer", "enclave", "keyholder"):
        section = getattr(settings, name)
        with socket.socket() as probe:
            taken = probe.connect_ex((section.host, section.port)) == 0
        findings.append(
            Finding(
                f"{name} port {section.port} is {'in use' if taken else 'free'}",
                f"Fine if the {name} is running; else set {name}.port." if taken else "",
                fatal=False,
            )
        )
    return findings


def check_keys(settings: config.Settings) -> list[Finding]:
    """Whether `softfall keys init` has been run."""
    certificate = settings.provider.tls_dir / "provider.crt"
    if certificate.exists():
        return [Finding(f"keys are in {certificate.parent}"), *_missing_tokens(settings)]
    return [Finding(f"no keys in {certificate.parent} yet", NEXT_WITHOUT_KEYS, fatal=False)]


def _missing_tokens(settings: config.Settings) -> list[Finding]:
    """Tokens that a dealer of an older installation lacks."""
    from softfall.edge.dealer_tokens import LATER_PARTIES, token_file
    from softfall.edge.keyholder_tokens import keyholder_token_file

    tls_dir = settings.dealer.tls_dir
    if not (tls_dir / "dealer.crt").exists():
        return []
    files = [*(token_file(tls_dir, party) for party in LATER_PARTIES)]
    files.append(keyholder_token_file(tls_dir))
    missing = [path for path in files if not path.exists()]
    remedy = (
        "Run `softfall keys renew`, and restart dealer and keyholder; only `homomorphic` needs it."
    )
    return [Finding(f"no {each}", remedy, fatal=False) for each in missing]


def check_keyholder(settings: config.Settings) -> list[Finding]:
    """Whether the keyholder has a key, and the custodian is told of that very one."""
    from softfall.edge.keyholder_key import KeyholderKeyUnusable, read_keyholder_key
    from softfall.keyholder.keys import SealingKeyUnusable, has_key, load_keys

    if settings.provider.option != "homomorphic" and not has_key(settings.keyholder.data_dir):
        return []
    try:
        newest = load_keys(settings.keyholder.data_dir)[-1]
        named = read_keyholder_key(settings.custodian.keyholder_key_file)
    except (SealingKeyUnusable, KeyholderKeyUnusable) as error:
        return [Finding(error.what, error.remedy, fatal=False)]
    if named != newest.public:
        what = f"{settings.custodian.keyholder_key_file} is not the keyholder's newest key"
        remedy = "Put its keyholder.pub there, and publish an epoch of `homomorphic`."
        return [Finding(what, remedy, fatal=False)]
    return [Finding(f"the custodian names the keyholder's key {newest.number}")]


def check_hasher(settings: config.Settings) -> list[Finding]:
    """Whether reported pictures can be compared: in a process that is confined, or not at all."""
    from softfall.edge.confined import PictureLimits
    from softfall.edge.hashing import HasherProcess
    from softfall.media.hashed import Refused

    limits = PictureLimits(
        settings.provider.hasher_max_pixels, settings.provider.hasher_memory_mib << 20
    )
    told = HasherProcess(limits).hash(b"", _HASHER_SECONDS)
    if isinstance(told, Refused) and told.reason.startswith("EmptyPicture"):
        return [Finding("the hasher of reported pictures is confined")]
    why = told.reason if isinstance(told, Refused) else "it opened nothing as something"
    remedy = "Reports are taken all the same, their pictures not compared; needs seccomp (Linux)."
    return [Finding(f"the hasher does not run: {why}", remedy, fatal=False)]


def check_kernels(_: config.Settings) -> list[Finding]:
    """Whether the kernels are compiled, and can be kept once they are."""
    from softfall.compiled import kept
    from softfall.compiled.sources import kernels

    trouble = kept.trouble()
    if trouble:
        remedy = "Each process compiles its own, for seconds: mend it, or set SOFTFALL_CACHE_DIR."
        return [Finding(f"kernels can't be kept: {trouble}", remedy, fatal=False)]
    every = kernels()
    there = sum(kept.read(each.module, each.name) is not None for each in every)
    what = f"{there} of {len(every)} kernels are compiled, in {kept.folder()}"
    if there == len(every):
        return [Finding(what)]
    remedy = "The others will be at their first use, in seconds; `softfall kernels` does it now."
    return [Finding(what, remedy, fatal=False)]


_HASHER_SECONDS = 30.0
NEXT_WITHOUT_KEYS = "`softfall keys init` makes them."
CHECKS: tuple[Callable[[config.Settings], list[Finding]], ...] = (
    check_python,
    check_libraries,
    check_folders,
    check_ports,
    check_keys,
    check_keyholder,
    check_hasher,
    check_kernels,
)


def next_command(findings: list[Finding]) -> str:
    """What to type now."""
    if any(finding.remedy and finding.fatal for finding in findings):
        return "mend what is marked above, then `softfall doctor` again"
    if any(finding.remedy == NEXT_WITHOUT_KEYS for finding in findings):
        return "`softfall compare` to measure, or `softfall keys init` to set up a service"
    return "`softfall compare` to measure, or `softfall serve provider`"


def doctor(
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to check.", show_default=False)
    ] = None,
) -> None:
    """Check the installation; print the next command. Exit code 1 if something must be mended."""
    settings = config.load(file)
    findings = [finding for check in CHECKS for finding in check(settings)]
    for finding in findings:
        mark = "ok  " if not finding.remedy else ("MEND" if finding.fatal else "note")
        typer.echo(f"{mark}  {finding.what}" + (f": {finding.remedy}" if finding.remedy else ""))
    typer.echo(f"\nNext: {next_command(findings)}")
    if any(finding.remedy and finding.fatal for finding in findings):
        raise typer.Exit(1)
