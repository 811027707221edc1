"""A dependence is measured between 0 and 1, and lowered."""

import numpy as np
import pytest
import torch

from polymodal.core import UsageProblem
from polymodal.modalities import Table
from polymodal.objectives import Independence
from polymodal.objectives.independence import dependence, gaussian
from tests.objectives.scene import rows_of
from tests.objectives.test_adversarial import read_linearly, scene_of, taught


def written_out(first: torch.Tensor, second: torch.Tensor) -> float:
    """tr(KHLH) over the root of tr(KHKH) tr(LHLH), with the centring matrix as Gretton et al. write it."""
    one, other, size = first.double().numpy(), second.double().numpy(), len(first)
    centring = np.eye(size) - np.ones((size, size)) / size
    pairs = [(one, other), (one, one), (other, other)]
    traces = [np.trace(left @ centring @ right @ centring) for left, right in pairs]
    return float(traces[0] / np.sqrt(traces[1] * traces[2]))


def test_it_is_the_formula():
    draw = torch.Generator().manual_seed(0)
    vectors, labels = torch.randn(30, 5, generator=draw), torch.arange(30) % 3
    first, second = gaussian(vectors), (labels[:, None] == labels).float()
    assert dependence(first, second).item() == pytest.approx(written_out(first, second), rel=1e-4)
    assert dependence(first, first).item() == pytest.approx(1.0, rel=1e-5)


def test_a_kernel_is_as_wide_as_the_median_distance_and_knows_no_unit():
    vectors = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    kernel = gaussian(vectors)
    scaled = (vectors - vectors.mean(0)) / vectors.std(0, correction=0)
    squares = torch.cdist(scaled.double(), scaled.double()).square()
    middle = squares[~torch.eye(40, dtype=torch.bool)].median()
    torch.testing.assert_close(kernel.double(), torch.exp(-squares / (2 * middle)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(gaussian(vectors * torch.tensor([1.0, 1e3, 50.0]) + 7), kernel, rtol=1e-2, atol=1e-3)


def test_what_depends_lies_above_what_does_not():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 4
    same = (labels[:, None] == labels).float()
    apart, mixed = torch.randn(120, 8, generator=draw), torch.randn(120, 8, generator=draw)
    apart[:, 0] += 4.0 * labels
    assert dependence(gaussian(apart), same) > 4 * dependence(gaussian(mixed), same)
    # One that bends: no line tells the sign of the number from its square.
    number = torch.randn(120, 1, generator=draw)
    bent = dependence(gaussian(number.square()), gaussian(number))
    assert bent > 4 * dependence(gaussian(torch.randn(120, 1, generator=draw)), gaussian(number))


def test_rows_that_are_all_alike_depend_on_nothing_and_stay_finite():
    vectors = torch.ones(12, 4, requires_grad=True)
    labels = torch.arange(12) % 2
    found = dependence(gaussian(vectors), (labels[:, None] == labels).float())
    found.backward()
    assert found.item() == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(vectors.grad).all()


@pytest.mark.parametrize("column", ["site", "age"])
def test_a_model_that_is_taught_against_it_depends_less_on_it(column: str):
    scene = scene_of(Independence(column, weight=3.0))
    started = scene.losses()["dependence"].item()
    taught(scene, steps=100)
    assert 0 <= scene.losses()["dependence"].item() < 0.5 * started
    assert read_linearly(scene) < 0.8


def test_few_rows_and_one_value_say_nothing():
    scene = scene_of(Independence("site"))
    assert scene.losses(rows_of(scene.batch, torch.arange(7))) == {}
    assert "dependence" in scene.losses(rows_of(scene.batch, torch.arange(8)))
    assert scene.losses(rows_of(scene.batch, torch.arange(0, 60, 3))) == {}


def test_a_modality_that_is_not_there_is_refused():
    with pytest.raises(UsageProblem, match="objective-does-not-fit"):
        Independence("site", modalities=["second"]).chosen({"first": Table(["a"])}, {})
