"""What it costs to ask for everything: arithmetic on an epoch's parameters and a service's limits.

Guarantees: pure; every figure follows from the numbers given in, by the formula in its docstring.
`tests/custodian/test_enumeration.py` plays the attacks with the real code on small instances and
holds the same formulas against what it counts there.
Assumes pieces evenly spread. Real ones are not: an attacker who begins with the likeliest pieces
reads the first entries sooner; the last ones, and the whole, cost what is said here.
What ends an epoch does not help the list: entries keep their number from epoch to epoch, so what
is read in one stays read. It does help messages: tags that were kept are worth nothing without
the key.
"""

import math
from dataclasses import dataclass

from softfall.config import CustodianSettings, ProviderSettings

HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class Pieces:
    """How an option asks. decoys: false pieces that each table shows for one entry, if any."""

    k_bits: int
    tables: int
    probes: int
    decoys: float = 0.0

    @property
    def evaluations_a_token(self) -> int:
        """One question asks for `tables * probes` pieces, and they may be anybody's."""
        return self.tables * self.probes

    @property
    def evaluations_in_all(self) -> int:
        """Every piece of every table: `tables * 2^k_bits`."""
        return self.tables << self.k_bits

    @property
    def bits_read(self) -> int:
        """Bits of an entry's 256 that all its pieces hold: `tables * k_bits` where none overlap."""
        return min(256, self.tables * self.k_bits)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service allows, whoever asks."""

    tokens_a_day: int
    evaluations_an_hour: int
    tokens_an_account_a_day: int

    @classmethod
    def default(cls) -> "Limits":
        """Those of a configuration file that says nothing."""
        custodian, provider = CustodianSettings(), ProviderSettings()
        return cls(
            custodian.tokens_per_day,
            custodian.evaluations_per_hour,
            provider.tokens_per_account_per_day,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many evaluations take. Days: of the whole service's limits, with nobody else asking.

    account_days: one account for so many days, or so many accounts for one.
    """

    evaluations: int
    tokens: int
    days_by_tokens: float
    days_by_evaluations: float
    account_days: float

    @property
    def days(self) -> float:
        """The slower limit decides."""
        return max(self.days_by_tokens, self.days_by_evaluations)


def cost(evaluations: int, pieces: Pieces, limits: Limits) -> Cost:
    """Of so many evaluations, asked in full questions: `evaluations / evaluations_a_token`."""
    tokens = -(-evaluations // pieces.evaluations_a_token)
    return Cost(
        evaluations,
        tokens,
        tokens / limits.tokens_a_day,
        evaluations / (HOURS_A_DAY * limits.evaluations_an_hour),
        tokens / limits.tokens_an_account_a_day,
    )


def cost_of_list(pieces: Pieces, limits: Limits) -> Cost:
    """Of reading every piece of every entry; a certain entry costs nearly as much.

    Its pieces lie anywhere: the last of T comes after T / (T + 1) of all, on average.
    """
    return cost(pieces.evaluations_in_all, pieces, limits)


def evaluations_an_entry(pieces: Pieces, entries: int) -> float:
    """The whole cost shared among all entries: `tables * 2^k_bits / entries`."""
    return pieces.evaluations_in_all / max(1, entries)


def pieces_read(pieces: Pieces, entries: int, evaluations: int) -> float:
    """Pieces of entries that so many evaluations read: `entries * evaluations / 2^k_bits`."""
    return entries * min(evaluations, pieces.evaluations_in_all) / (1 << pieces.k_bits)


def cost_of_a_guess(pieces: Pieces, limits: Limits) -> Cost:
    """Of asking, of tags that were kept, whether one picture was sent: one question.

    While the epoch's key exists. Afterwards there is nobody to ask, at any cost.
    """
    return cost(pieces.evaluations_a_token, pieces, limits)


def decoys(k_bits: int, slots: int, value_bits: int) -> float:
    """False pieces for each entry in each table of a map: `slots * 2^k_bits / 2^value_bits`.

    A piece that is no entry's gives a random value, and every value names an entry.
    """
    return slots * math.ldexp(1.0, k_bits - value_bits)


def people_served(
    limits: Limits, pictures_a_day: float, tokens_kept: int, token_key_days: float
) -> int:
    """How many people the tokens suffice for.

    Each sends so many pictures a day, and with each new token key leaves what is in stock unused:
    `tokens_a_day / (pictures_a_day + tokens_kept / token_key_days)`.
    """
    return int(limits.tokens_a_day / (pictures_a_day + tokens_kept / token_key_days))
