"""The one pipeline before send: decode, hash, ask the option, commit, encrypt, outbox, send.

Guarantees: no picture leaves without what the service's option makes of it, or, where the custodian
stays away for `device.media_wait_seconds`, with the provider's voucher and a result that says so.
What is encrypted is in the outbox before a byte leaves; a picture of another epoch is submitted
anew. A group's key never travels only inside a message that may be held.
Refuses: pictures that do not open (media/decode.py); recipients that are not a list of others.
Each step is a method, so that `softfall.testing.patched` can play a cheating app by changing one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from softfall.device import films, questions
from softfall.device.films import VIDEO, Chosen, Media
from softfall.device.kit import Kit
from softfall.device.letters import File, Letter, Submitted, outage, values_of
from softfall.device.options import NONE
from softfall.device.outbox import Outbox, Row
from softfall.device.outcomes import CHECKED, TEXT, UNCHECKED_NONE, SendOutcome
from softfall.device.transport import Service
from softfall.errors import InputError, RefusedError, SoftfallError
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.messaging.envelope import (
    CONTENT,
    ENVELOPE,
    ENVELOPE_ID_BYTES,
    INNER,
    MAX_MEMBERS,
    SUBMISSION,
)
from softfall.messaging.franking import FRANKING_KEY_BYTES, Committed, commit
from softfall.messaging.identity import verify_one_time_key
from softfall.messaging.session.attachments import (
    KEY_BYTES,
    NONCE_BYTES,
    SealedAttachment,
    seal,
    unseal,
)
from softfall.options.contract import (
    DeviceHalf,
    ListNotHere,
    Pending,
    ScanSecret,
    Submission,
)
from softfall.options.framed import is_live
from softfall.wire import Value

# What a newer epoch may mend: fetch it, and try once more. The last three refuse an enclave that
# the epoch at hand does not allow; after an upgrade the newer one does.
_ELSEWHERE = (
    "WrongEpoch",
    "QuestionRefused",
    "OptionNotOffered",
    "TokenRefused",
    "PcrNotAllowed",
    "WrongRoot",
    "TechnologyNotAllowed",
)
_NOTHING_FOR_THIS_ONE = 2


class EmptyText(InputError):
    """A text message without a word."""

    remedy = "Write something; a photograph goes by `send_photo`, a video by `send_video`."


class BadRecipientList(InputError):
    """The recipients are not one to 64 others, each named once."""

    remedy = "Name each other member of the conversation once, and not this account."


class PictureBlocked(RefusedError):
    """A picture, or a video's frame, was confirmed to be on the list before it was sent."""

    remedy = "There is no way to send it; if this is a mistake, appeal to the service."


class Outgoing:
    """The pipeline of one device."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.outbox = Outbox(kit, self.redo)
        self._streams = films.Streams(kit.surroundings.monotonic_ms)

    def send(
        self, recipients: Sequence[str], conversation: str | None, text: str, file: File | None
    ) -> SendOutcome:
        """One message, as far as it gets now. Raises whatever a step refuses; then it is gone."""
        self._check(recipients, text, file)
        conversation = conversation or self.kit.conversation_with(recipients)
        sealed, submitted = (None, None) if file is None else self._in_stream(file, conversation)
        self.open_sessions(recipients)
        envelope_id = self.kit.surroundings.random_bytes(ENVELOPE_ID_BYTES)
        letter = Letter(
            envelope_id=envelope_id,
            conversation=conversation,
            recipients=tuple(recipients),
            content=self._content(envelope_id, text, sealed),
            attachment=sealed.ciphertext_sha256 if sealed else None,
            submitted=submitted,
        )
        with self.kit.timings.step("encrypt_ms"), self.kit.store.transaction():
            if file is not None:
                self._announce_key(letter)
            self.write(letter, sealed.body if sealed else None)
        return self._outcome(envelope_id)

    def _in_stream(self, file: File, conversation: str) -> tuple[SealedAttachment, Submitted]:
        """One file; of a live stream only while no part of it was blocked."""
        if not file.is_live:
            return self.media(file)
        self._streams.require_running(conversation)
        try:
            return self.media(file)
        except PictureBlocked:
            self._streams.stop(conversation)
            raise

    def media(self, file: File) -> tuple[SealedAttachment, Submitted]:
        """One file, encrypted under a key of its own, and what the option makes of it."""
        kit = self.kit
        media, mime = self.look(file)
        key = kit.surroundings.random_bytes(KEY_BYTES)
        with kit.timings.step("seal_ms"):
            nonce = kit.surroundings.random_bytes(NONCE_BYTES)
            sealed = seal(file.data, mime, key, nonce)
        return sealed, self.submit(media, key)

    def look(self, file: File) -> tuple[Media, str]:
        """What is submitted of a file, and its type. Raises what opening it raises."""
        with self.kit.timings.step("hash_ms"):
            if not file.is_video:
                media, kind = self.kit.hash_picture(file.data)
                return media, f"image/{kind}"
            film = films.watch(file.data, self.kit.limits)
            return films.choose(film, is_live=file.is_live), VIDEO + film.kind

    def submit(self, media: Media, key: bytes, fresh: bool = False) -> Submitted:
        """Ask the option about one file; once more if the epoch has changed meanwhile."""
        try:
            return self._submit(media, key, self.kit.current_service(fresh))
        except SoftfallError as error:
            if error.name not in _ELSEWHERE or fresh:
                raise
        return self._submit(media, key, self.kit.current_service(fresh=True))

    def ask(self, manifest: Manifest, question: bytes) -> tuple[bytes | None, bytes]:
        """(answer, b"") of the custodian; after a bounded wait (None, voucher) of the provider."""
        return questions.ask(self.kit, manifest, question)

    def clear(self, submission: Submission) -> None:
        """Ask the provider before a candidate is sent. Raises PictureBlocked.

        `later` sends it: then it is judged on its way, like any option's submissions.
        """
        values = values_of(submission)
        with self.kit.timings.step("clear_ms"):
            answer = self.kit.transport.clear(submission.option, SUBMISSION.encode(values))
        if answer == "blocked":
            raise PictureBlocked("this picture was not sent: it is on the list of the service")

    def open_sessions(self, recipients: Sequence[str]) -> None:
        """A session with each recipient, from verified and pinned keys.

        Raises IdentityChanged, KeySignatureBroken, BadOneTimeKey, or what the transport raises.
        """
        kit = self.kit
        for account in recipients:
            with kit.store.transaction():
                if kit.olm.has_session(account):
                    continue
            claimed = kit.transport.claim(account)
            identity = kit.pin(claimed.published.identity, claimed.published.signature, account)
            key = verify_one_time_key(identity, claimed.one_time_key)
            with kit.store.transaction():
                kit.olm.open_session(identity, key.key)

    def write(self, letter: Letter, file: bytes | None) -> None:
        """Commit, encrypt, and lay into the outbox; within the caller's transaction."""
        kit, submitted = self.kit, letter.submitted
        franking_key = kit.surroundings.random_bytes(FRANKING_KEY_BYTES)
        committed = Committed(
            kit.account,
            letter.conversation,
            letter.content,
            submitted.opening if submitted else b"",
            submitted.manifest if submitted else b"",
        )
        inner = INNER.encode(
            {
                "content": letter.content,
                "franking_key": franking_key,
                "opening": committed.opening,
                "manifest": committed.manifest,
            }
        )
        payloads, group_body = self._encrypt(letter, inner)
        values: dict[str, Value] = {
            "version": 1,
            "envelope_id": letter.envelope_id,
            "conversation": letter.conversation,
            "payloads": payloads,
            "group_body": group_body,
            "commitment": commit(franking_key, committed),
            "submission": values_of(submitted.submission) if submitted else None,
            "attachment": letter.attachment,
            "sent_at_ms": kit.surroundings.now_ms(),
        }
        row: dict[str, Value] = {
            "envelope": ENVELOPE.encode(self.dress(values)),
            "conversation": letter.conversation,
            "recipients": list(letter.recipients),
            "content": letter.content,
            "checked": submitted.checked if submitted else TEXT,
            "is_group": int(len(letter.recipients) > 1),
            "redone": letter.redone,
        }
        self.outbox.put(letter.envelope_id, row, file)

    def dress(self, values: dict[str, Value]) -> dict[str, Value]:
        """The envelope's fields as they go out: an honest app changes nothing."""
        return values

    def redo(self, envelope_id: bytes, row: Row) -> None:
        """Submit a queued picture anew and encrypt it again, under the same id."""
        kit = self.kit
        content: dict[str, Any] = CONTENT.decode(row["content"])
        attachment = content["attachment"]
        with kit.store.transaction():
            file = self.outbox.file(envelope_id)
        assert attachment is not None, "only a submission can be stale"
        assert file is not None, "a picture's file stays as long as its row"
        sent = ENVELOPE.decode(row["envelope"])["submission"]
        assert isinstance(sent, dict), "a file's message has a submission"
        is_video = attachment["mime"].startswith(VIDEO)
        told = File(unseal(attachment, file), is_video, is_video and is_live(sent["body"]))
        media, _ = self.look(told)
        letter = Letter(
            envelope_id=envelope_id,
            conversation=row["conversation"],
            recipients=tuple(row["recipients"]),
            content=row["content"],
            attachment=attachment["ciphertext_sha256"],
            submitted=self.submit(media, attachment["key"], fresh=True),
            redone=row["redone"],
        )
        with kit.store.transaction():
            self.write(letter, None)

    def _check(self, recipients: Sequence[str], text: str, file: File | None) -> None:
        others = set(recipients) - {self.kit.account}
        if not 1 <= len(others) == len(recipients) <= MAX_MEMBERS:
            raise BadRecipientList("recipients must be 1 to 64 others, each named once")
        if file is None and not text:
            raise EmptyText("there is nothing to send")

    def _content(self, envelope_id: bytes, text: str, sealed: SealedAttachment | None) -> bytes:
        return CONTENT.encode(
            {
                "envelope_id": envelope_id,
                "text": text,
                "attachment": sealed.values if sealed else None,
                "sent_at_ms": self.kit.surroundings.now_ms(),
            }
        )

    def _announce_key(self, photo: Letter) -> None:
        """Send a new group key ahead in a message without words, which no option can hold."""
        if len(photo.recipients) == 1:
            return
        now_ms = self.kit.surroundings.now_ms()
        prepared = self.kit.megolm.prepare(photo.conversation, photo.recipients, now_ms)
        if not prepared.to_tell:
            return
        envelope_id = self.kit.surroundings.random_bytes(ENVELOPE_ID_BYTES)
        content = self._content(envelope_id, "", None)
        ahead = replace(
            photo, envelope_id=envelope_id, content=content, attachment=None, submitted=None
        )
        self.write(ahead, None)

    def _encrypt(self, letter: Letter, inner: bytes) -> tuple[list[Value], bytes]:
        kit, payloads = self.kit, list[Value]()
        if len(letter.recipients) == 1:
            (recipient,) = letter.recipients
            kind, body = kit.olm.encrypt(recipient, inner)
            return [{"recipient": recipient, "kind": kind, "body": body}], b""
        now_ms = kit.surroundings.now_ms()
        prepared = kit.megolm.prepare(letter.conversation, letter.recipients, now_ms)
        for recipient in letter.recipients:
            kind, body = _NOTHING_FOR_THIS_ONE, b""
            if recipient in prepared.to_tell:
                kind, body = kit.olm.encrypt(recipient, prepared.key)
            payloads.append({"recipient": recipient, "kind": kind, "body": body})
        kit.megolm.told(letter.conversation, prepared.to_tell)
        return payloads, kit.megolm.encrypt(letter.conversation, inner)

    def _submit(self, media: Media, key: bytes, service: Service) -> Submitted:
        kit, body = self.kit, service.manifest
        if service.option == NONE:
            return Submitted(Submission(NONE, 0, b""), b"", b"", UNCHECKED_NONE)
        if body is None:
            # There is nothing to ask about yet; an empty question is answered with a voucher.
            _, voucher = questions.ask_about_nothing(kit, service.option)
            return outage(0, voucher)
        with kit.store.transaction():
            manifest = kit.epochs.adopt(body, kit.surroundings.now_ms())
        half = kit.epochs.half(body, manifest)
        secret = ScanSecret(key, manifest.option, manifest.epoch)

        def of_one(one: PdqHash | Unhashable, own: ScanSecret) -> tuple[Submission, bytes] | bytes:
            return self._submit_one(half, manifest, one, own)

        made = (
            films.submit(media, secret, of_one)
            if isinstance(media, Chosen)
            else of_one(media, secret)
        )
        if isinstance(made, bytes):
            return outage(manifest.epoch, made)
        return Submitted(*made, body, CHECKED)

    def _submit_one(
        self,
        half: DeviceHalf,
        manifest: Manifest,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
    ) -> tuple[Submission, bytes] | bytes:
        """What the option makes of one picture or frame; the voucher, where nobody answers."""
        kit = self.kit
        with kit.timings.step("begin_ms"):
            pending, voucher = self._begin(half, media, secret)
        if pending is None:
            return voucher
        reply = None
        if pending.request is not None:
            with kit.timings.step("ask_ms"):
                reply, voucher = self.ask(manifest, pending.request.body)
            if reply is None:
                return voucher
        with kit.timings.step("finish_ms"):
            submission, opening = pending.finish(reply)
        if half.asks_first(submission):
            self.clear(submission)
        return submission, opening

    def _begin(
        self, half: DeviceHalf, media: PdqHash | Unhashable, secret: ScanSecret
    ) -> tuple[Pending | None, bytes]:
        """A picture's start; where that takes a list that is not here yet, fetch it first."""
        try:
            return questions.begin(self.kit, half, media, secret)
        except ListNotHere:
            self.kit.refresh_list()
        return questions.begin(self.kit, half, media, secret)

    def _outcome(self, envelope_id: bytes) -> SendOutcome:
        outcomes = self.outbox.flush()
        for other, outcome in outcomes.items():
            if other != envelope_id and isinstance(outcome, SoftfallError):
                self.outbox.note_refusal(other, outcome)
        mine = outcomes[envelope_id]
        if isinstance(mine, SoftfallError):
            raise mine
        return mine
