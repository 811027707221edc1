"""The kit for ways of sharing tells honest ones from others."""

import pytest
import torch

from polymodal.sharing import Branches, Experts, Hard
from polymodal.testing import ContractBroken, check_sharing


@pytest.mark.parametrize("sharing", [Hard(), Branches(), Experts(), Experts(experts=1, own=2)])
def test_ours_keep_it(sharing):
    check_sharing(sharing)


class Leaky(Branches):
    """Lets what is absent through."""

    def forward(self, representation, tasks):
        made = super().forward(representation, tasks)
        for each in made.values():
            each.pooled.add_(representation.pooled.sum() * 0.0)
        return made


class Mixed(Branches):
    """Lets rows see each other."""

    def forward(self, representation, tasks):
        made = super().forward(representation, tasks)
        for each in made.values():
            each.pooled.add_(torch.where(representation.view_mask.unsqueeze(-1), representation.pooled, 0.0).mean())
        return made


class Idle(Branches):
    """Has a weight that nothing reaches."""

    def build(self, tasks, width, looking=()):
        super().build(tasks, width, looking)
        self.spare = torch.nn.Parameter(torch.zeros(3))


@pytest.mark.parametrize(
    ("liar", "promise"),
    [(Leaky, "absent view"), (Mixed, "other rows"), (Idle, "reaches every weight")],
)
def test_liars_are_found(liar, promise):
    with torch.no_grad() if liar is not Idle else torch.enable_grad(), pytest.raises(ContractBroken, match=promise):
        check_sharing(liar())
