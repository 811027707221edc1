"""Every modality is asked alone and taken away once, always for the same rows."""

import numpy as np

from polymodal.evaluation.subsets import alone_and_dark
from polymodal.tasks.metrics import Answers


def asked(names: list[str]) -> tuple[set[frozenset[str]], object]:
    seen: set[frozenset[str]] = set()

    def predict(kept: frozenset[str]) -> dict[str, Answers]:
        assert kept not in seen
        seen.add(kept)
        return {"task": Answers("numbers", np.zeros(2), np.full(2, float(len(kept))))}

    return seen, alone_and_dark(names, predict)


def test_three_modalities_take_seven_questions() -> None:
    seen, made = asked(["a", "b", "c"])
    assert len(seen) == 7
    assert made.whole["task"].prediction[0] == 3
    assert made.alone["b"]["task"].prediction[0] == 1
    assert made.dark["b"]["task"].prediction[0] == 2


def test_of_two_modalities_one_dark_is_the_other_alone() -> None:
    seen, made = asked(["a", "b"])
    assert len(seen) == 3
    assert made.dark["a"] is made.alone["b"]


def test_a_single_modality_leaves_nothing_to_compare() -> None:
    _, made = asked(["a"])
    assert made.alone == made.dark == {}
