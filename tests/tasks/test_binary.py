"""Yes or no: starts from the log-odds, answers in the user's words."""

import numpy as np
import pytest
import torch

from polymodal.core import DataError
from polymodal.tasks import Binary
from tests.tasks.asked import asked, first_answer

CELLS = ["no"] * 8 + ["yes"] * 2 + [""]


def test_knowing_nothing_it_says_how_common_yes_is():
    probabilities = asked(Binary("y"), CELLS).decode(first_answer(asked(Binary("y"), CELLS))).probabilities
    assert probabilities is not None
    assert probabilities[0, 1] == pytest.approx(3 / 12)
    even = asked(Binary("y", class_weight="balanced"), CELLS)
    assert first_answer(even).item() == 0


def test_the_positive_label_is_last_and_can_be_named():
    assert asked(Binary("y"), CELLS).classes == ["no", "yes"]
    assert asked(Binary("y", positive="no"), CELLS).classes == ["yes", "no"]
    assert asked(Binary("y"), ["1", "0", "0"]).classes == ["0", "1"]
    with pytest.raises(DataError, match='one of them "maybe"'):
        asked(Binary("y", positive="maybe"), CELLS)
    with pytest.raises(DataError, match="exactly 2"):
        asked(Binary("y"), ["a", "b", "c"])


def test_a_larger_logit_is_a_larger_chance():
    decoded = asked(Binary("y"), CELLS).decode(torch.tensor([[-3.0], [0.0], [2.0], [500.0]]))
    assert decoded.prediction.tolist() == ["no", "no", "yes", "yes"]
    assert decoded.probabilities is not None
    assert (np.diff(decoded.probabilities[:, 1]) > 0).all()
    np.testing.assert_allclose(decoded.probabilities.sum(axis=1), 1)


def test_balancing_makes_both_classes_cost_the_same():
    outputs, target = torch.zeros(10, 1), torch.tensor([0] * 8 + [1] * 2)
    losses = asked(Binary("y", class_weight="balanced"), CELLS).losses(outputs, target)
    torch.testing.assert_close(losses[:8].sum(), losses[8:].sum())
    plain = asked(Binary("y"), CELLS).losses(outputs, target)
    torch.testing.assert_close(losses.mean(), plain.mean())
