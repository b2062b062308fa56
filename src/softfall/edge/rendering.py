"""The way to a region of a picture that a person may be shown: small, grey, muted, blurred.

Guarantees: what `edge.confined` does; the answer is decoded strictly, and what it calls a picture
is a small grey PNG by its own header, whatever the process was taken over to say.
Never raises for a picture: what can't be shown is `NotRendered`, with the reason.
Refuses: a region or a blur that there is not (InputError).
Limit: a process that a picture took over may draw another small grey picture.
"""

from softfall.edge.confined import Confined, Failed, PictureLimits, Starter
from softfall.errors import InputError
from softfall.media.rendered import (
    CLEAREST,
    RENDERED,
    WHOLE,
    NotRendered,
    Rendered,
    decode,
)


class NoSuchRegion(InputError):
    """A picture has no such region, or its blur no such step."""

    remedy = "Regions are 0 to 8, row by row, and 9 for the whole; blur is 0 (strongest) to 2."


class RendererProcess:
    """One process for each region, few at a time; a few more may wait."""

    def __init__(self, limits: PictureLimits, starter: Starter | None = None) -> None:
        self._arguments = ("render", *limits.arguments)
        self._confined = Confined[Rendered | NotRendered](decode, RENDERED.max_bytes, starter)

    def render(
        self, picture: bytes, region: int, blur: int, within_seconds: float
    ) -> Rendered | NotRendered:
        """The region, or why it can't be shown; an answer comes within about that time.

        region: 0 to 8, row by row; 9 for the whole as one tiny tile. blur: 0 is the strongest.
        Raises NoSuchRegion.
        """
        check(region, blur)
        arguments = (*self._arguments, str(region), str(blur))
        answer = self._confined.ask(arguments, picture, within_seconds)
        return NotRendered(answer.reason) if isinstance(answer, Failed) else answer


def check(region: int, blur: int) -> None:
    """Raises NoSuchRegion."""
    if not (0 <= region <= WHOLE and 0 <= blur <= CLEAREST):
        raise NoSuchRegion(f"no region {region}, or no blur {blur}")
