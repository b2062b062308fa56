"""What keyholder and provider record of pictures that are matched, made by the real halves."""

from pathlib import Path

from softfall.compare.casts.cast import KEYHOLDER, PROVIDER, Played
from softfall.compare.keyed import BEGIN, FINISH, STOCK
from softfall.compare.plan import Kind, Turn
from softfall.compare.recorder import CLIENT
from softfall.compare.results import Outcome
from softfall.compare.trials.scene import Scene
from softfall.keyholder.keys import create_key
from softfall.media.pdq import PdqHash
from softfall.options.homomorphic import dealt_wire, keyholder, wire
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Run
from tests.compare.staged import Stage, envelope, scene
from tests.options.homomorphic.parties import EPOCH, SECRET, Parties, secret_of


class KeyedStage:
    """A scene in which each of its pictures was matched once, the first of them twice."""

    def __init__(self, folder: Path, mode: Mode = Mode.ONE_BIT) -> None:
        name = "homomorphic" if mode is Mode.ONE_BIT else "homomorphic_permuted"
        self.scene: Scene = scene(folder, name, Outcome.SHOWN)
        listed = dict(enumerate(self.scene.conversation.known.hashes, start=1))
        self.parties = Parties(listed, mode, spare_rows=100)
        self._stage = Stage(self.scene)
        create_key(folder / KEYHOLDER, lambda size: SECRET)
        self._carry()
        pictures = self.scene.conversation.pictures
        rows = [0, *range(len(pictures))]
        for number, row in enumerate(rows):
            hashed = pictures[row].hashed
            assert isinstance(hashed, PdqHash)
            self._match(number, hashed)
        turns = tuple(Turn(Kind.UNLISTED, row) for row in rows)
        self.scene.conversation = type(self.scene.conversation)(
            self.scene.conversation.known, pictures, turns
        )
        self.scene.played = [_played(number) for number in range(len(rows))]

    def _carry(self) -> None:
        version = self.parties.version
        carried = wire.LIST_CARRIED.encode(
            {"version": 1, "manifest": b"-", "list_version": self.parties.versions[-1]}
        )
        self._stage.note(KEYHOLDER, "POST", "/v1/lists", carried)
        for each in version.segments:
            hint = bytes(self.parties.shelf.read(each.hint_sha256))
            self._stage.note(KEYHOLDER, "PUT", f"/v1/hints/{each.hint_sha256.hex()}", hint)

    def _match(self, number: int, hashed: PdqHash) -> None:
        submission, _ = self.parties.send(hashed, secret_of(str(number)))
        values = {"option": "homomorphic", "epoch": EPOCH, "body": submission.body}
        sent = envelope(_envelope_id(number), values, bytes(32))
        self._stage.note(PROVIDER, "POST", "/v1/envelopes", sent)
        own, theirs = self.parties.deal()
        stock = dealt_wire.STOCK_PROVIDER.encode({"version": 1, "dealt": [own]})
        self._fetched(PROVIDER, stock)
        theirs_too = dealt_wire.STOCK_KEYHOLDER.encode({"version": 1, "dealt": [theirs]})
        self._fetched(KEYHOLDER, theirs_too)
        half, other = DealtProvider.decode(own), DealtKeyholder.decode(theirs)
        run = Run(self.parties.prepared, [Asked.read(submission.body)], [half])
        begin = run.begin()
        begun, kept = keyholder.begin(keyholder.read(begin), self.parties.hints, [other], [SECRET])
        finish = run.go_on(begun)
        assert finish is not None
        run.results(keyholder.finish(finish, kept))
        self._stage.note(KEYHOLDER, "POST", BEGIN, begin)
        self._stage.note(KEYHOLDER, "POST", FINISH, finish)

    def _fetched(self, role: str, body: bytes) -> None:
        if role not in self._stage.recorders:
            self._stage.note(role, "GET", "/v1/health", b"")
        recorder = self._stage.recorders[role]
        recorder.note(CLIENT, ("POST", STOCK, 200), 0, (body, 10), (0, 0))


def _envelope_id(number: int) -> bytes:
    return bytes([number + 1]) * 16


def _played(number: int) -> Played:
    message_id = _envelope_id(number).hex()
    return Played(message_id, Outcome.SHOWN, "", 0, 0, 0, {}, 0, 0)
