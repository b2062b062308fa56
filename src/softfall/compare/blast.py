"""How much one theft opens: each option's worst single compromise, carried out after the run.

Guarantees: the witness takes what the thief would take (stored files, recorded bytes, one key) and
really opens with it whatever opens; a count is of messages, pictures and words that came out equal
to what was sent. "Was picture P sent?" is asked of every picture sent, and of as many mirrored
copies that nobody sent.
Leaves to each cast: what its worst single compromise is, and how it is used (`worst_compromise`).
Limit: what is not opened here may be opened by a cleverer thief; what is opened here, is.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from softfall.compare.casts.cast import Place
from softfall.compare.plan import Conversation, Picture
from softfall.compare.results import BlastRadius, Counted
from softfall.compare.views import Recording, samples
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq


@dataclass(frozen=True, slots=True)
class Message:
    """One message that the thief has opened. picture: its file, or None."""

    text: str
    picture: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Loot:
    """What lies about once the conversation is over, and what the witness knows of it.

    place: the run's folders, every party's own among them. recordings: what each role received.
    """

    place: Place
    recordings: Mapping[str, Recording]
    conversation: Conversation

    @cached_property
    def sent(self) -> Sequence[Picture]:
        """The pictures that were sent, each once."""
        rows = {turn.picture for turn in self.conversation.turns if turn.picture is not None}
        return [self.conversation.pictures[row] for row in sorted(rows)]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The words that were sent."""
        return frozenset(turn.text for turn in self.conversation.turns if turn.text)

    @cached_property
    def hashes(self) -> frozenset[bytes]:
        """The perceptual hashes of the pictures that were sent."""
        return frozenset(each.hashed.bits for each in self.sent if isinstance(each.hashed, PdqHash))

    @cached_property
    def never_sent(self) -> frozenset[bytes]:
        """Hashes of the mirrored pictures, which nobody sent."""
        mirrored = set()
        for picture in self.sent:
            pixels = decode(picture.data, MediaLimits()).pixels
            hashed = pdq(np.ascontiguousarray(pixels[:, ::-1]))
            if isinstance(hashed, PdqHash):
                mirrored.add(hashed.bits)
        return frozenset(mirrored - self.hashes)

    def found_by_looking(self, roles: Sequence[str]) -> list[Message]:
        """What stands open in all that these roles received, found by looking for it."""
        found = list[Message]()
        for role in roles:
            spool = self.recordings[role].spool
            for picture in self.sent:
                if all(part in spool for part in samples(picture.data)):
                    found.append(Message("", picture.data))
            found += [Message(text, None) for text in self.texts if text.encode() in spool]
        return found

    def radius(
        self,
        stolen: str,
        how: str,
        opened: Iterable[Message],
        kept: int,
        hashes: Iterable[bytes] = (),
        was_sent: Callable[[bytes], bool] | None = None,
    ) -> BlastRadius:
        """What came of it. kept: how many messages the thief had. hashes: that came out.

        was_sent: answers for a hash; None: a picture was sent if it was opened.
        """
        found = list(opened)
        digests = {hashlib.sha256(each.picture).digest() for each in found if each.picture}
        whole = [each for each in self.sent if hashlib.sha256(each.data).digest() in digests]
        known = {each.hashed.bits for each in whole if isinstance(each.hashed, PdqHash)}
        known |= self.hashes & frozenset(hashes)
        answer = was_sent or known.__contains__
        return BlastRadius(
            stolen=stolen,
            how=how,
            messages=Counted(count=len(found), total=kept),
            pictures=Counted(count=len(whole), total=len(self.sent)),
            texts=Counted(
                count=len(self.texts & {each.text for each in found}), total=len(self.texts)
            ),
            hashes=Counted(count=len(known), total=len(self.hashes)),
            sent_known=Counted(count=sum(map(answer, self.hashes)), total=len(self.hashes)),
            never_sent_taken_for_sent=Counted(
                count=sum(map(answer, self.never_sent)), total=len(self.never_sent)
            ),
        )
