"""`softfall keys`: make, renew and show the installation's keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from softfall import config

app = typer.Typer(help="Make, renew and show the installation's keys.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        help="A further name or address that the services are reached by; may be repeated.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help="Use tls/, custodian/, attester/ and keyholder/ in this folder, whatever the "
        "configuration says.",
        show_default=False,
    ),
]


@app.command()
def init(file: Config = None, folder: Folder = None, host: Hosts = None) -> None:
    """Make the TLS authority, the services' certificates, the tokens by which the dealer tells its
    parties apart, those by which the provider calls console and custodian, the custodian's identity
    key, the keys of the on-device list with the root that devices pin, the keyholder's key, and a
    SOFTWARE attester for the enclave (for development: it proves nothing about hardware).

    Nothing that exists is overwritten. The folders are provider.tls_dir, custodian.tls_dir (the
    same one by default), custodian.data_dir, keyholder.data_dir and enclave.attester_dir.
    """
    from softfall.custodian.keys import IDENTITY_FILE, IdentityExists, create_identity
    from softfall.custodian.list_keys import make_list_keys, root_path
    from softfall.edge.custodian_key import write_custodian_key
    from softfall.edge.tls import LOCAL_HOSTS, init_tls
    from softfall.enclave import attester
    from softfall.keyholder.keys import create_key, public_path, require_no_key

    settings = config.load(file)
    tls_dir = folder / "tls" if folder else settings.custodian.tls_dir
    data_dir = folder / "custodian" if folder else settings.custodian.data_dir
    identity_path = data_dir / IDENTITY_FILE
    attester_dir = folder / "attester" if folder else settings.enclave.attester_dir
    pinned_path = attester_dir / "custodian.pub" if folder else settings.enclave.custodian_key_file
    keyholder_dir = folder / "keyholder" if folder else settings.keyholder.data_dir
    pinning = keyholder_dir / "custodian.pub" if folder else settings.keyholder.custodian_key_file
    if identity_path.exists():
        raise IdentityExists(f"{identity_path} exists already")
    attester.require_none(attester_dir)
    require_no_key(keyholder_dir)
    init_tls(tls_dir, datetime.now(UTC), (*LOCAL_HOSTS, *(host or [])))
    identity = create_identity(data_dir)
    make_list_keys(data_dir, round(datetime.now(UTC).timestamp() * 1000))
    attester.create(attester_dir, datetime.now(UTC))
    create_key(keyholder_dir)
    for path in (pinned_path, pinning):
        write_custodian_key(path, identity.public_key)
    typer.echo(f"TLS authority and certificates: {tls_dir}")
    typer.echo(f"custodian's identity key: {identity_path}")
    typer.echo(f"root of the on-device list (devices pin it): {root_path(data_dir, 1)}")
    typer.echo(f"SOFTWARE attester of the enclave (not hardware): {attester_dir}")
    typer.echo(f"keyholder's public key (the custodian names it): {public_path(keyholder_dir)}")
    _show_identity(identity.public_key)
    if not folder:
        _tell_what_to_copy(settings, tls_dir)
    typer.echo("then: keep ca.key, root.key, software-root.key and a copy of identity.key offline")


def _tell_what_to_copy(settings: config.Settings, tls_dir: Path) -> None:
    """To each service whose TLS files are read from another folder than they were made in."""
    wanted = {
        "provider": "dealer-provider.token, console-provider.token, "
        "custodian-provider.token, keyholder-provider.token",
        "dealer": "every dealer-....token",
        "console": "console-provider.token",
        "keyholder": "dealer-keyholder.token, keyholder-provider.token",
    }
    for role, tokens in wanted.items():
        there = getattr(settings, role).tls_dir
        if there != tls_dir:
            typer.echo(
                f"next: copy {role}.crt, {role}.key, {tokens} and ca.crt to {role}.tls_dir "
                f"({there}) over a safe channel"
            )


@app.command()
def renew(file: Config = None) -> None:
    """Replace the services' certificates and TLS keys; authority, identity and roots stay.

    Needs ca.key in custodian.tls_dir and, where there is a software attester, software-root.key in
    enclave.attester_dir. Restart the services afterwards.
    """
    from softfall.edge.tls import renew_tls
    from softfall.enclave import attester

    settings = config.load(file)
    tls_dir, attester_dir = settings.custodian.tls_dir, settings.enclave.attester_dir
    renew_tls(tls_dir, datetime.now(UTC))
    if (attester_dir / attester.CERTIFICATE).exists():
        attester.renew(attester_dir, datetime.now(UTC))
        typer.echo(f"renewed in {attester_dir}")
    typer.echo(f"renewed in {tls_dir}; restart the services")


@app.command()
def rotate(
    roles: Annotated[
        list[str] | None,
        typer.Argument(help="targets, snapshot, timestamp, root; none: the root's term alone."),
    ] = None,
    root_key: Annotated[
        Path | None,
        typer.Option(help="The root's key, where it is kept offline.", show_default=False),
    ] = None,
    file: Config = None,
) -> None:
    """Replace keys of the on-device list, after a theft or now and then; devices follow by
    themselves. What the old keys signed counts for nothing as soon as a device has the new root.

    Needs root.key (custodian.data_dir/root.key unless --root-key names it). After a theft, publish
    a new epoch too: what a thief has added to the present one stays on devices that took it.
    """
    from softfall.custodian.list_keys import ROLES, ROOT, key_path
    from softfall.custodian.list_publishing import rotate_list_keys

    settings = config.load(file).custodian
    unknown = [role for role in roles or [] if role not in (*ROLES, ROOT)]
    if unknown:
        raise typer.BadParameter(f"no such role: {unknown[0]}")
    kept = root_key or key_path(settings.data_dir, ROOT)
    version = rotate_list_keys(settings, roles or [], kept)
    typer.echo(f"the list's root is now version {version}")
    if ROOT in (roles or []):
        typer.echo(f"then: keep the new {key_path(settings.data_dir, ROOT)} offline")


@app.command(name="rotate-keyholder")
def rotate_keyholder(file: Config = None) -> None:
    """Make the keyholder's next key, or its first: in keyholder.data_dir, on its own machine.

    Hand the new keyholder.pub to the custodian (custodian.keyholder_key_file), who then publishes
    an epoch of `homomorphic`. A running keyholder notices the key by itself; it destroys the one
    before with the last epoch that names it.
    """
    from softfall.keyholder.keys import public_path, rotate_key

    data_dir = config.load(file).keyholder.data_dir
    made = rotate_key(data_dir)
    typer.echo(f"the keyholder's key is now number {made.number}: {public_path(data_dir)}")
    typer.echo("then: hand that file to the custodian, who publishes an epoch that names it")


@app.command(name="rotate-evidence")
def rotate_evidence(file: Config = None) -> None:
    """Put a new master key in the place of console.data_dir/evidence.key, after a theft or now and
    then.

    Cases' keys are wrapped anew; nothing else changes. Back-ups of the database made before can't
    be opened with the new key, so what was deleted since is gone from them too: make a new back-up
    of both. Start every console again afterwards.
    """
    from softfall.casework.database import casework_url, open_casework
    from softfall.casework.evidence.master_key import FILE, rotate

    settings = config.load(file).console
    db = open_casework(casework_url(settings))
    try:
        count = rotate(db, settings.data_dir / FILE)
    finally:
        db.close()
    typer.echo(f"a new key wraps the keys of {count} cases: {settings.data_dir / FILE}")
    typer.echo("then: start every console again, and back up the database and the key anew")


@app.command(name="lookup-token")
def lookup_token(
    name: Annotated[str, typer.Argument(help="The tool's name: small letters, digits, - and _.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the tool's token away, and make none.")
    ] = False,
    file: Config = None,
) -> None:
    """Make the token by which a tool looks things up (`softfall serve lookup`), and print it once:
    only its SHA-256 is kept. A tool's earlier token ends with it, within a second.
    """
    from softfall.custodian.lookup.tools import add_tool, remove_tool

    data_dir = config.load(file).custodian.data_dir
    if remove:
        remove_tool(data_dir, name)
        typer.echo(f"{name} may look nothing up any more")
    else:
        typer.echo(add_tool(data_dir, name))


@app.command(name="lookup-tokens")
def lookup_tokens(file: Config = None) -> None:
    """Name the tools that may look things up."""
    from softfall.custodian.lookup.tools import read_tools

    for tool in read_tools(config.load(file).custodian.data_dir):
        typer.echo(tool.name)


@app.command()
def show(file: Config = None) -> None:
    """Show the public parts: the custodian's key that devices pin, and when certificates end."""
    from softfall.custodian.keys import load_identity
    from softfall.edge.tls import TlsFiles, check_tls

    settings = config.load(file)
    _show_keyholder(settings.keyholder.data_dir)
    _show_identity(load_identity(settings.custodian.data_dir).public_key)
    _show_list_root(settings.custodian.data_dir)
    folders = {
        "provider": settings.provider.tls_dir,
        "custodian": settings.custodian.tls_dir,
        "dealer": settings.dealer.tls_dir,
        "enclave": settings.enclave.tls_dir,
        "console": settings.console.tls_dir,
        "keyholder": settings.keyholder.tls_dir,
    }
    _show_audit_key(settings.console.data_dir)
    for role, tls_dir in folders.items():
        ends = check_tls(TlsFiles.of(tls_dir, role), datetime.now(UTC))
        typer.echo(f"{role} certificate ends: {ends:%Y-%m-%d}")


def _show_keyholder(data_dir: Path) -> None:
    from softfall.custodian.keys import fingerprint
    from softfall.keyholder.keys import has_key, load_keys, public_path

    if has_key(data_dir):
        newest = load_keys(data_dir)[-1]
        typer.echo(f"keyholder's key {newest.number}: {public_path(data_dir)}")
        typer.echo(f"its fingerprint: {fingerprint(newest.public)}")


def _show_list_root(data_dir: Path) -> None:
    from softfall.custodian.list_keys import newest_root, newest_root_version, root_path

    if newest_root_version(data_dir):
        _, root = newest_root(data_dir)
        typer.echo(f"root of the on-device list (devices pin it): {root_path(data_dir, 1)}")
        typer.echo(f"its newest version is {root.version}, until {root.expires:%Y-%m-%d}")


def _show_audit_key(data_dir: Path) -> None:
    from softfall.audit.keys import PUBLIC_FILE, public_keys_of

    for public_key in public_keys_of(data_dir):
        typer.echo(f"audit key (auditors keep it): {public_key.hex()} in {data_dir / PUBLIC_FILE}")


def _show_identity(public_key: bytes) -> None:
    from base64 import b64encode

    from softfall.custodian.keys import fingerprint

    typer.echo(f"custodian key (devices pin it): {b64encode(public_key).decode()}")
    typer.echo(f"its fingerprint: {fingerprint(public_key)}")
