"""Beliefs are weighted by their precision, beside a standard normal."""

import torch
import torch.nn.functional as F

from polymodal.fusion import ProductOfExperts
from polymodal.testing import fake_tokens


def test_it_is_the_mean_of_the_product_of_normal_distributions() -> None:
    fusion = ProductOfExperts(layers=0)
    fusion.build(["labs", "scan"], 4)
    given = {name: fake_tokens(5, 1, 4, seed=place, absent=0.0) for place, name in enumerate(("labs", "scan"))}
    beliefs = [fusion.beliefs[name](part.values[:, 0]).chunk(2, dim=1) for name, part in given.items()]
    grid = torch.linspace(-12, 12, 200_001)
    row, place = 2, 1
    log_density = -grid.square() / 2
    for mean, raw in beliefs:
        log_density = log_density - F.softplus(raw[row, place]) * (grid - mean[row, place]).square() / 2
    weights = torch.softmax(log_density, dim=0)
    torch.testing.assert_close(fusion.eval()(given).pooled[row, 0, place], (weights * grid).sum(), atol=1e-4, rtol=0)


def test_who_is_sure_of_nothing_leaves_it_to_the_others() -> None:
    fusion = ProductOfExperts(layers=0)
    fusion.build(["labs", "scan"], 4)
    with torch.no_grad():
        fusion.beliefs["scan"].bias[4:] = -200.0
    labs, scan = (fake_tokens(5, 1, 4, seed=seed, absent=0.0) for seed in (1, 2))
    torch.testing.assert_close(fusion.eval()({"labs": labs, "scan": scan}).pooled, fusion({"labs": labs}).pooled)
