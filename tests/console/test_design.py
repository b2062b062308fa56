"""The design system keeps its own word: contrasts, colours, components."""

import re

import pytest

from softfall.console.pages import static_files

CSS = static_files()["console.css"].content.decode()
PAIRS = re.findall(r"\* +pair: ([a-z-]+) on ([a-z-]+) ([0-9.]+)", CSS)
COLOURS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS
    )
}


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_guidelines_do() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_every_pair_of_colours_has_its_contrast(
    front: str, back: str, least: str, scheme: str
) -> None:
    found = contrast(COLOURS[front][scheme], COLOURS[back][scheme])
    assert found >= float(least), f"{front} on {back} in {scheme}: {found:.2f}"


def test_text_colours_are_paired_with_every_ground() -> None:
    assert len(PAIRS) > 20
    paired = {(front, back) for front, back, _ in PAIRS}
    for front in ("ink", "ink-soft", "accent"):
        assert {(front, back) for back in ("ground", "surface", "sunken")} <= paired
    for tone in ("good", "warn", "alarm", "info"):
        assert (tone, f"{tone}-soft") in paired


def test_every_colour_used_is_a_custom_property_with_two_values() -> None:
    rules = CSS.split("/* The frame */")[1]
    used = set(re.findall(r"var\(--([a-z-]+)\)", CSS)) - {
        "gap",
        "radius",
        "measure",
        "sans",
        "mono",
    }
    assert used <= set(COLOURS)
    screen = rules.split("@media print")[0]
    assert not re.findall(r"#[0-9a-fA-F]{3,6}\b", screen)


def test_motion_is_only_for_those_who_did_not_decline_it() -> None:
    for rule in re.finditer(r"(transition|animation):", CSS):
        before = CSS[: rule.start()]
        media = before.rindex("@media")
        assert "prefers-reduced-motion: no-preference" in CSS[media : rule.start()]


def test_there_is_a_print_style_a_focus_ring_and_a_narrow_layout() -> None:
    for needed in ("@media print", ":focus-visible", "(max-width: 47.99rem)", "forced-colors"):
        assert needed in CSS
