"""A class for each pixel: what is learned, what it costs, how it is told and judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import Representation, Tokens, UsageProblem, Values
from polymodal.core.seeding import torch_generator
from polymodal.data.base import DataTable
from polymodal.tasks import Segmentation
from polymodal.tasks.intervals import intervals
from polymodal.tasks.metrics import Answers, by_row, pixel_scores


def fitted(**options: object) -> Segmentation:
    maps = [np.array([[0, 2, 2, 2], [5, 5, 255, 255]], dtype=np.uint8)] * 3
    task = Segmentation("marks", "view", size=(4, 4), **options)
    task.reader.fit(DataTable(pd.DataFrame({"marks": pd.Series(maps, dtype=object)})), np.arange(3))
    return task


def test_classes_are_the_numbers_that_occur_or_those_that_are_named():
    assert fitted().classes == ["0", "2", "5"]
    named = fitted(names=["sky", "tree", "road", "sign", "pole", "car"], ignore=[255, 4])
    assert named.classes == ["sky", "tree", "road", "sign", "car"]
    again = Segmentation("marks", "view", names=["sky", "tree", "road", "sign", "pole", "car"], ignore=[255, 4])
    again.reader.restore(named.reader.state())
    assert again.classes == named.classes
    assert again.reader.state() == named.reader.state()


def test_the_loss_is_that_of_the_labelled_pixels():
    task = fitted()
    logits = torch.randn(2, 3, 4, 4, generator=torch_generator(0), dtype=torch.float64)
    target = torch.randint(0, 3, (2, 4, 4), generator=torch_generator(1)).to(torch.uint8)
    target[:, 0] = 255
    chances, code = logits.softmax(1)[:, :, 1:], target[:, 1:].long()
    entropy = torch.nn.functional.cross_entropy(logits[:, :, 1:], code, reduction="none").mean((1, 2))
    lost = []
    for row in range(2):
        true = torch.nn.functional.one_hot(code[row], 3).permute(2, 0, 1).double()
        both, either = (chances[row] * true).sum((1, 2)), chances[row].sum((1, 2)) + true.sum((1, 2))
        lost.append((1 - 2 * both / either)[true.sum((1, 2)) > 0].mean())
    assert torch.allclose(task.loss_of(logits, target), entropy + torch.stack(lost))
    assert torch.allclose(fitted(dice=0.0).loss_of(logits, target), entropy)
    spoiled = logits.clone()
    spoiled[:, :, 0] = 1e4
    assert torch.allclose(task.loss_of(spoiled, target), entropy + torch.stack(lost))


def test_rare_classes_weigh_more_where_that_is_asked_for():
    task = fitted(balance=1.0, dice=0.0)
    assert task.labels.counts == [6, 18, 12]
    assert task.class_weights == pytest.approx([2.0, 2 / 3, 1.0])
    roots = [6**0.5, 18**0.5, 12**0.5]
    assert fitted(balance=0.5).class_weights == pytest.approx([36 / (root * sum(roots)) for root in roots])
    assert fitted().class_weights == pytest.approx([1.0, 1.0, 1.0])
    logits = torch.randn(2, 3, 4, 4, generator=torch_generator(0), dtype=torch.float64)
    target = torch.randint(0, 3, (2, 4, 4), generator=torch_generator(1)).to(torch.uint8)
    each = torch.nn.functional.cross_entropy(logits, target.long(), reduction="none")
    weighed = each * torch.tensor([2.0, 2 / 3, 1.0], dtype=torch.float64)[target.long()]
    assert torch.allclose(task.loss_of(logits, target), weighed.mean((1, 2)))
    target[:, 1] = 255
    logits[:, :, 1] = torch.nan
    assert torch.allclose(task.loss_of(logits, target), weighed[:, [0, 2, 3]].mean((1, 2)))


def test_a_class_that_no_training_map_shows_weighs_nothing():
    task = fitted(names=["sky", "tree", "road", "sign", "pole", "car"], balance=1.0)
    assert task.class_weights == pytest.approx([2.0, 0.0, 2 / 3, 0.0, 0.0, 1.0])


def test_a_perfect_map_costs_nothing_and_a_row_without_labels_nothing():
    task = fitted()
    target = torch.tensor([[[0, 1, 2, 2]] * 4, [[255] * 4] * 4], dtype=torch.uint8)
    logits = 50.0 * torch.nn.functional.one_hot(target.long().clamp(max=2), 3).permute(0, 3, 1, 2).float()
    assert torch.allclose(task.loss_of(logits, target), torch.zeros(2), atol=1e-4)


def test_numbers_are_told_as_maps_hold_them():
    task = fitted()
    outputs = torch.tensor([[0, 1, 2, 1] * 4], dtype=torch.uint8)
    decoded = task.decode(outputs)
    assert decoded.prediction.dtype == np.uint8
    assert decoded.prediction[0].tolist() == [[0, 2, 5, 2]] * 4
    truth = task.truth(torch.tensor([[[0, 1, 255, 2]] * 4], dtype=torch.uint8))
    assert truth[0].tolist() == [[0, 2, -1, 5]] * 4
    (aspect,) = task.aspects(decoded, truth)
    assert aspect.decoded.prediction[0].tolist() == [[4, 0, 0], [0, 4, 0], [0, 4, 0]]
    assert aspect.truth.tolist() == [[4, 4, 4]]
    found = task.metrics(aspect.decoded, aspect.truth)
    assert found == pytest.approx({"miou": (1 + 0.5 + 0) / 3, "pixel_accuracy": 8 / 12})


def test_a_class_that_nobody_shows_or_tells_is_not_counted():
    table = np.zeros((2, 3, 3))
    table[:, 0, 0], table[0, 1, 0] = 6, 2
    assert pixel_scores(table) == pytest.approx({"miou": (12 / 14 + 0) / 2, "pixel_accuracy": 12 / 14})
    each = by_row(Answers("pixels", table.sum(2), table))
    assert each["pixel_accuracy"].tolist() == [0.75, 1.0]
    assert each["miou"].tolist() == [0.375, 1.0]


def test_intervals_are_those_of_pictures_drawn_again():
    draw = np.random.default_rng(0)
    tables = draw.integers(0, 50, (60, 3, 3)) + 100 * np.eye(3, dtype=int)
    whole = pixel_scores(tables)
    low, high = intervals(Answers("pixels", tables.sum(2), tables))["miou"]
    assert low < whole["miou"] < high
    assert high - low < 0.05


def test_tokens_that_stand_in_no_grid_are_refused():
    task = fitted()
    head = task.head(1, 8, "single")
    tokens = {"view": Tokens(torch.randn(2, 3, 8), torch.ones(2, 3, dtype=torch.bool))}
    given = Representation(torch.zeros(2, 1, 8), torch.ones(2, 1, dtype=torch.bool), "single", tokens, tokens)
    with pytest.raises(UsageProblem, match="no-grid"):
        head(given)
    target = Values({"target": torch.zeros(2, 4, 4, dtype=torch.uint8)}, torch.tensor([0, 1]))
    with pytest.raises(UsageProblem, match="tokens: pyramid"):
        head.teach(given, target)


def test_without_the_picture_the_prior_is_told():
    task = fitted()
    head = task.head(1, 8, "single")
    tokens = {"view": Tokens.absent(2, 8, like=torch.zeros(1))}
    given = Representation(torch.zeros(2, 1, 8), torch.zeros(2, 1, dtype=torch.bool), "single", tokens, tokens)
    assert task.decode(head(given)).prediction.tolist() == [[[2] * 4] * 4] * 2
    target = Values({"target": torch.zeros(2, 4, 4, dtype=torch.uint8)}, torch.tensor([0, 1]))
    assert len(head.teach(given, target)) == 0
