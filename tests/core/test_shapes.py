"""While tests run, a wrong shape is refused where it arises, by the names of the axes; elsewhere nothing is checked."""

import subprocess
import sys
from collections.abc import Callable, Mapping

import jaxtyping
import pytest
import torch
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped
from torch import Tensor

from polymodal.core import Batch, Representation, Tokens, Values, shapes
from polymodal.core.masking import attend
from polymodal.core.shapes import AttentionMask, Index, KeyMask, Losses, Outputs


def floats(*shape: int) -> Tensor:
    return torch.zeros(shape)


def flags(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


def whole(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.int64)


def tokens(**changed: object) -> Tokens:
    """Four rows of three tokens; one field may be something else."""
    return Tokens(**{"values": floats(4, 3, 8), "mask": flags(4, 3), "positions": floats(4, 3, 2)} | changed)


def values(**changed: object) -> Values:
    return Values(**{"data": {"x": floats(2, 8)}, "index": whole(4)} | changed)


def representation(**changed: object) -> Representation:
    right = {"pooled": floats(4, 2, 8), "view_mask": flags(4, 2), "combine": "mean", "tokens": {}, "unfused": {}}
    return Representation(**right | changed)


def batch(**changed: object) -> Batch:
    return Batch(**{"inputs": {"x": values()}, "targets": {}, "rows": whole(4)} | changed)


@pytest.mark.parametrize(
    ("make", "changed"),
    [
        (tokens, {}),
        (tokens, {"positions": None}),
        (tokens, {"positions": floats(4, 3, 5)}),
        (tokens, {"values": floats(4, 3, 1).double()}),
        (tokens, {"values": floats(4, 3, 1).bfloat16()}),
        (tokens, {"values": floats(0, 0, 8), "mask": flags(0, 0), "positions": None}),
        (values, {}),
        (values, {"index": whole(0)}),
        (values, {"index": whole(9).int()}),
        (representation, {}),
        (representation, {"combine": "product", "tokens": {"x": tokens()}}),
        (batch, {}),
    ],
)
def test_what_fits_is_taken(make: Callable[..., object], changed: Mapping[str, object]) -> None:
    made = make(**changed)
    assert all(getattr(made, name) is given for name, given in changed.items())


@pytest.mark.parametrize(
    ("make", "changed"),
    [
        (tokens, {"mask": flags(4, 2)}),
        (tokens, {"mask": flags(3, 3)}),
        (tokens, {"mask": flags(3, 4)}),
        (tokens, {"mask": flags(4, 3, 1)}),
        (tokens, {"mask": flags(4, 3).float()}),
        (tokens, {"mask": flags(4, 3).long()}),
        (tokens, {"values": floats(4, 8)}),
        (tokens, {"values": floats(4, 3, 8, 1)}),
        (tokens, {"values": whole(4, 3, 8)}),
        (tokens, {"positions": floats(4, 2, 2)}),
        (tokens, {"positions": floats(4, 3)}),
        (tokens, {"positions": whole(4, 3, 2)}),
        (values, {"index": floats(4)}),
        (values, {"index": flags(4)}),
        (values, {"index": whole(4, 1)}),
        (values, {"index": [0, 1]}),
        (representation, {"view_mask": flags(4, 3)}),
        (representation, {"view_mask": flags(2, 4)}),
        (representation, {"view_mask": floats(4, 2)}),
        (representation, {"pooled": floats(4, 8)}),
        (representation, {"combine": "sum"}),
        (batch, {"rows": whole(2, 2)}),
        (batch, {"rows": floats(4)}),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[..., object], changed: Mapping[str, object]) -> None:
    with pytest.raises(TypeCheckError):
        make(**changed)


@pytest.mark.parametrize("index", [whole(2, 2), floats(3), flags(3)])
def test_tokens_are_laid_out_by_whole_numbers_alone(index: Tensor) -> None:
    with pytest.raises(TypeCheckError):
        tokens().gather(index)


@pytest.mark.parametrize(
    ("key_mask", "attention_mask"),
    [(flags(2, 5), flags(4, 3)), (flags(2, 5), flags(5)), (flags(2, 1, 5), None), (floats(2, 5), None)],
)
def test_masks_of_attention_agree_on_the_keys(key_mask: Tensor, attention_mask: Tensor | None) -> None:
    with pytest.raises(TypeCheckError):
        attend(floats(2, 1, 4, 8), floats(2, 1, 5, 8), floats(2, 1, 5, 8), key_mask, attention_mask)


@jaxtyped(typechecker=beartype)
def together(
    outputs: Outputs | None = None,
    index: Index | None = None,
    losses: Losses | None = None,
    keys: KeyMask | None = None,
    limits: AttentionMask | None = None,
) -> bool:
    """Takes what agrees."""
    return True


def test_one_name_is_one_length() -> None:
    assert together(floats(4, 2), whole(4), floats(9), flags(4, 5), flags(3, 5))
    for wrong in [
        {"outputs": floats(4, 2), "index": whole(3)},
        {"index": whole(4), "keys": flags(3, 5)},
        {"keys": flags(4, 5), "limits": flags(3, 6)},
        {"outputs": floats(4)},
        {"losses": floats(3, 1)},
        {"losses": whole(3)},
    ]:
        with pytest.raises(TypeCheckError):
            together(**wrong)


def test_every_shape_is_offered_by_name() -> None:
    bases = (jaxtyping.AbstractArray,)
    made = {name for name, shape in vars(shapes).items() if isinstance(shape, type) and issubclass(shape, bases)}
    assert made == set(shapes.__all__)


def test_nothing_is_checked_where_no_tests_run() -> None:
    code = (
        "import sys, torch; from polymodal.core import Tokens; Tokens(torch.zeros(2), torch.zeros(3)); "
        "print([name for name in ('beartype', 'pytest') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
