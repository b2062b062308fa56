"""Random list entries: what hypothesis draws from."""

import string

from hypothesis import strategies as st

from softfall.lists.entries import (
    LATEST_MS,
    Statement,
    ViewOf,
    clean_name,
    clean_organisation,
    ones,
)

SECOND_MS = 1000

hashes = st.binary(min_size=32, max_size=32).filter(lambda pdq: 31 < ones(pdq) < 225)
words = st.text(string.ascii_letters + string.digits + " ._é,\"'", min_size=1, max_size=12)
named = words.filter(lambda text: text.strip() != "")
labels = st.frozensets(named.map(clean_name), max_size=3)
organisations = named.map(clean_organisation)
certifiers = st.frozensets(organisations, max_size=3)
instants = st.none() | st.integers(0, LATEST_MS)


@st.composite
def statements(draw: st.DrawFn, pdq: bytes | None = None, source: str | None = None) -> Statement:
    return Statement(
        pdq or draw(hashes),
        source or draw(organisations),
        draw(labels),
        draw(certifiers),
        draw(instants),
        draw(instants),
        draw(instants),
    )


@st.composite
def retold(draw: st.DrawFn, size: int) -> list[Statement]:
    """Statements by few sources on few hashes at few times: they meet often."""
    some_hashes = draw(st.lists(hashes, min_size=1, max_size=4, unique=True))
    moments = st.none() | st.integers(0, 4)
    few = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=2)
    one = st.builds(
        Statement,
        st.sampled_from(some_hashes),
        st.sampled_from(["hotline", "school"]),
        few,
        few,
        moments,
        moments,
        moments,
    )
    return draw(st.lists(one, min_size=1, max_size=size))


@st.composite
def viewed(draw: st.DrawFn, size: int) -> list[Statement]:
    """Statements by few sources on a few pictures and on views of them."""
    some = draw(st.lists(hashes, min_size=3, max_size=5, unique=True))
    moments = st.none() | st.integers(0, 4)

    @st.composite
    def one(draw: st.DrawFn) -> Statement:
        pdq = draw(st.sampled_from(some))
        others = st.sampled_from([each for each in some if each != pdq])
        view = st.builds(ViewOf, others, st.sampled_from(["mirror", "crop-left-5"]))
        source = draw(st.sampled_from(["hotline", "school"]))
        times = (draw(moments), draw(moments), draw(moments))
        return Statement(pdq, source, frozenset(), frozenset(), *times, draw(st.none() | view))

    return draw(st.lists(one(), min_size=1, max_size=size))


@st.composite
def pictures_and_views(draw: st.DrawFn, size: int) -> list[Statement]:
    """As `viewed`, but a hash is either a picture or a view, on the same few hashes each time."""
    moments = st.none() | st.integers(0, 4)
    pictures = [bytes([n]) * 32 for n in (0x3A, 0x5C)]
    views = [bytes([n]) * 32 for n in (0x69, 0x96, 0xC5)]
    spoken = []
    for _ in range(draw(st.integers(1, size))):
        view = None
        pdq = draw(st.sampled_from(pictures + views))
        if pdq in views:
            view = ViewOf(draw(st.sampled_from(pictures)), "mirror")
        source = draw(st.sampled_from(["hotline", "school"]))
        times = (draw(moments), draw(moments), draw(moments))
        spoken.append(Statement(pdq, source, frozenset(), frozenset(), *times, view))
    return spoken
