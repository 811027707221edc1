"""A distance for each pixel: units, what is unknown, the loss of the paper, and how it is judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core.seeding import torch_generator
from polymodal.data.base import DataTable
from polymodal.tasks import Depth
from polymodal.tasks.metrics import depth_scores


def fitted(maps: list[np.ndarray], **options: object) -> Depth:
    task = Depth("far", "view", size=(2, 2), **options)
    held = DataTable(pd.DataFrame({"far": pd.Series(maps, dtype=object)}))
    task.reader.fit(held, np.arange(len(maps)))
    return task


def test_millimetres_become_metres_and_zero_is_unknown():
    maps = [np.array([[1000, 2000], [0, 60000]], dtype=np.uint16)] * 2
    task = fitted(maps, scale=0.001, farthest=50.0)
    held = DataTable(pd.DataFrame({"far": pd.Series(maps, dtype=object)}))
    values, refused = task.reader.collate(task.reader.read(held), np.arange(2))
    assert refused == []
    assert values.data["target"][0].nan_to_num(-1).tolist() == [[1.0, 2.0], [-1.0, -1.0]]
    assert np.exp(task.distances.middle) == pytest.approx(2**0.5)


def test_a_map_without_any_distance_is_refused():
    task = fitted([np.ones((2, 2))] * 3)
    held = DataTable(pd.DataFrame({"far": pd.Series([np.ones((2, 2)), np.full((2, 2), np.nan)], dtype=object)}))
    values, (refusal,) = task.reader.collate(task.reader.read(held), np.arange(2))
    assert values.present.tolist() == [True, False]
    assert (refusal.row, refusal.reason) == (1, "holds no known distance")


def test_the_loss_is_that_of_the_paper():
    """The pairwise form of eq. 3 equals mean(d²) − mean(d)², the error at invariance 1."""
    logs, target = torch.randn(1, 1, 2, 2, generator=torch_generator(0)), torch.tensor([[[1.0, 2.0], [4.0, 8.0]]])
    gap = (logs[0, 0] - target[0].log()).flatten()
    pairs = (gap.unsqueeze(0) - gap.unsqueeze(1)).square().sum() / (2 * 4**2)
    assert fitted([np.ones((2, 2))] * 2, invariance=1.0).loss_of(logs, target)[0] == pytest.approx(pairs.item())
    half = gap.square().mean() - 0.5 * gap.mean().square()
    assert fitted([np.ones((2, 2))] * 2).loss_of(logs, target)[0] == pytest.approx(half.item())


def test_how_large_the_whole_scene_is_does_not_matter_at_invariance_one():
    task = fitted([np.ones((2, 2))] * 2, invariance=1.0)
    logs, target = torch.randn(3, 1, 2, 2, generator=torch_generator(0)), torch.rand(3, 2, 2) + 0.5
    target[0, 0, 0] = torch.nan
    assert torch.allclose(task.loss_of(logs + 2, target), task.loss_of(logs, target), atol=1e-5)
    slopes = logs.requires_grad_()
    task.loss_of(slopes, target).sum().backward()
    assert slopes.grad is not None
    assert slopes.grad.isfinite().all()
    assert slopes.grad[0, 0, 0, 0] == 0


def test_metrics_by_hand():
    task = fitted([np.ones((2, 2))] * 2)
    told = np.array([[[1.0, 2.0], [3.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]]], dtype=np.float32)
    true = np.array([[[1.0, 2.5], [2.0, np.nan]], [[1.0, 1.0], [1.0, 1.0]]], dtype=np.float32)
    decoded = task.decode(torch.from_numpy(told).flatten(1))
    (aspect,) = task.aspects(decoded, task.truth(torch.from_numpy(true)))
    assert aspect.truth.tolist() == [3, 4]
    found = task.metrics(aspect.decoded, aspect.truth)
    wanted = {"abs_rel": (0.2 + 0.5) / 7, "delta1": 5 / 7, "rmse": ((0.25 + 1) / 7) ** 0.5}
    assert found == pytest.approx(wanted)  # 2.5 is 1.25 times 2, which is not under 1.25
    assert depth_scores(np.zeros(2), np.zeros((2, 3))) == {}
