"""Numbers and names read as a person would write them."""

import pytest

from polymodal.report.wording import (
    count,
    counted,
    floor,
    gain,
    heading,
    joined,
    label,
    mark,
    number,
    percent,
    readable,
    span,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.98765, "0.988"), (-0.25, "−0.250"), (12.345, "12.3"), (1234.5, "1\u202f234"), (0, "0.000"),
        (1e-16, "0.000"), (4e-5, "4.0e−5"), (None, "–"), (float("nan"), "–"), (-1e-15, "0.000"),
        (4.56e7, "4.56e7"), (-5e25, "−5.00e25"), (999_999, "999\u202f999"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, words: str) -> None:
    assert number(value) == words


def test_nought_has_no_minus() -> None:
    assert (number(-0.0), mark(-0.0), gain(-0.0), gain(-1e-15)) == ("0.000", "0", "+0.000", "0.000")


def test_the_trivial_answer_to_a_number_is_the_mean() -> None:
    assert [floor("trivial", kind) for kind in ("numbers", "classes")] == ["mean", "commonest answer"]
    assert floor("linear", "numbers") == "linear model"


def test_differences_carry_their_sign() -> None:
    assert (gain(0.1), gain(-0.1), gain(0.0)) == ("+0.100", "−0.100", "+0.000")


def test_an_end_near_nought_is_nought_beside_a_visible_one() -> None:
    assert span([-0.02, 4e-5]) == "−0.020 to 0.000"
    assert span(None) == "no interval"


def test_shares_never_hide_the_last_row() -> None:
    assert [percent(share) for share in (0, 0.001, 0.5, 0.9999, 1)] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]


def test_counts_agree_with_their_nouns() -> None:
    assert counted(1, "row") == "1 row"
    assert [counted(5, noun) for noun in ("city", "day", "y")] == ["5 cities", "5 days", "5 ys"]
    assert counted(2301, "class", "classes") == "2\u202f301 classes"
    assert count(999) == "999"


def test_lists_are_written_out() -> None:
    assert [joined(names) for names in (["a"], ["a", "b"], ["a", "b", "c"], [])] == [
        "a",
        "a and b",
        "a, b and c",
        "none",
    ]


def test_an_unknown_metric_still_has_a_name() -> None:
    assert label("recall_at_5") == "recall at 5"
    assert heading(label("mae")) == "Mean absolute error"


def test_what_is_left_of_a_nuisance_is_one_sentence():
    def told(figure: float, span: list[float]) -> dict[str, object]:
        entry = {"metrics": {"accuracy": figure}, "intervals": {"accuracy": span}}
        layers = {"pooled": {"linear": entry}, "tokens": {"linear": entry}}
        return {"kind": "classes", "n": 90, "layers": layers, "chance": {"accuracy": 0.25}}

    assert readable(told(0.28, [0.2, 0.36]), "site").startswith("No fresh probe reads site better than by chance")
    assert readable(told(0.6, [0.5, 0.7]), "site").startswith("Of site, a fresh linear probe can still read from")
    assert "too few rows" in readable({"kind": "classes", "chance": {"accuracy": 0.5}, "layers": {}}, "site")
