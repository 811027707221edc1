"""Maps of what is absent are left out of the sum, and never fed zeros."""

import torch

from polymodal.fusion import Intermediate
from polymodal.testing import fake_tokens


def test_an_absent_modality_is_left_out_of_the_sum():
    fusion = Intermediate(layers=1)
    fusion.build(["scan", "labs"], 8)
    fusion.eval()
    labs, scan = fake_tokens(9, 3, 8, seed=1), fake_tokens(9, 3, 8, seed=2)
    both, alone = fusion({"labs": labs, "scan": scan}), fusion({"labs": labs})
    gone = ~scan.present
    assert gone.any()
    torch.testing.assert_close(both.pooled[gone], alone.pooled[gone])
    assert not torch.allclose(both.pooled[~gone], alone.pooled[~gone])
    with torch.no_grad():
        fusion.maps["scan"].bias.fill_(1e6)
    torch.testing.assert_close(fusion({"labs": labs, "scan": scan}).pooled[gone], both.pooled[gone])


def test_one_view_for_rows_that_have_anything():
    fusion = Intermediate()
    fusion.build(["scan", "labs"], 8)
    labs, scan = fake_tokens(9, 3, 8, seed=1), fake_tokens(9, 3, 8, seed=2)
    made = fusion({"scan": scan, "labs": labs})
    assert fusion.views == made.pooled.shape[1] == 1
    assert made.combine == "single"
    assert torch.equal(made.view_mask[:, 0], labs.present | scan.present)
