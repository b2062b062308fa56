"""A referral's documents as a person reads them before they go: the same text, in lines.

Guarantees: what is shown is parsed from the very bytes that are sent; only space between elements
is added. Pure.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import indent, tostring

from defusedxml.ElementTree import fromstring

from softfall.casework.referral.package import Package


@dataclass(frozen=True, slots=True)
class Shown:
    """One document. name: what it is; viewed: whether a person saw all of the file, else None."""

    name: str
    text: str
    viewed: bool | None


def documents_of(package: Package) -> tuple[Shown, ...]:
    """Every document of a referral, in the order in which they are sent."""
    files = (Shown(f"About {file.file_name}", _lines(file.details), file.viewed)
             for file in package.files)  # fmt: skip
    return (Shown("The report", _lines(package.report), None), *files)


def _lines(document: bytes) -> str:
    root = fromstring(document)
    indent(root)
    return tostring(root, encoding="unicode")
