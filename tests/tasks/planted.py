"""A planted family of questions (simulated): each asks for a sum of numbers, weighted by its description."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Planted", "planted"]

NUMBERS, FACTS = 6, 4


@dataclass(frozen=True)
class Planted:
    """The rows, what is shared by all questions, and what is each one's own: (questions, NUMBERS)."""

    frame: pd.DataFrame
    shared: np.ndarray
    own: np.ndarray


def planted(questions: int = 40, asked: int = 40, seed: int = 0, labels: bool = True) -> Planted:
    """`asked` things for each question; the last quarter of the questions, and other things, are for the test.

    Columns: question, x0 … of the thing, f0 … of the question, y, part ("train", "test", "own": the rows of questions
    of the test that a head of its own may learn from).
    """
    draw, things = np.random.default_rng(seed), 300
    numbers, facts = draw.normal(size=(things, NUMBERS)), draw.normal(size=(questions, FACTS))
    shared = 0.5 * draw.normal(size=NUMBERS)
    own = shared + facts @ draw.normal(size=(FACTS, NUMBERS)) / FACTS**0.5
    new = np.arange(questions) >= 3 * questions // 4
    rows = []
    for question in range(questions):
        for held, names in ((True, ("out", "test")), (False, ("train", "own"))):
            pool = np.arange(240, things) if held else np.arange(240)
            rows += [(question, thing, names[int(new[question])]) for thing in draw.permutation(pool)[:asked]]
    frame = pd.DataFrame(rows, columns=["which", "thing", "part"])
    frame["question"] = "q" + frame["which"].astype(str)
    score = (numbers[frame["thing"]] * own[frame["which"]]).sum(1) + 0.3 * draw.normal(size=len(frame))
    frame["y"] = np.where(score > 0, "yes", "no") if labels else score
    for place in range(NUMBERS):
        frame[f"x{place}"] = numbers[frame["thing"], place]
    for place in range(FACTS):
        frame[f"f{place}"] = facts[frame["which"], place]
    return Planted(frame[frame["part"] != "out"].reset_index(drop=True), shared, own)
