from softfall.compare.declared import REPLY, REQUEST, Declaration, Declared, Json, Nature, Octets
from softfall.compare.recorder import CLIENT, SERVER, Exchange
from softfall.compare.traces import ListedHashes
from softfall.compare.views import Recording, bytes_by_time, draw_views, look_for, samples

DECLARED = Declared(
    [
        Declaration(
            "provider", "device", REQUEST, "PUT /v1/files/{id}", Octets("file"), Nature.SEALED, "a"
        ),
        Declaration(
            "provider",
            "custodian",
            REPLY,
            "GET /v1/answer",
            Json("answer", frozenset({"tags"})),
            Nature.MATCHING,
            "b",
        ),
    ]
)


def exchange(
    side: str, method: str, path: str, at: int, size: int, *, status: int = 200, start_ns: int = 0
) -> Exchange:
    return Exchange(side, method, path, status, start_ns, start_ns + 5, at, size, 40, 7, 30)


def recording(*bodies: tuple[str, str, str, bytes, int]) -> Recording:
    exchanges, spool = [], b""
    for side, method, path, body, status in bodies:
        exchanges.append(exchange(side, method, path, len(spool), len(body), status=status))
        spool += body
    return Recording("provider", "provider", exchanges, spool)


def test_declared_bytes_add_up_by_route():
    seen = recording(
        (SERVER, "PUT", "/v1/files/1", b"x" * 100, 200),
        (SERVER, "PUT", "/v1/files/2", b"y" * 50, 200),
        (CLIENT, "GET", "/v1/answer", b'{"tags": "abc"}', 200),
    )
    views, strange = draw_views(seen, DECLARED)
    assert not strange
    files, answer = sorted(views, key=lambda view: -view.body_bytes)
    assert (files.count, files.body_bytes, files.head_bytes) == (2, 150, 80)
    assert files.fields[0].size_bytes == 150
    assert files.fields[0].nature == Nature.SEALED.value
    assert answer.peer == "custodian"


def test_bytes_on_a_route_that_is_not_declared_are_named():
    _, strange = draw_views(recording((SERVER, "POST", "/v1/new?x=1", b"!", 200)), DECLARED)
    assert [(each.route, each.why) for each in strange] == [
        ("POST /v1/new", "no request is declared")
    ]


def test_bytes_of_another_form_than_declared_are_named_and_not_counted():
    body = b'{"tags": "a", "hash": "b"}'
    views, strange = draw_views(recording((CLIENT, "GET", "/v1/answer", body, 200)), DECLARED)
    assert not views
    assert "not declared" in strange[0].why


def test_a_refusal_has_the_form_of_errors_and_of_nothing_else():
    refusal = b'{"error": "X", "blame": "rule", "what": "no", "remedy": "none"}'
    views, strange = draw_views(recording((CLIENT, "GET", "/v1/answer", refusal, 403)), DECLARED)
    assert not strange
    assert views[0].meaning == "why a request was refused"
    _, strange = draw_views(
        recording((CLIENT, "GET", "/v1/answer", b'{"list": "abc"}', 403)), DECLARED
    )
    assert strange


def test_the_witness_is_left_out():
    seen = recording((SERVER, "GET", "/v1/staff/envelopes/1/life", b"", 200))
    assert draw_views(seen, DECLARED) == ([], [])


def test_what_stands_open_in_the_bytes_is_found():
    picture, sealed = bytes(range(256)) * 4, bytes(reversed(range(256))) * 4
    listed = [b"\x07" * 32, b"\x09" * 32]
    body = b"said: meet me at three" + picture + listed[0]
    found = look_for(
        recording((SERVER, "PUT", "/v1/files/1", body, 200)),
        [picture, sealed],
        ["meet me at three", "something else"],
        ListedHashes(listed),
    )
    assert (found.pictures, found.texts, found.list_entries) == (1, 1, 1)
    assert found.searched_bytes == len(body)


def test_half_a_picture_is_not_a_picture():
    picture = b"".join(number.to_bytes(2) for number in range(500))
    found = look_for(
        recording((SERVER, "PUT", "/v1/files/1", picture[:500], 200)),
        [picture],
        [],
        ListedHashes([]),
    )
    assert found.pictures == 0


def test_samples_come_from_each_third_of_a_file():
    data = b"a" * 100 + b"b" * 100 + b"c" * 100
    assert [sample[:1] for sample in samples(data)] == [b"a", b"b", b"c"]


def test_traffic_is_counted_to_the_message_in_whose_time_it_began():
    exchanges = [
        exchange(CLIENT, "GET", "/v1/answer", 0, 10, start_ns=5),
        exchange(CLIENT, "GET", "/v1/answer", 0, 20, start_ns=15),
        exchange(SERVER, "GET", "/v1/answer", 0, 99, start_ns=15),
    ]
    up, down = bytes_by_time({"sender": Recording("sender", "device", exchanges, b"")}, 10, 20)
    assert (up, down) == ({"sender": 37}, {"sender": 60})
