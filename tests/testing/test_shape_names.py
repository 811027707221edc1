"""The shape names of annotations are checked while tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from polymodal.core import Tokens


def test_a_mask_that_does_not_fit_is_caught():
    with pytest.raises(TypeCheckError):
        Tokens(torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))


def test_what_fits_passes():
    assert Tokens(torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)).present.all()
