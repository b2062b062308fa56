"""Evidence bundles: whatever is done to one is found and named; hostile archives are refused."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.audit.chain import genesis, make_line
from softfall.audit.files import line_json
from softfall.audit.keys import AuditKey, load_or_make_key
from softfall.casework.bundle import (
    MANIFEST,
    MAX_FILES,
    SIGNATURE,
    About,
    BundleUnfit,
    Signer,
    signed_bytes,
    write_bundle,
)
from softfall.casework.bundle_check import (
    BundleVerdict,
    HostileBundle,
    NotABundle,
    Wrong,
    check_bundle,
)

ABOUT = About("case-1", 1_790_000_000_123, "mira", "the police asked for it")
LINE = make_line(7, genesis("log"), 5, "mira", "case.opened", "case-1", {})
PARTS = [
    ("case.json", b'{"case_id": "case-1"}\n'),
    ("audit.jsonl", line_json(LINE).encode() + b"\n"),
    ("evidence/1-message.txt", "Grüße".encode()),
    ("evidence/2-picture.png", bytes(range(256)) * 3),
]
Contents = dict[str, bytes]


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    return load_or_make_key(tmp_path_factory.mktemp("key"))


def made(key: AuditKey, parts: list[tuple[str, bytes]] = PARTS) -> bytes:
    file = io.BytesIO()
    size_bytes = write_bundle(file, ABOUT, parts, Signer(key.public_key, key.sign))
    assert size_bytes == len(file.getvalue())
    return file.getvalue()


@pytest.fixture(scope="session")
def bundle(key: AuditKey) -> bytes:
    return made(key)


def contents(body: bytes) -> Contents:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(inside: Contents) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in inside.items():
            archive.writestr(zipfile.ZipInfo(name), body)
    return file.getvalue()


def looked_over(body: bytes, key: AuditKey | None = None) -> BundleVerdict:
    return check_bundle(io.BytesIO(body), frozenset({key.public_key}) if key else None)


def findings(inside: Contents, key: AuditKey) -> set[tuple[Wrong, str]]:
    return {(f.wrong, f.name) for f in looked_over(zipped(inside), key).findings}


def test_a_bundle_says_what_it_is_and_is_whole(bundle: bytes, key: AuditKey) -> None:
    verdict = looked_over(bundle, key)
    assert verdict.whole
    assert (verdict.case_id, verdict.made_by, verdict.reason) == (
        ABOUT.case_id, ABOUT.made_by, ABOUT.reason,
    )  # fmt: skip
    assert (verdict.made_at_ms, verdict.files) == (ABOUT.made_at_ms, len(PARTS))
    assert contents(bundle).items() >= dict(PARTS).items()


def test_the_same_parts_give_the_same_bytes(bundle: bytes, key: AuditKey) -> None:
    assert made(key) == bundle


def test_any_byte_that_changes_what_is_read_is_found(bundle: bytes, key: AuditKey) -> None:
    whole = contents(bundle)

    @given(at=st.integers(0, len(bundle) - 1), flip=st.integers(1, 255))
    def check(at: int, flip: int) -> None:
        body = bundle[:at] + bytes([bundle[at] ^ flip]) + bundle[at + 1 :]
        try:
            passes = looked_over(body, key).whole
        except (NotABundle, HostileBundle):
            return
        # What is not found is a date or an attribute of the archive's own.
        assert not passes or contents(body) == whole

    check()


@given(cut=st.integers(0, 4_000))
def test_a_bundle_that_is_cut_short_is_refused(bundle: bytes, cut: int) -> None:
    if cut < len(bundle):
        with pytest.raises((NotABundle, HostileBundle)):
            looked_over(bundle[:cut])


def test_a_name_with_a_hidden_end_is_refused(bundle: bytes) -> None:
    body = zipped({**contents(bundle), "evil-.txt": b"x"})
    with pytest.raises(HostileBundle):
        looked_over(body.replace(b"evil-.txt", b"evil\0.txt"))


@pytest.mark.parametrize("name", [name for name, _ in PARTS])
def test_a_file_that_was_changed_is_named(bundle: bytes, key: AuditKey, name: str) -> None:
    inside = contents(bundle)
    inside[name] += b"."
    assert findings(inside, key) == {(Wrong.CHANGED, name)}


@pytest.mark.parametrize("name", [name for name, _ in PARTS])
def test_a_file_that_is_missing_is_named(bundle: bytes, key: AuditKey, name: str) -> None:
    inside = contents(bundle)
    del inside[name]
    assert findings(inside, key) == {(Wrong.MISSING, name)}


def test_a_file_that_was_added_is_named(bundle: bytes, key: AuditKey) -> None:
    inside = {**contents(bundle), "evidence/9-picture.png": b"another"}
    assert findings(inside, key) == {(Wrong.ADDED, "evidence/9-picture.png")}


def test_a_manifest_that_was_changed_is_found(bundle: bytes, key: AuditKey) -> None:
    inside = contents(bundle)
    inside[MANIFEST] = inside[MANIFEST].replace(b"mira", b"noor")
    assert findings(inside, key) == {(Wrong.UNSIGNED, MANIFEST)}


def test_a_bundle_signed_anew_by_a_stranger_is_found(
    bundle: bytes, key: AuditKey, tmp_path: Path
) -> None:
    stranger = load_or_make_key(tmp_path)
    inside = contents(bundle)
    manifest = json.loads(inside[MANIFEST])
    manifest["public_key"] = stranger.public_key.hex()
    inside[MANIFEST] = json.dumps(manifest).encode()
    inside[SIGNATURE] = stranger.sign(signed_bytes(inside[MANIFEST])).hex().encode()
    assert findings(inside, key) == {(Wrong.OTHER_KEY, MANIFEST)}
    assert looked_over(zipped(inside)).whole  # without a public key there is nobody to hold it to


def test_a_line_of_the_audit_log_that_was_changed_before_signing_is_found(key: AuditKey) -> None:
    forged = line_json(LINE).replace("mira", "noor").encode() + b"\n"
    parts = [(name, forged if name == "audit.jsonl" else body) for name, body in PARTS]
    verdict = looked_over(made(key, parts), key)
    assert [(f.wrong, f.name) for f in verdict.findings] == [(Wrong.CHANGED, "audit.jsonl")]
    assert "line 7" in verdict.findings[0].sentence


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/etc/outside", "evidence/../../outside", "evidence\\outside", "UPPER.txt",
     "evidence/", "evidence/a/b.txt", ".hidden", "a" * 200, "evidence/\u202e.txt"],
)  # fmt: skip
def test_names_that_point_elsewhere_are_refused(bundle: bytes, key: AuditKey, name: str) -> None:
    with pytest.raises(HostileBundle):
        looked_over(zipped({**contents(bundle), name: b"x"}))
    with pytest.raises(BundleUnfit):
        made(key, [(name, b"x")])


def test_a_name_that_comes_twice_is_refused(bundle: bytes) -> None:
    file = io.BytesIO(bundle)
    with (
        zipfile.ZipFile(file, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr(zipfile.ZipInfo("case.json"), b"another")
    with pytest.raises(HostileBundle, match="twice"):
        looked_over(file.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked(bundle: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in contents(bundle).items():
            archive.writestr(name, body)
        archive.writestr("evidence/9-picture.png", bytes(50_000_000))
    assert len(file.getvalue()) < 100_000
    with pytest.raises(HostileBundle, match="compressed"):
        looked_over(file.getvalue())


def test_entries_that_overlap_are_refused(bundle: bytes) -> None:
    """Many names for the same bytes: what is small on disk would be large in memory."""
    start = bundle.index(b"PK\1\2")
    entry_bytes = 46 + len("case.json")
    entry = bundle[start : start + entry_bytes]
    copies = b"".join(entry.replace(b"case.json", b"case%d.txt" % i) for i in range(9))
    end = bytearray(bundle[-22:])
    count = int.from_bytes(end[8:10], "little") + 9
    size = int.from_bytes(end[12:16], "little") + len(copies)
    end[8:10] = end[10:12] = count.to_bytes(2, "little")
    end[12:16] = size.to_bytes(4, "little")
    with pytest.raises(HostileBundle):
        looked_over(bundle[:-22] + copies + bytes(end))


def test_bytes_between_the_files_are_refused(bundle: bytes) -> None:
    with pytest.raises((HostileBundle, NotABundle)):
        looked_over(b"hidden" + bundle)


def test_an_archive_of_too_many_files_is_refused_by_its_end_alone() -> None:
    many = {f"evidence/{i}.txt": b"" for i in range(MAX_FILES + 10)}
    with pytest.raises(NotABundle, match="too many"):
        looked_over(zipped(many))


def test_too_many_parts_or_one_twice_can_not_be_bundled(key: AuditKey) -> None:
    with pytest.raises(BundleUnfit):
        made(key, [(f"evidence/{i}.txt", b"") for i in range(MAX_FILES + 1)])
    with pytest.raises(BundleUnfit):
        made(key, [("case.json", b""), ("case.json", b"")])
    with pytest.raises(BundleUnfit):
        made(key, [(MANIFEST, b"")])


def _without(name: str) -> Callable[[Contents], Contents]:
    return lambda inside: {n: body for n, body in inside.items() if n != name}


def _with(name: str, body: bytes) -> Callable[[Contents], Contents]:
    return lambda inside: {**inside, name: body}


@pytest.mark.parametrize(
    "change",
    [
        _without(MANIFEST),
        _without(SIGNATURE),
        _with(MANIFEST, b"[" * 100_000),
        _with(MANIFEST, b"{}"),
        _with(MANIFEST, b"\xff"),
        _with(MANIFEST, b'{"format": "softfall evidence bundle 2"}'),
        _with(MANIFEST, b" " * 2_000_000),
        _with(SIGNATURE, b"a" * 2_000),
    ],
)
def test_what_has_no_manifest_is_no_bundle(
    bundle: bytes, change: Callable[[Contents], Contents]
) -> None:
    with pytest.raises(NotABundle):
        looked_over(zipped(change(contents(bundle))))


@pytest.mark.parametrize("body", [b"", b"PK", b"x" * 100, b"PK\5\6" + bytes(18), b"\0" * 10_000])
def test_what_is_no_archive_is_no_bundle(body: bytes) -> None:
    with pytest.raises(NotABundle):
        looked_over(body)
