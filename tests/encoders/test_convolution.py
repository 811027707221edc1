"""The convolutional net: any size, no picture sees another, what is unknown changes nothing, and it learns."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from polymodal.core.seeding import torch_generator
from polymodal.encoders import ConvolutionNet, grid_centres


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch_generator(0, "pictures", *shape))


@pytest.mark.parametrize("tokens", ["pooled", "grid"])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (8, 8), (28, 28), (64, 48), (97, 33), (224, 224)])
def test_any_size_and_channels(size: tuple[int, int], channels: int, tokens: str) -> None:
    net = ConvolutionNet(channels, 12, size, tokens)
    found = net(pictures(2, channels, *size))
    assert found.values.shape[::2] == (2, 12)
    assert found.mask.all()
    if tokens == "grid":
        assert found.positions is not None
        assert found.values.shape[1] == found.positions.shape[1] <= 100
    else:
        assert found.values.shape[1] == 1


@pytest.mark.parametrize("tokens", ["pooled", "grid"])
def test_no_picture_depends_on_its_batch(tokens: str, dtype: torch.dtype) -> None:
    net, batch = ConvolutionNet(3, 8, (28, 28), tokens).to(dtype).eval(), pictures(7, 3, 28, 28).to(dtype)
    whole = net(batch).values
    assert torch.allclose(net(batch[2:3]).values, whole[2:3], atol=1e-5)
    assert torch.allclose(net(batch.flip(0)).values.flip(0), whole, atol=1e-5)


@pytest.mark.parametrize("tokens", ["pooled", "grid"])
def test_what_is_unknown_changes_nothing(tokens: str) -> None:
    net, batch = ConvolutionNet(2, 8, (28, 28), tokens).eval(), pictures(4, 2, 28, 28)
    known = torch.zeros(4, 28, 28, dtype=torch.bool)
    known[:3, :9, 3:20] = True
    found = net(batch, known)
    worse = torch.where(known.unsqueeze(1), batch, float("nan")).requires_grad_()
    again = net(worse, known)
    assert torch.equal(found.values, again.values)
    assert found.mask.any(dim=1).tolist() == [True, True, True, False]
    assert (found.values[~found.mask] == 0).all()
    again.values.sum().backward()
    assert worse.grad is not None
    assert torch.isfinite(worse.grad).all()


def test_grid_centres() -> None:
    found = grid_centres(2, 3, like=torch.zeros(1))
    assert found.tolist() == [[[0.5, 0.5], [0.5, 1.5], [0.5, 2.5], [1.5, 0.5], [1.5, 1.5], [1.5, 2.5]]]


def test_it_learns_where_a_stroke_runs() -> None:
    draw = torch_generator(0, "strokes")
    labels = torch.arange(32) % 2
    batch = 0.1 * torch.randn(32, 1, 16, 16, generator=draw)
    for picture, label, place in zip(batch, labels, torch.randint(2, 14, (32,), generator=draw), strict=True):
        picture[0, place, :] += 1.0 - label
        picture[0, :, place] += label
    net, head = ConvolutionNet(1, 8, (16, 16), base=8), nn.Linear(8, 2)
    optimiser = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(20):
        loss = F.cross_entropy(head(net(batch).values[:, 0]), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    assert (head(net(batch).values[:, 0]).argmax(1) == labels).float().mean() > 0.95
