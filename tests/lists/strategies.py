"""Random list entries: what hypothesis draws from."""

import string

from hypothesis import strategies as st

from softfall.lists.entries import LATEST_MS, Statement, clean_name, clean_organisation, ones

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
