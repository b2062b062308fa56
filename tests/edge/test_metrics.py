from prometheus_client.parser import text_string_to_metric_families

from softfall.edge.app import make_app
from tests.edge.asking import Lines, ask


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_template_and_never_by_what_was_asked() -> None:
    app = make_app("t", "d", max_body_bytes=1000, requests_per_minute=1000, log=Lines().log)

    @app.post("/things/{name}")
    def thing(name: str) -> str:
        return name

    for name in ("one", "two", "three"):
        ask(app, "POST", f"/things/{name}", content=b"1234")
    ask(app, "GET", "/nowhere/four")
    text = ask(app, "GET", "/metrics").text
    found = samples(text)
    labels = (("method", "POST"), ("route", "/things/{name}"))
    assert found["softfall_requests_total", (*labels, ("status", "200"))] == 3
    assert found["softfall_request_seconds_count", labels] == 3
    assert not {"one", "two", "three", "four"} & set(text.replace('"', "/").split("/"))


def test_two_applications_in_one_process_count_apart() -> None:
    apps = [
        make_app("t", "d", max_body_bytes=1, requests_per_minute=1000, log=Lines().log)
        for _ in range(2)
    ]
    for _ in range(3):
        ask(apps[0], "GET", "/v1/health")
    health = "softfall_requests_total", (
        ("method", "GET"), ("route", "/v1/health"), ("status", "200"),
    )  # fmt: skip
    counts = [samples(ask(app, "GET", "/metrics").text).get(health) for app in apps]
    assert counts == [3, None]
