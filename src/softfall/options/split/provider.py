"""The provider's half of `split`: it counts tags, and holds neither a hash nor a key.

Guarantees: `form` depends on a submission's bytes and the parameters alone, never on the list.
A verdict carries the entry numbers hit and in which tables; Candidate when one entry is hit in at
least `hits` distinct tables, the entries hit in most tables first, 16 of them at most: it is for
`confirm` to say whether the picture is listed.
Refuses: an artefact that is damaged or of another epoch, as BadArtefact.
Limits, printed: within an epoch equal pieces give equal tags, so the provider can see that two
pictures resemble each other, and which entries of the list do. Tags that are kept can be tested
later against a guessed picture by whoever may ask the custodian: delete them once judged. A picture
that hits more than 16 entries is confirmed against the likeliest 16 only.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from softfall.errors import PeerError
from softfall.options.confirm.wire import CONFIRM_SHARES
from softfall.options.contract import (
    Candidate,
    Clear,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.split import wire
from softfall.options.tags import wire as tags_wire
from softfall.options.tags.parameters import BadParameters, TagParameters
from softfall.wire import MalformedMessage, Value

MAX_ENTRIES: Final = 16

U64Array = npt.NDArray[np.uint64]
U32Array = npt.NDArray[np.uint32]


class BadArtefact(PeerError):
    """The custodian's artefact is damaged, unsorted, or of another epoch."""

    remedy = "Keep the last good epoch, fetch the artefact again, and tell the custodian."


class SplitProvider:
    """One epoch's table of tags. Raises BadArtefact."""

    name: ClassVar[str] = "split"

    def __init__(self, epoch: int, artefact: bytes) -> None:
        self.epoch = epoch
        try:
            values = tags_wire.decode(wire.ARTEFACT, artefact)
            self.parameters = TagParameters.decode(tags_wire.octets(values, "parameters"))
            self.entries = tags_wire.number(values, "entries")
            rows = self.parameters.tables * self.entries
            tags = tags_wire.octets(values, "tags", tags_wire.TAG_BYTES * rows)
            numbers = tags_wire.octets(values, "numbers", wire.NUMBER_BYTES * rows)
        except (MalformedMessage, BadParameters) as error:
            raise BadArtefact(f"the artefact can't be read: {error.what}") from None
        named = tags_wire.number(values, "epoch")
        if named != epoch:
            raise BadArtefact(f"the artefact is of epoch {named}, not {epoch}")
        parameters = tags_wire.octets(values, "parameters")
        if wire.artefact_checksum(parameters, tags, numbers) != values["checksum"]:
            raise BadArtefact("the artefact's checksum does not match")
        self._tags = _table_rows(tags, self.parameters.tables)
        shape = (self.parameters.tables, self.entries)
        self._numbers: U32Array = np.frombuffer(numbers, ">u4").astype(np.uint32).reshape(shape)
        if (self._tags[:, 1:] < self._tags[:, :-1]).any():
            raise BadArtefact("the artefact's tags are not sorted")

    def form(self, submission: Submission) -> Malformed | None:
        """Malformed unless the bytes are this epoch's tags, increasing in a table, and shares."""
        if submission.option != self.name:
            return Malformed("another option")
        if submission.epoch != self.epoch:
            return Malformed("wrong epoch")
        try:
            tags = self._tags_of(_values(submission))
        except MalformedMessage:
            return Malformed("malformed submission")
        # An unpatched client's tags are distinct and sorted; two that collide: 2^-57 a table.
        if (tags[:, 1:] <= tags[:, :-1]).any():
            return Malformed("tags not increasing")
        return None

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """Candidate if one entry is hit in enough tables, else Clear. Asks nobody."""
        del ports
        malformed = self.form(submission)
        if malformed is not None:
            return malformed
        values = _values(submission)
        tables_of = self._hits(self._tags_of(values))
        enough = {
            number: tables
            for number, tables in tables_of.items()
            if len(tables) >= self.parameters.hits
        }
        if not enough:
            return Clear("no entry hit often enough")
        likeliest = sorted(enough, key=lambda number: (-len(enough[number]), number))[:MAX_ENTRIES]
        told = [{"entry": number, "tables": sorted(enough[number])} for number in likeliest]
        return Candidate(
            "candidate",
            {"entries": told, "hits_needed": self.parameters.hits},
            tuple(likeliest),
            CONFIRM_SHARES.encode(_shares(values)),
        )

    def _tags_of(self, values: Mapping[str, Value]) -> U64Array:
        size = tags_wire.TAG_BYTES * self.parameters.questions
        return _table_rows(tags_wire.octets(values, "tags", size), self.parameters.tables)

    def _hits(self, tags: U64Array) -> dict[int, set[int]]:
        """For each entry hit at all, the tables in which it was."""
        tables_of: defaultdict[int, set[int]] = defaultdict(set)
        for table, (asked, listed) in enumerate(zip(tags, self._tags, strict=True)):
            left = np.searchsorted(listed, asked, side="left")
            right = np.searchsorted(listed, asked, side="right")
            for start, end in zip(left[left < right], right[left < right], strict=True):
                for number in self._numbers[table, start:end].tolist():
                    tables_of[number].add(table)
        return tables_of


def _values(submission: Submission) -> dict[str, Value]:
    return tags_wire.decode(wire.SUBMISSION, submission.body)


def _shares(values: Mapping[str, Value]) -> Mapping[str, Value]:
    shares = values["shares"]
    assert isinstance(shares, Mapping)
    return shares


def _table_rows(tags: bytes, tables: int) -> U64Array:
    """Big-endian 8-byte tags as (tables, n) native uint64."""
    rows: U64Array = np.frombuffer(tags, ">u8").astype(np.uint64).reshape(tables, -1)
    return rows
