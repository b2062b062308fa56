"""What an attestation must bind, as digests small enough for every technology's fields.

Guarantees: a document speaks for one HPKE key and one signer of lists. The signer is bound because
the enclave's host feeds it its list: an enclave that took any list would be an oracle for "was
this picture sent?", so it states whose lists alone it takes, and the verifier demands that signer.
Source: the post-quantum key has 1,216 bytes and AWS's public_key field 1,024, so its digest is
bound; a TDX quote has 64 bytes of report data.
"""

import hashlib

_KEY = b"softfall enclave key v1|"
_SIGNER = b"softfall enclave list signer v1|"
_REPORT = b"softfall enclave report v1|"


def key_digest(public_key: bytes) -> bytes:
    """32 bytes: what a document's `public_key` holds, and what a submission names its key by."""
    return hashlib.sha256(_KEY + public_key).digest()


def signer_digest(list_signer: bytes) -> bytes:
    """32 bytes: what a document's `user_data` holds."""
    return hashlib.sha256(_SIGNER + list_signer).digest()


def report_data(public_key: bytes, list_signer: bytes, nonce: bytes) -> bytes:
    """64 bytes: what a TDX quote's report data holds."""
    bound = key_digest(public_key) + signer_digest(list_signer) + nonce
    return hashlib.sha512(_REPORT + bound).digest()
