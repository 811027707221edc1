"""What is said of a row stands in the row's place, and does not depend on the rows beside it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from polymodal.core import Refusal, Values
from polymodal.data.base import Rows
from polymodal.model import Ensemble
from polymodal.training import Settings
from polymodal.training.predicting import answers, outputs, stacked
from tests.training.conftest import Small, make_small, small_frame

EVERY = np.arange(96)


@pytest.fixture(scope="module")
def small() -> Small:
    """The small table and a model whose answers differ from row to row; it stays as it is."""
    made = make_small(Settings())
    with torch.no_grad():
        for head in made.model.heads.values():
            head.weight.mul_(20.0)
    return made


def near(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, made in found.items():
        torch.testing.assert_close(made, wanted[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 7, 95])
def test_the_batch_size_changes_nothing(small: Small, batch_size: int) -> None:
    whole = outputs(small.model, small.samples, EVERY)
    assert all(len(made.unique()) > 10 for made in whole.values())
    near(outputs(small.model, small.samples, EVERY, batch_size=batch_size), whole)


def test_outputs_stand_in_the_order_of_the_rows_that_were_asked_for(
    small: Small, order: Callable[[int], np.ndarray]
) -> None:
    whole, rows = outputs(small.model, small.samples, EVERY), order(96)[10:40]
    near(outputs(small.model, small.samples, rows, batch_size=8), {name: made[rows] for name, made in whole.items()})
    twice = np.array([5, 5, 90, 5])
    near(outputs(small.model, small.samples, twice), {name: made[twice] for name, made in whole.items()})


def test_answers_stand_beside_the_truth_of_their_own_row(small: Small, order: Callable[[int], np.ndarray]) -> None:
    frame, rows = small_frame(), order(96)[3:60]
    found = answers(small.model, small.samples, rows, outputs(small.model, small.samples, rows))
    decoded, truth, known = found["sick"]
    assert known.tolist() == frame["sick"][rows].notna().tolist()
    assert truth.tolist() == frame["sick"][rows][known].tolist()
    alone = outputs(small.model, small.samples, rows[known])
    wanted = small.model.tasks["sick"].decode(alone["sick"])
    assert decoded.prediction.tolist() == wanted.prediction.tolist()
    np.testing.assert_allclose(decoded.chances, wanted.chances, atol=1e-5)
    decoded, truth, known = found["score"]
    assert known.all()
    np.testing.assert_allclose(truth, frame["score"][rows], rtol=1e-5)
    assert len(decoded.prediction) == len(rows)


def test_rows_without_any_label_have_outputs_and_no_answers(small: Small) -> None:
    rows = np.array([0, 7, 14])  # each seventh has no label for "sick"
    made = outputs(small.model, small.samples, rows)
    decoded, truth, known = answers(small.model, small.samples, rows, made)["sick"]
    assert len(made["sick"]) == 3
    assert len(decoded.prediction) == len(truth) == known.sum() == 0


def test_of_no_rows_there_are_no_outputs_of_the_right_width(small: Small) -> None:
    nothing = np.empty(0, dtype=np.int64)
    made, one = (outputs(small.model, small.samples, rows) for rows in (nothing, np.arange(1)))
    assert {name: part.shape for name, part in made.items()} == {name: (0, part.shape[1]) for name, part in one.items()}
    for decoded, truth, known in answers(small.model, small.samples, nothing, made).values():
        assert len(decoded.prediction) == len(truth) == len(known) == 0


@pytest.mark.parametrize("training", [True, False])
def test_the_model_answers_in_evaluation_mode_and_is_left_as_it_was(small: Small, training: bool) -> None:
    model = Ensemble([small.model, small.model]).train(training)
    state = torch.get_rng_state()
    first, second = outputs(model, small.samples, EVERY), outputs(model, small.samples, EVERY)
    assert all(torch.equal(made, second[name]) for name, made in first.items())
    assert not any(made.requires_grad for made in first.values())
    assert {part.training for part in model.modules()} == {training}
    assert torch.equal(torch.get_rng_state(), state)


def test_an_ensemble_answers_with_the_mean_of_its_members(small: Small) -> None:
    other = make_small(Settings(seed=1)).model
    made = [outputs(model, small.samples, EVERY) for model in (small.model, other)]
    near(outputs(Ensemble([small.model]), small.samples, EVERY), made[0])
    mean = {name: (made[0][name] + made[1][name]) / 2 for name in made[0]}
    near(outputs(Ensemble([small.model, other]), small.samples, EVERY), mean)


def test_a_change_is_made_before_the_model_sees_the_batch(small: Small) -> None:
    dark = outputs(small.model, small.samples, EVERY, change=lambda batch: batch.only({"first"}), batch_size=10)
    lit = outputs(small.model, small.samples, EVERY)
    second = small.samples.present()["second"]
    near({name: made[~second] for name, made in dark.items()}, {name: made[~second] for name, made in lit.items()})
    assert all(((made - lit[name])[second].abs() > 1e-4).any(dim=1).all() for name, made in dark.items())


class Torn:
    """A column of which some values cannot be used once they are opened."""

    def __init__(self, small: Small, torn: set[int]) -> None:
        self.inner, self.torn = small.samples.inputs["second"][0], torn

    def collate(self, cells: object, rows: Rows) -> tuple[Values, list[Refusal]]:
        values, _ = self.inner.collate(cells, rows)
        bad = torch.tensor([int(row) in self.torn for row in rows], dtype=torch.bool)
        return values.without(bad), [Refusal(int(row), "c", "is torn") for row in rows if int(row) in self.torn]


def test_each_value_that_could_not_be_used_is_told_once_and_is_absent(small: Small) -> None:
    cells = small.samples.inputs["second"][1]
    samples = replace(small.samples, inputs=dict(small.samples.inputs) | {"second": (Torn(small, {0, 3, 44}), cells)})
    told: list[Refusal] = []
    made = outputs(small.model, samples, np.arange(50), refused=told.append, batch_size=16)
    assert [refusal.row for refusal in told] == [0, 3, 44]
    outputs(small.model, samples, np.empty(0, dtype=np.int64), refused=told.append)
    assert len(told) == 3
    whole = outputs(small.model, small.samples, np.arange(50))
    dark = outputs(small.model, small.samples, np.arange(50), change=lambda batch: batch.only({"first"}))
    torn = np.isin(np.arange(50), [0, 3, 44])
    near({name: part[~torn] for name, part in made.items()}, {name: part[~torn] for name, part in whole.items()})
    near({name: part[torn] for name, part in made.items()}, {name: part[torn] for name, part in dark.items()})


def test_batches_of_fewer_tokens_are_filled_up_with_zeros() -> None:
    made = stacked([torch.ones(2, 4), torch.ones(1, 6)])
    assert made.tolist() == [[1, 1, 1, 1, 0, 0]] * 2 + [[1] * 6]
    assert stacked([torch.ones(1, 2), torch.zeros(1, 2)]).tolist() == [[1, 1], [0, 0]]
