"""Experts are asked by gates that begin even; a task's own experts are nobody else's."""

import torch
import torch.nn.functional as F

from polymodal.sharing import Experts
from polymodal.testing.fake_tokens import fake_representation


def built(own: int) -> Experts:
    experts = Experts(experts=3, own=own, dropout=0.0)
    experts.build(["a", "b"], 8)
    return experts.eval()


def test_the_mixture_is_that_of_the_paper():
    experts = built(own=1)
    with torch.no_grad():
        for gate in experts.gates.values():
            gate.weight.normal_()
    x = torch.randn(4, 8)
    normed = experts.norm(x)
    for task, mine in (("a", 3), ("b", 4)):
        gate = torch.softmax(F.linear(normed, experts.gates[task].weight, experts.gates[task].bias), dim=-1)
        told = torch.zeros(4, 8)
        for place, number in enumerate([0, 1, 2, mine]):
            hidden = F.gelu(normed @ experts.inward[number].T)
            told += gate[:, place : place + 1] * (hidden @ experts.outward[number].T)
        assert torch.allclose(experts._mixed(x, task), x + experts.scale * told, atol=1e-6)


def test_gates_begin_even_and_with_shared_experts_alone_tasks_begin_alike():
    experts, given = built(own=0), fake_representation(5, 2, 8, "mean")
    assert torch.allclose(experts.shares(torch.randn(6, 8), "a"), torch.full((6, 3), 1 / 3))
    found = experts(given, ["a", "b"])
    assert torch.equal(found["a"].pooled, found["b"].pooled)


def test_own_experts_learn_from_their_own_task_only():
    experts, given = built(own=2), fake_representation(5, 2, 8, "mean")
    (slope,) = torch.autograd.grad(experts(given, ["b"])["b"].pooled.sum(), [experts.outward])
    moved = slope.abs().sum(dim=(1, 2)) > 0
    assert moved.tolist() == [True, True, True, False, False, True, True]
