"""The digests are those of the standards."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.media.digests import md5, sha256


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_sha256_is_that_of_fips_180(data, expected):
    assert sha256(data).hex() == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ],
)
def test_md5_is_that_of_rfc_1321(data, expected):
    assert md5(data).hex() == expected


@given(data=st.binary(max_size=300))
def test_both_agree_with_the_standard_library(data):
    assert (sha256(data), md5(data)) == (hashlib.sha256(data).digest(), hashlib.md5(data).digest())
