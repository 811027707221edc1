"""The task that improves least by its share gets more weight."""

import torch

from polymodal.balancing import FAMO
from tests.balancing.reference import NAN


def run(balancer: FAMO, losses: torch.Tensor) -> torch.Tensor:
    return torch.stack([balancer.weights(row, None) for row in losses])


def test_it_moves_as_the_formula_with_adam_says():
    """The published update, by autograd and PyTorch's own Adam."""
    losses = torch.rand(12, 3, dtype=torch.float64) + 0.5
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.025, weight_decay=1e-3)
    wanted = []
    for place, row in enumerate(losses):
        if place:
            adam.zero_grad()
            (logits.softmax(0) @ (losses[place - 1].log() - row.log())).backward()
            adam.step()
        shares = logits.detach().softmax(0) / row
        wanted.append(3 * shares / shares.sum())
    torch.testing.assert_close(run(FAMO(), losses), torch.stack(wanted))


def test_what_stands_still_gains_weight_over_what_falls():
    falling = 0.9 ** torch.arange(40, dtype=torch.float64)
    balancer = FAMO()
    run(balancer, torch.stack([falling, torch.ones(40).double()], dim=1))
    logits = balancer.learned[0]
    assert logits[1] - logits[0] > 0.5


def test_missing_and_useless_losses_change_nothing():
    balancer = FAMO()
    found = run(balancer, torch.tensor([[1.0, 2.0, NAN], [NAN, 2.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([[4 / 3, 2 / 3, 0], [0, 1, 1]], dtype=torch.float64))
    assert not balancer.learned.any()
    assert balancer.previous[0] == 1.0
