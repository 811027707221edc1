"""A linear model on windows of residues: what it reads, and what it tells."""

import numpy as np
import pytest

from polymodal.data.residues import CODES, FIRST
from polymodal.evaluation.windows import REACH, told_by_windows, windows_of

DRAW = np.random.default_rng(0)
CHAINS = [DRAW.integers(FIRST, CODES, DRAW.integers(5, 40)).astype(np.uint8) for _ in range(60)]


def lists(answer):
    """For each chain a list: the answer to the residue before; None for the first, which has none."""
    made = np.empty(len(CHAINS), dtype=object)
    made[:] = [[None, *[answer(int(code)) for code in chain[:-1]]] for chain in CHAINS]
    return made


def test_a_window_holds_the_neighbours_at_their_places():
    made = windows_of(np.array([5, 7, 9], dtype=np.uint8)).reshape(3, 2 * REACH + 1, CODES)
    assert made.sum(axis=2).min() == made.sum(axis=2).max() == 1
    assert made[1, REACH - 1 : REACH + 2].argmax(axis=1).tolist() == [5, 7, 9]
    assert made[0, :REACH].argmax(axis=1).tolist() == [0] * REACH


@pytest.mark.parametrize("labels", [True, False])
def test_what_the_residue_before_tells_is_learned(labels):
    known = lists(lambda code: ("A" if code % 2 else "B") if labels else float(code % 2))
    told = told_by_windows(CHAINS[:50], known[:50], [*CHAINS[50:], CHAINS[0][:0]], labels)
    assert set(told) == {"trivial", "linear"}
    assert told["linear"][-1] == []
    assert [len(each) for each in told["linear"][:-1]] == [len(chain) for chain in CHAINS[50:]]
    pairs = [
        (true, said)
        for each, row in zip(known[50:], told["linear"][:-1], strict=True)
        for true, said in zip(each, row, strict=True)
        if true is not None
    ]
    if labels:
        assert np.mean([true == said for true, said in pairs]) > 0.9
        assert len({label for each in told["trivial"] for label in each}) == 1
    else:
        assert np.corrcoef(*zip(*pairs, strict=True))[0, 1] > 0.9


def test_one_label_leaves_nothing_to_fit():
    known = lists(lambda code: "A")
    assert set(told_by_windows(CHAINS[:5], known[:5], CHAINS[5:6], True)) == {"trivial"}
