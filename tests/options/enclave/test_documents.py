"""Documents that are none, and how one comes apart."""

from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.options.enclave.documents import MalformedDocument, parse
from tests.options.enclave.attester import (
    NONCE,
    PCRS,
    Attester,
    evidence,
)

ATTESTER = Attester()
GOOD = evidence(ATTESTER.document())


@settings(max_examples=150, deadline=None)
@given(body=st.binary(min_size=1, max_size=300))
def test_junk_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse(body)


def payload_with(**changes: Any) -> bytes:
    payload = cbor2.loads(cbor2.loads(ATTESTER.document())[2])
    payload |= changes
    return wrapped(cbor2.dumps(payload))


def wrapped(payload: bytes) -> bytes:
    return cbor2.dumps([cbor2.dumps({1: -35}), {}, payload, bytes(96)])


HOSTILE = {
    "another algorithm": cbor2.dumps([cbor2.dumps({1: -7}), {}, b"x", bytes(96)]),
    "something unprotected": cbor2.dumps([cbor2.dumps({1: -35}), {4: b"k"}, b"x", bytes(96)]),
    "three parts": cbor2.dumps([cbor2.dumps({1: -35}), {}, b"x"]),
    "a short signature": cbor2.dumps([cbor2.dumps({1: -35}), {}, b"x", bytes(64)]),
    "a payload that is a list": wrapped(cbor2.dumps([1])),
    "a foreign field": payload_with(extra=1),
    "an empty module": payload_with(module_id=""),
    "another digest": payload_with(digest="SHA512"),
    "a time of zero": payload_with(timestamp=0),
    "a time before 1970": payload_with(timestamp=-1),
    "a time that is true": payload_with(timestamp=True),
    "no registers": payload_with(pcrs={}),
    "a register that is text": payload_with(pcrs={0: "0" * 48}),
    "register 32": payload_with(pcrs={32: bytes(48)}),
    "a register of a strange size": payload_with(pcrs={0: bytes(47)}),
    "a register named true": payload_with(pcrs={True: bytes(48)}),
    "no certificates": payload_with(cabundle=[]),
    "a hundred certificates": payload_with(cabundle=[b"x"] * 100),
    "an endless certificate": payload_with(certificate=bytes(1025)),
    "an endless nonce": payload_with(nonce=bytes(1025)),
    "a nonce that is text": payload_with(nonce="nonce"),
    "indefinite length": b"\x9f\x43\xa1\x01\x38\xff",
    "a length bomb": b"\x84\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a map bomb": b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    "deep nesting": b"\x81" * 5000,
    "another tag": b"\xd8\x62" + ATTESTER.document(),
    "two tags": b"\xd2\xd2" + ATTESTER.document(),
    "something after it": ATTESTER.document() + b"\x00",
    "more than its bound": bytes(20_481),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_document_is_malformed(what: str) -> None:
    with pytest.raises(MalformedDocument):
        parse(HOSTILE[what])


def test_a_field_that_comes_twice_is_malformed() -> None:
    payload = cbor2.loads(ATTESTER.document())[2]
    assert payload[0] == 0xA9
    twice = b"\xaa" + payload[1:] + cbor2.dumps("nonce") + cbor2.dumps(bytes(32))
    with pytest.raises(MalformedDocument):
        parse(wrapped(twice))


def test_a_document_comes_apart_as_it_was_laid_out() -> None:
    assert parse(ATTESTER.document()).document.pcrs == PCRS
    assert parse(ATTESTER.document()).document.nonce == NONCE
