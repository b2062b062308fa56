"""The policies that decisions refer to: an operator's own table, or the one that comes along.

Guarantees: every decision names a policy that this table holds; ids are unique.
Refuses: a file that is not such a table, by name, before anything is started.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from softfall.errors import InputError, OperatorError

# What every page about such a case says.
OWN_PICTURE_WORDS = (
    "Young people's own pictures, shared by their own will among peers, are met with a warning and "
    "support, and are never referred automatically. A referral needs a lead, who says why."
)
OWN_PICTURE_POLICY = "own-picture"


class PoliciesUnusable(OperatorError):
    """The table of policies can't be used."""

    remedy = (
        "Compare the file of casework.policies_file with softfall/casework/policies.toml, which "
        "serves where none is named."
    )


class PolicyUnknown(InputError):
    """A decision refers to a policy that is not in the table."""

    remedy = "Choose one of the policies that the decision's page offers."


class Policy(BaseModel):
    """One policy. id: what decisions keep. title, words: what staff read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern="^[a-z0-9-]{1,64}$")]
    title: Annotated[str, Field(min_length=1, max_length=120)]
    words: Annotated[str, Field(min_length=1, max_length=1_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Annotated[tuple[Policy, ...], Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Policies:
    """The table, in its own order."""

    rows: Sequence[Policy]

    def get(self, policy_id: str) -> Policy:
        """One policy. Raises PolicyUnknown."""
        for row in self.rows:
            if row.id == policy_id:
                return row
        raise PolicyUnknown("there is no policy of this id")


def load(path: str = "") -> Policies:
    """The table in a TOML file; the one that comes along where none is named.

    Raises PoliciesUnusable.
    """
    try:
        text = (
            Path(path).read_text("utf-8")
            if path
            else files("softfall.casework").joinpath("policies.toml").read_text("utf-8")
        )
        table = _Table.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise PoliciesUnusable(f"the policies can't be used: {type(error).__name__}") from None
    ids = [row.id for row in table.policy]
    if len(set(ids)) != len(ids):
        raise PoliciesUnusable("two policies have the same id")
    return Policies(table.policy)
