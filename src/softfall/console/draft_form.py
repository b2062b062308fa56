"""A referral draft's form: what was typed in it, whether or not it can be kept.

Guarantees: what is refused comes back as it was typed; what is kept is kept whole. Sizes and
numbers are those of the edits (`referral.facts`), whatever a form holds.
Refuses, as `DraftUnfit`: a field that is too long, or not of its form. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError
from starlette.datastructures import FormData

from softfall.casework.model import Source
from softfall.casework.referral.compose import reporters
from softfall.casework.referral.facts import Edits, FileEdits, ReferralFacts
from softfall.errors import InputError

# The form's fields of one value each, and what the page calls them.
FIELDS: Final[Mapping[str, str]] = {
    "incident_type": "Kind of incident",
    "summary": "What happened",
    "urgent": "Why a child is at risk now",
    "incident_at": "When, in UTC",
    "time_words": "About the time",
    "subject_words": "About the account",
    "reporter_is": "The reporting account is",
    "victim_age": "Their age",
    "group": "Group or channel",
    "agency": "Police that already know",
    "agency_case": "Their case number",
}
_MAX_FILES: Final = 500


class DraftUnfit(InputError):
    """A field of a referral's draft is too long, or not of its form; nothing was saved."""

    remedy = "Shorten the field that is named, and save again."


@dataclass(frozen=True, slots=True)
class TypedFile:
    """What was typed of one picture, or is saved of it; as `FileEdits`, in texts."""

    left_out: bool = False
    flags: tuple[str, ...] = ()
    classification: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """A form's values. texts: by `FIELDS`, "" where nothing is; files: by evidence number."""

    texts: Mapping[str, str]
    flags: tuple[str, ...]
    left_out: tuple[str, ...]
    files: Mapping[str, TypedFile]

    def edits(self) -> Edits:
        """What is to be kept. Raises DraftUnfit."""
        texts = {name: value for name, value in self.texts.items() if value}
        try:
            at_ms = _moment_ms(texts.pop("incident_at", ""))
        except ValueError:
            raise DraftUnfit("the field for the time is not of its form") from None
        files = {
            number: {
                "left_out": one.left_out,
                "flags": one.flags,
                "classification": one.classification or None,
                "words": one.words,
            }
            for number, one in self.files.items()
        }
        try:
            return Edits.model_validate({
                **texts, "incident_at_ms": at_ms, "flags": self.flags, "left_out": self.left_out,
                "files": files,
            })  # fmt: skip
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"][:1])
            raise DraftUnfit(f"the field {where} is too long, or not of its form") from None

    def differing(self, saved: "Typed") -> list[tuple[str, str]]:
        """Where the saved draft says something else: the fields' names, and what it says."""
        told = [
            (label, saved.texts[name] or "(nothing)")
            for name, label in FIELDS.items()
            if saved.texts[name] != self.texts[name]
        ]
        mine, theirs = (
            (sorted(one.flags), sorted(one.left_out), _said(one.files)) for one in (self, saved)
        )
        return told if mine == theirs else [*told, ("Tags, messages or files", "differ too")]


def typed_in(form: FormData) -> Typed:
    """What a form holds; never refuses it."""

    def one(name: str) -> str:
        value = form.get(name, "")
        return value.replace("\r\n", "\n") if isinstance(value, str) else ""

    def several(name: str) -> tuple[str, ...]:
        return tuple(value for value in form.getlist(name) if isinstance(value, str))

    files = {
        number: TypedFile(
            bool(one(f"file-{number}-left-out")),
            several(f"file-{number}-flag"),
            one(f"file-{number}-class"),
            one(f"file-{number}-words"),
        )
        for number in several("file")[: _MAX_FILES + 1]
    }
    texts = {name: one(name) for name in FIELDS}
    texts["reporter_is"] = texts["reporter_is"] or Edits().reporter_is
    return Typed(texts, several("flag"), several("left_out"), files)


def saved_as(edits: Edits) -> Typed:
    """The form of what is saved."""
    texts = {name: str(getattr(edits, name, "") or "") for name in FIELDS}
    texts["incident_at"] = _local_time(edits.incident_at_ms)
    texts["victim_age"] = "" if edits.victim_age is None else str(edits.victim_age)
    files = {str(number): _typed_file(one) for number, one in edits.files.items()}
    return Typed(texts, tuple(edits.flags), edits.left_out, files)


def revision_in(form: FormData) -> int:
    """The draft that the form was made from. Raises DraftUnfit."""
    value = form.get("revision", "")
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19):
        raise DraftUnfit("the draft's revision is not of its form")
    return int(value)


def reporting(facts: ReferralFacts | None) -> str:
    """Who reported: "named", "unnamed" (all asked not to be named) or "nobody"."""
    if facts is None or not any(each.source is Source.REPORT for each in facts.sources):
        return "nobody"
    return "named" if reporters(facts) else "unnamed"


def _typed_file(one: FileEdits) -> TypedFile:
    return TypedFile(one.left_out, tuple(one.flags), one.classification or "", one.words)


def _said(files: Mapping[str, TypedFile]) -> dict[str, TypedFile]:
    """Those of which anything is said: a form names each picture, whether or not."""
    return {number: one for number, one in files.items() if one != TypedFile()}


def _moment_ms(local: str) -> int | None:
    """A datetime-local field's value, in UTC."""
    if not local:
        return None
    return round(datetime.fromisoformat(local).replace(tzinfo=UTC).timestamp() * 1000)


def _local_time(at_ms: int | None) -> str:
    return "" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M}"
