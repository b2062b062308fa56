"""The case file that referrals are really written from: tables, the vault, the audit log.

Guarantees: everything is read inside the caller's transaction; whether a picture was viewed comes
from `evidence.seen.viewed_whole`, that is, from the audit log, and from nothing else; a case
counts as decided only while its decision to refer is final, unreversed, and has its second reader
where one is due.
Refuses what its rooms refuse: CaseUnknown, EvidenceGone, EvidenceDamaged.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from softfall.casework import cases as case_rows
from softfall.casework.cases import PROVIDER
from softfall.casework.effects import RECEIVED
from softfall.casework.evidence.seen import viewed_whole
from softfall.casework.evidence.tables import evidence
from softfall.casework.evidence.vault import Vault
from softfall.casework.incoming import HashFacts, ReportedMessage
from softfall.casework.model import EvidenceKind, Outcome, Source
from softfall.casework.referral.facts import PictureFacts, ReferralFacts, SourceFacts, Words
from softfall.casework.tables import decisions

# How a file's kind shows in its first bytes; what is none of these goes as it is.
_ENDINGS = (
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (4, b"ftypheic", "heic"),
    (4, b"ftypmif1", "heif"),
    (4, b"ftypavif", "avif"),
)


class EvidenceCaseFile:
    """Reads cases. second_reader: whether every referral needs one ([casework] second_reader)."""

    def __init__(self, vault: Vault, *, second_reader: bool = True) -> None:
        self._vault = vault
        self._second_reader = second_reader

    def facts(self, tx: Connection, case_id: str) -> ReferralFacts:
        """The case as it is now."""
        case = case_rows.find(tx, case_id)
        rows = case_rows.sources_of(tx, case.row)
        kept = tx.execute(
            select(evidence)
            .where(evidence.c.case_row == case.row, evidence.c.deleted_at_ms.is_(None))
            .order_by(evidence.c.row)
        ).all()
        sources = tuple(self._source(tx, row, kept) for row in rows)
        by_row = {row.row: row for row in rows}
        receipts = {
            message.picture_sha256: message.received_at_ms
            for source in sources
            for message in source.messages
        }
        # Who received a listed picture is not its sender: that account is not reported.
        about = dict.fromkeys(row.subject for row in rows if row.kind != RECEIVED)
        subject = case.subject if case.subject in about else next(iter(about), case.subject)
        pictures = [piece for piece in kept if piece.kind == EvidenceKind.PICTURE]
        return ReferralFacts(
            case_id=case_id,
            subject=subject,
            opened_at_ms=case.opened_at_ms,
            child_at_risk_now=case.child_at_risk_now,
            sources=sources,
            pictures=tuple(
                self._picture(tx, each, position, by_row.get(each.source_row), receipts)
                for position, each in enumerate(pictures, 1)
            ),
            others=tuple(name for name in about if name != subject),
        )

    def picture(self, tx: Connection, evidence_id: int) -> bytes:
        """A picture's bytes, for the authority."""
        return self._vault.open(tx, evidence_id)

    def viewed(self, tx: Connection, evidence_id: int) -> bool:
        """As the audit log has it."""
        return viewed_whole(tx, evidence_id)

    def is_decided(self, tx: Connection, case_id: str) -> bool:
        """Whether a final, unreversed decision to refer stands."""
        case = case_rows.find(tx, case_id)
        stands = [
            decisions.c.case == case.row,
            decisions.c.outcome == Outcome.REFER,
            decisions.c.state == "final",
        ]
        if self._second_reader:
            stands.append(decisions.c.second_reader.is_not(None))
        return bool(tx.execute(select(exists().where(*stands))).scalar())

    def seal(self, tx: Connection, case_id: str, what: str, body: bytes) -> bytes:
        """Words under the case's own key."""
        return self._vault.seal_words(tx, case_rows.find(tx, case_id).row, what, body)

    def unseal(self, tx: Connection, case_id: str, what: str, sealed: bytes) -> bytes:
        """The words."""
        return self._vault.open_words(tx, case_rows.find(tx, case_id).row, what, sealed)

    def _source(self, tx: Connection, row: Row[Any], kept: Sequence[Row[Any]]) -> SourceFacts:
        mine = [piece for piece in kept if piece.source_row == row.row]
        texts = [piece.row for piece in mine if piece.kind == EvidenceKind.TEXT]
        messages = [piece.row for piece in mine if piece.kind == EvidenceKind.MESSAGE]
        return SourceFacts(
            source=Source(row.source),
            reference=row.reference,
            kind=row.kind,
            reason=row.reason,
            arrived_at_ms=row.arrived_at_ms,
            reporter=row.reporter,
            facts=HashFacts.model_validate_json(row.facts) if row.facts else None,
            held_envelope_id=row.held_envelope_id,
            trusted=row.origin == PROVIDER,
            text="\n".join(self._vault.open(tx, number).decode() for number in texts),
            messages=tuple(
                ReportedMessage.model_validate_json(self._vault.open(tx, number))
                for number in messages
            ),
            words=tuple(Words(each, viewed_whole(tx, each)) for each in (*texts, *messages)),
        )

    def _picture(
        self,
        tx: Connection,
        piece: Row[Any],
        position: int,
        source: Row[Any] | None,
        receipts: Mapping[str | None, int],
    ) -> PictureFacts:
        body = self._vault.open(tx, piece.row)
        sha256 = hashlib.sha256(body).hexdigest()
        received_at_ms = receipts.get(sha256)
        arrived_at_ms = piece.added_at_ms if source is None else source.arrived_at_ms
        return PictureFacts(
            evidence_id=piece.row,
            viewed=viewed_whole(tx, piece.row),
            public=source is not None and source.source == Source.SURFACE,
            seen_at_ms=arrived_at_ms if received_at_ms is None else received_at_ms,
            file_name=f"evidence-{position}.{_ending(body)}",
            sha256=sha256,
            sha1=hashlib.sha1(body, usedforsecurity=False).hexdigest(),
            md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            received_at_ms=received_at_ms,
        )


def _ending(body: bytes) -> str:
    found = (name for at, mark, name in _ENDINGS if body[at : at + len(mark)] == mark)
    return next(found, "bin")
