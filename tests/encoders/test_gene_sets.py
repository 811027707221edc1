"""A set sees its own genes and no others."""

import pytest
import torch

from polymodal.encoders.gene_sets import GeneSetNet

SETS = [[0, 1], [1, 2, 3], [4]]


def net(pooled: bool = False) -> GeneSetNet:
    torch.manual_seed(0)
    return GeneSetNet(6, SETS, 8, pooled).eval()


def test_a_gene_moves_the_tokens_of_its_sets_alone():
    genes, made = torch.randn(2, 6), net()
    before = made(genes).values
    for gene in range(6):
        moved = genes.clone()
        moved[:, gene] += 1
        changed = (made(moved).values != before).any(dim=2).all(dim=0)
        assert changed.tolist() == [gene in held for held in SETS]


def test_no_gradient_reaches_what_is_not_a_member():
    made = net()
    made(torch.randn(3, 6)).values.square().sum().backward()
    inside = made.weight.grad.abs().sum(dim=2) > 0
    assert torch.equal(inside, made.member)


@pytest.mark.parametrize("pooled", [False, True])
def test_a_set_without_a_known_gene_gives_no_token(pooled: bool):
    genes = torch.randn(2, 6)
    genes[0, 4], genes[1] = torch.nan, torch.nan
    tokens = net(pooled)(genes)
    assert torch.isfinite(tokens.values).all()
    wanted = [[True], [False]] if pooled else [[True, True, False], [False, False, False]]
    assert tokens.mask.tolist() == wanted


def test_what_is_derived_is_not_saved():
    assert set(net().state_dict()) & {"member"} == set()
