"""Each modality decides for itself: what one says does not depend on another."""

import pytest
import torch

from polymodal.fusion import Late
from polymodal.tasks.base import Head
from polymodal.testing import fake_tokens

WIDTH = 8


def built(combine: str) -> Late:
    fusion = Late(combine=combine)
    fusion.build(["scan", "labs", "note"], WIDTH)
    return fusion.eval()


def given(rows: int = 9) -> dict:
    return {name: fake_tokens(rows, 3, WIDTH, seed=place) for place, name in enumerate(["scan", "labs", "note"])}


@pytest.mark.parametrize("combine", ["mean", "learned", "product"])
def test_views_stand_in_the_order_of_names_whoever_is_there(combine: str):
    fusion, tokens = built(combine), given()
    whole = fusion(tokens)
    assert fusion.views == 3
    assert whole.combine == combine
    part = fusion({name: tokens[name] for name in ("note", "labs")})
    assert torch.equal(part.pooled[:, :2], whole.pooled[:, :2])
    assert not part.view_mask[:, 2].any()
    for place, name in enumerate(["labs", "note", "scan"]):
        assert torch.equal(whole.view_mask[:, place], tokens[name].present)


@pytest.mark.parametrize("combine", ["mean", "learned", "product"])
def test_a_row_with_one_modality_is_decided_by_that_one(combine: str):
    fusion, tokens = built(combine), given()
    head = Head(3, WIDTH, torch.tensor([0.3, -0.2]), combine)
    for place, name in enumerate(["labs", "note", "scan"]):
        made = fusion({name: tokens[name]})
        own = head.prior + torch.where(tokens[name].present[:, None], made.pooled[:, place] @ head.weight[place], 0.0)
        torch.testing.assert_close(head(made), own)


def test_a_product_adds_evidence_and_a_mean_averages_it():
    tokens = given()
    made = built("product")(tokens)
    product, mean = (Head(3, WIDTH, torch.zeros(1), combine) for combine in ("product", "mean"))
    mean.load_state_dict(product.state_dict())
    count = made.view_mask.sum(dim=1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(product(made) / count, mean(made))
