"""A change of vectors is felt where something is, and nowhere else."""

import torch

from polymodal.sharing.base import changed
from polymodal.testing.fake_tokens import fake_representation


def test_absent_views_stay_zero_and_tokens_change_on_demand():
    given = fake_representation(6, 3, 8, "mean")
    made = changed(given, lambda x: x + 1.0, tokens=True)
    assert (made.pooled[~given.view_mask] == 0).all()
    assert torch.equal(made.pooled[given.view_mask], given.pooled[given.view_mask] + 1.0)
    for name, part in made.tokens.items():
        assert (part.values[~part.mask] == 0).all()
        assert torch.equal(part.values[part.mask], given.tokens[name].values[part.mask] + 1.0)
    assert changed(given, lambda x: x + 1.0, tokens=False).tokens is given.tokens
