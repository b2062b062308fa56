"""The secret hash experiment: what does a hash that nobody can study cost, and what does it miss?

Run: python docs/experiments/secret_hash.py [PHOTO_FOLDER ...] [--out FILE]
With no folder it uses the photographs that scikit-image and scikit-learn ship, and the quarters of
each as pictures of their own. FILE (secret_hash.json) gets every figure; where secret_hash.md lies
beside it, its tables are written. Less, on pictures of your own: `softfall research secret-hash`.
"""

import argparse
import json
import re
import secrets
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from probing.photographs import find, shipped_folders

from softfall.compare.everyday import EVERYDAY, for_study
from softfall.compare.secret_hash import THRESHOLD, Outcome, study
from softfall.options.homomorphic.secret_hash import lattice
from softfall.options.homomorphic.secret_hash.plane import PIXELS

COST_ROWS = (10_000, 50_000)
REPEATS = 7


def quarters(picture: Image.Image) -> list[Image.Image]:
    """The picture, and each of its quarters as a picture of its own."""
    across, down = picture.width // 2, picture.height // 2
    places = [(left, top) for top in (0, down) for left in (0, across)]
    cut = [picture.crop((left, top, left + across, top + down)) for left, top in places]
    return [picture, *cut]


def cost(rows: int) -> dict[str, float]:
    """The provider's product over so many rows: milliseconds, median; bytes a row of each party."""
    rng = np.random.default_rng(1)
    block = rng.integers(-1728, 1729, (2, lattice.ROWS, 1, PIXELS)).astype(np.int16)
    prepared = np.repeat(block, rows // lattice.ROWS, axis=2)
    query = rng.integers(-1728, 1729, (2, lattice.ROWS, PIXELS)).astype(np.int16)
    lattice.products(prepared, query)
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        lattice.products(prepared, query)
        taken.append(1000 * (time.perf_counter() - started))
    return {"rows": rows, "ms": median(taken), "prepared_bytes_a_row": prepared.nbytes / rows}


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def tables(found: Outcome, costs: list[dict[str, float]]) -> dict[str, str]:
    """The page's tables, by name."""
    edits = ["| copies | secret hash | plain PDQ | mistaken: secret | mistaken: PDQ |"]
    edits += ["|---|---|---|---|---|"]
    for row in found.rows:
        shares = (row.secret, row.plain, row.secret_mistaken, row.plain_mistaken)
        edits.append(f"| {row.edit} | " + " | ".join(map(str, shares)) + " |")
    rates = [
        "| unrelated pairs that match | secret hash finds | plain PDQ finds |",
        "|---|---|---|",
    ]
    for rate, secret, plain in found.equal_rates:
        name = "none" if not rate else f"at most 1 in {round(1 / rate):,}"
        rates.append(f"| {name} | {percent(secret)} | {percent(plain)} |")
    facts = [
        "| | |",
        "|---|---|",
        f"| pictures listed, not listed | {found.listed}, {found.unlisted} |",
        f"| encrypted verdicts as in the clear | {found.agreed} |",
        f"| separation of own copies from unrelated: secret hash, plain PDQ | "
        f"{found.separation[0]:.2f}, {found.separation[1]:.2f} |",
        f"| correlation of unrelated scores, one epoch's with another's | "
        f"{found.between_epochs:.2f} |",
        f"| up, a picture | {found.query_bytes / 1000:.0f} kB |",
        *(f"| {party}, this list, median | {ms:.1f} ms |" for party, ms in found.ms.items()),
        *(
            f"| provider's product at {each['rows']:,.0f} rows, one core, median | "
            f"{each['ms']:.0f} ms |"
            for each in costs
        ),
        f"| prepared list | {costs[0]['prepared_bytes_a_row'] / 1024:.0f} KiB a row |",
    ]
    return {
        "edits": "\n".join(edits),
        "rates": "\n".join(rates),
        "facts": "\n".join(facts),
    }


def fill(page: Path, made: dict[str, str]) -> None:
    text = page.read_text()
    for name, table in made.items():
        inside = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, count = inside.subn(lambda found, table=table: found[1] + table + found[2], text)
        if count != 1:
            raise SystemExit(f"{page} has no place for {name}")
    page.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("secret_hash.json"))
    asked = parser.parse_args()
    photographs = find(asked.folders or shipped_folders(), everything=bool(asked.folders))
    whole = [Image.fromarray(each.pixels) for each in photographs]
    pictures = [for_study(part) for each in whole for part in quarters(each)]
    found = study(
        pictures, EVERYDAY, secrets.token_bytes, lambda done, of: print(f"{done} of {of}")
    )
    costs = [cost(rows) for rows in COST_ROWS]
    record: dict[str, Any] = {"threshold": THRESHOLD, "outcome": asdict(found), "costs": costs}
    asked.out.write_text(json.dumps(record, indent=1) + "\n")
    page = asked.out.with_suffix(".md")
    if page.exists():
        fill(page, tables(found, costs))


if __name__ == "__main__":
    main()
