"""Nets made from descriptions: one call as a loop, sizes at the start, one net for each description, gradients."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from polymodal.core import Tokens
from polymodal.core.seeding import seeded
from polymodal.encoders.hypernetwork import Adapter, Hypernetwork, slots

WIDTH = 32


def tokens(rows: int, seed: int = 0, length: int = 3) -> Tokens:
    with seeded(seed, "described"):
        return Tokens(torch.randn(rows, length, WIDTH), torch.ones(rows, length, dtype=torch.bool))


def network(net: nn.Module, rank: int = 8, gain: float = 1.0, described: tuple[str, ...] = ("words",)) -> Hypernetwork:
    with seeded(1, "hypernetwork"):
        return Hypernetwork(net, described, WIDTH, rank, gain).eval()


@pytest.mark.parametrize(
    "net", [nn.Linear(5, 2), nn.Sequential(Adapter(5, 3), nn.Linear(5, 2))], ids=["linear", "deep"]
)
def test_one_call_over_many_questions_equals_a_loop(net: nn.Module) -> None:
    made = network(net)
    which = torch.tensor([2, 0, 2, 2, 1, 2, 2, 2, 4, 2])  # most rows have one question, and one question has none
    codes, inputs = torch.randn(5, 8), torch.randn(10, 5)
    weights = made.weights(codes)
    for row, number in enumerate(which.tolist()):
        own = {name: part[number] for name, part in weights.items()}
        torch.testing.assert_close(made(codes, which, inputs)[row], functional_call(net, own, (inputs[row],)))


@pytest.mark.parametrize("spread", ["even", "one has all", "many have one"])
def test_slots_hold_each_row_once_and_stay_few(spread: str) -> None:
    which = {
        "even": torch.arange(60) % 6,
        "one has all": torch.full((60,), 3),
        "many have one": torch.cat([torch.arange(30), torch.zeros(30, dtype=torch.int64)]),
    }[spread]
    count = int(which.max()) + 1
    owner, places = slots(which, count)
    assert sorted(places[places >= 0].tolist()) == list(range(60))
    for number, own in zip(owner.tolist(), places, strict=True):
        assert (which[own[own >= 0]] == number).all()
    assert len(owner) <= 2 * count
    assert places.numel() <= 2 * (60 + count)


@pytest.mark.parametrize("inputs", [8, 400])
@pytest.mark.parametrize("rank", [8, 64])
def test_outputs_start_with_the_size_that_was_asked_for(inputs: int, rank: int) -> None:
    made = network(nn.Linear(inputs, 30), rank, gain=1.0)
    described = tokens(400, length=1)
    codes, which = made.questions({"words": described}, 400)
    given = torch.randn(400, inputs)
    added = made(codes, which, given) - made.net(given)
    assert codes.var().item() == pytest.approx(1.0, abs=0.3)
    assert added.var().item() == pytest.approx(1.0, abs=0.4)


def test_a_description_that_many_rows_share_makes_one_net() -> None:
    made, described = network(nn.Linear(5, 1)), tokens(3)
    rows = torch.tensor([1, 0, 1, 1, 2, 0])
    codes, which = made.questions({"words": described.gather(rows)}, 6)
    assert len(codes) == 3
    alone = [made.questions({"words": described.gather(rows[row : row + 1])}, 1)[0][0] for row in range(6)]
    torch.testing.assert_close(codes[which], torch.stack(alone))


def test_what_is_not_described_is_answered_by_the_net_itself() -> None:
    net = nn.Linear(5, 1)
    made, inputs = network(net), torch.randn(4, 5)
    described = tokens(4).gather(torch.tensor([0, -1, 1, -1]))
    codes, which = made.questions({"words": described}, 4)
    assert (codes[which][[1, 3]] == 0).all()
    torch.testing.assert_close(made(codes, which, inputs)[[1, 3]], net(inputs)[[1, 3]])
    torch.testing.assert_close(made(*made.questions({}, 4), inputs), net(inputs))
    assert made(*made.questions({"words": tokens(0)}, 0), inputs[:0]).shape == (0, 1)


def test_several_descriptions_add_up_and_one_may_be_absent() -> None:
    made = network(nn.Linear(5, 1), described=("words", "facts"))
    words, facts = tokens(2), tokens(2, seed=5)
    alone = made.questions({"words": words}, 2)
    both = made.questions({"words": words, "facts": facts.gather(torch.tensor([0, -1]))}, 2)
    torch.testing.assert_close(alone[0][alone[1]][1], both[0][both[1]][1])
    assert not torch.allclose(alone[0][alone[1]][0], both[0][both[1]][0])


def test_the_gradient_reaches_what_describes_by_every_row_that_shares_it() -> None:
    made, inputs = network(nn.Linear(5, 1)).double(), torch.randn(6, 5, dtype=torch.float64)
    values = torch.randn(2, 1, WIDTH, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([0, 0, 1, 0, 1, 0])

    def total(values: torch.Tensor) -> torch.Tensor:
        described = Tokens(values, torch.ones(2, 1, dtype=torch.bool)).gather(rows)
        return made(*made.questions({"words": described}, 6), inputs).square().sum()

    assert torch.autograd.gradcheck(total, (values,))
    total(values).backward()
    assert all(weight.grad is not None and (weight.grad != 0).any() for weight in made.makers)
