"""The very documents of a referral, in one piece: what is shown, read by two people, and sent.

Guarantees: the digest is over every byte that will be sent, but for the two numbers that the
authority itself gives; so an approval of a digest is an approval of those bytes, files included.
Pure.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from softfall.casework.referral.compose import Composed
from softfall.casework.referral.documents import write_file_details, write_report
from softfall.casework.referral.facts import ReferralFacts

_CONTENT = re.compile(rb"<content>.*?</content>", re.DOTALL)  # a text can't hold a bare "<"


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file to be sent. details: `fileDetails`, unnumbered. viewed: as `details` says."""

    evidence_id: int
    file_name: str
    sha256: str
    viewed: bool
    details: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """A referral's documents. report: `report`, as it will be sent.

    words: numbers, as evidence, of the messages and texts whose words may be in it: whoever is to
    read it opens these.
    """

    report: bytes
    files: tuple[PackedFile, ...]
    words: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal, over all of it."""
        whole = hashlib.sha256(b"softfall referral 1")
        for part in self._parts():
            whole.update(len(part).to_bytes(8, "big") + part)
        return whole.hexdigest()

    @property
    def hidden_report(self) -> bytes:
        """The report with the quoted words covered: what may be shown before they are opened."""
        return _CONTENT.sub(
            b"<content>[covered: open the words to read them]</content>", self.report
        )

    def _parts(self) -> Iterator[bytes]:
        yield self.report
        for file in self.files:
            yield file.file_name.encode()
            yield bytes.fromhex(file.sha256)
            yield file.details

    def to_json(self) -> bytes:
        """Its one form for keeping."""
        files = [
            {
                "evidence_id": file.evidence_id,
                "file_name": file.file_name,
                "sha256": file.sha256,
                "viewed": file.viewed,
                "details": file.details.decode(),
            }
            for file in self.files
        ]
        whole = {"report": self.report.decode(), "files": files, "words": self.words}
        return json.dumps(whole).encode()


def pack(composed: Composed, facts: ReferralFacts) -> Package:
    """Write the documents."""
    pictures = {picture.evidence_id: picture for picture in facts.pictures}
    files = tuple(
        PackedFile(
            evidence_id,
            pictures[evidence_id].file_name,
            pictures[evidence_id].sha256,
            pictures[evidence_id].viewed,
            write_file_details(details),
        )
        for evidence_id, details in composed.files
    )
    words = tuple(each.evidence_id for source in facts.sources for each in source.words)
    return Package(write_report(composed.report), files, words)


def from_json(body: bytes) -> Package:
    """What `to_json` wrote."""
    kept = json.loads(body)
    files = tuple(
        PackedFile(**{**file, "details": file["details"].encode()}) for file in kept["files"]
    )
    return Package(kept["report"].encode(), files, tuple(kept["words"]))
