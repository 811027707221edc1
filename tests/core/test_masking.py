"""Under thousands of masks: nothing is NaN, nothing leaks from under a mask, and the numbers are the naive ones."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polymodal.core.masking import attend, keep, masked_mean, masked_softmax, masked_sum

Reduction = Callable[[Tensor, Tensor], Tensor]
Heads = tuple[Tensor, Tensor, Tensor]

ROWS, LENGTH, WIDTH = 4096, 7, 3
REDUCTIONS = [keep, masked_sum, masked_mean, masked_softmax]
TIGHT = {torch.float32: 1e-5, torch.float64: 1e-12}

poisons = pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 3e38])
reductions = pytest.mark.parametrize("reduce", REDUCTIONS)


def drawn_masks(rows: int = ROWS, length: int = LENGTH) -> Tensor:
    """(rows, length) random masks of every density; the first row sees nothing, the second everything."""
    density = torch.rand(rows, 1)
    density[:2] = torch.tensor([[0.0], [1.0]])[:rows]
    return torch.rand(rows, length) < density


def reduced(reduce: Reduction, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """What comes out, and the gradient that goes in when every entry of the output counts differently."""
    values = values.clone().requires_grad_()
    made = reduce(values, mask)
    torch.manual_seed(1)
    (slope,) = torch.autograd.grad((made * torch.randn_like(made)).sum(), values)
    return made.detach(), slope


def test_the_masks_drawn_here_are_of_every_kind() -> None:
    seen = drawn_masks().sum(dim=1)
    assert seen[:2].tolist() == [0, LENGTH]
    assert set(seen.tolist()) == set(range(LENGTH + 1))


@poisons
@reductions
def test_what_lies_under_a_mask_changes_nothing_bit_for_bit(
    reduce: Reduction, poison: float, dtype: torch.dtype
) -> None:
    mask, values = drawn_masks(), torch.randn(ROWS, LENGTH, dtype=dtype)
    clean, slope = reduced(reduce, values, mask)
    spoiled, slope_of_spoiled = reduced(reduce, torch.where(mask, values, poison), mask)
    assert clean.dtype == dtype
    assert clean.isfinite().all()
    assert torch.equal(clean, spoiled)
    assert torch.equal(slope, slope_of_spoiled)


@reductions
def test_gradients_reach_what_is_selected_and_nothing_else(reduce: Reduction, dtype: torch.dtype) -> None:
    mask = drawn_masks()
    slope = reduced(reduce, torch.where(mask, torch.randn(ROWS, LENGTH, dtype=dtype), torch.nan), mask)[1]
    assert slope.isfinite().all()
    assert not slope[~mask].any()
    # The share of an entry that stands alone is 1, whatever its logit is.
    reached = mask & (mask.sum(dim=1, keepdim=True) > 1) if reduce is masked_softmax else mask
    assert (slope[reached] != 0).float().mean() > 0.999


@reductions
def test_nothing_is_nan_on_the_way_back_either(reduce: Reduction) -> None:
    mask = drawn_masks(64)
    torch.autograd.set_detect_anomaly(True, check_nan=True)
    try:
        slope = reduced(reduce, torch.where(mask, torch.randn(64, LENGTH), torch.nan), mask)[1]
    finally:
        torch.autograd.set_detect_anomaly(False)
    assert slope.isfinite().all()


@reductions
def test_a_row_of_which_nothing_is_selected_is_zero(reduce: Reduction, dtype: torch.dtype) -> None:
    made = reduce(torch.full((3, LENGTH), torch.nan, dtype=dtype), torch.zeros(3, LENGTH, dtype=torch.bool))
    assert made.dtype == dtype
    assert torch.equal(made, torch.zeros_like(made))


def naive(reduce: Reduction, values: list[float], mask: list[bool]) -> list[float]:
    """One row by plain Python."""
    chosen = [value for value, there in zip(values, mask, strict=True) if there]
    if reduce is keep:
        return [value if there else 0.0 for value, there in zip(values, mask, strict=True)]
    if reduce is masked_sum:
        return [math.fsum(chosen)]
    if reduce is masked_mean:
        return [math.fsum(chosen) / len(chosen) if chosen else 0.0]
    highest = max(chosen, default=0.0)
    total = math.fsum(math.exp(value - highest) for value in chosen)
    return [math.exp(value - highest) / total if there else 0.0 for value, there in zip(values, mask, strict=True)]


@reductions
@given(
    rows=st.lists(
        st.lists(st.tuples(st.floats(-1e3, 1e3), st.booleans()), min_size=4, max_size=4), min_size=1, max_size=5
    )
)
def test_the_numbers_are_those_of_a_naive_loop(reduce: Reduction, rows: list[list[tuple[float, bool]]]) -> None:
    values = [[value for value, _ in row] for row in rows]
    mask = [[there for _, there in row] for row in rows]
    wanted = torch.tensor([naive(reduce, *row) for row in zip(values, mask, strict=True)], dtype=torch.float64)
    found = reduce(torch.tensor(values, dtype=torch.float64), torch.tensor(mask))
    torch.testing.assert_close(found.reshape(wanted.shape), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduce", [masked_sum, masked_mean])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_any_axis_can_be_reduced(reduce: Callable[[Tensor, Tensor, int], Tensor], dim: int) -> None:
    values, mask = torch.randn(4, 5, 6, dtype=torch.float64), torch.rand(4, 5, 6) < 0.5
    mask.select((dim + 1) % 3, 0).fill_(False)
    lines = values.movedim(dim, -1).reshape(-1, values.shape[dim])
    rows = zip(lines.tolist(), mask.movedim(dim, -1).reshape(lines.shape).tolist(), strict=True)
    wanted = torch.tensor([naive(reduce, *row) for row in rows], dtype=torch.float64)
    torch.testing.assert_close(reduce(values, mask, dim).reshape(-1, 1), wanted)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_shares_add_up_to_one_along_any_axis(dim: int) -> None:
    mask = torch.rand(4, 5, 6) < 0.5
    shares = masked_softmax(torch.randn(4, 5, 6, dtype=torch.float64), mask, dim)
    torch.testing.assert_close(shares.sum(dim), mask.any(dim).double())
    assert not shares[~mask].any()


@pytest.mark.parametrize("reduce", [keep, masked_sum, masked_mean])
def test_a_mask_of_tokens_selects_whole_vectors(reduce: Reduction) -> None:
    # As many tokens as samples and as numbers: a mask that is taken along the wrong axis would still fit.
    for shape in [(64, LENGTH, WIDTH), (5, 5, 5)]:
        mask, values = drawn_masks(*shape[:2]), torch.randn(shape)
        each = torch.stack([reduce(values[..., place], mask) for place in range(shape[2])], dim=-1)
        torch.testing.assert_close(reduce(values, mask), each)


@pytest.mark.parametrize("reduce", [masked_sum, masked_mean])
def test_padded_equals_unpadded(reduce: Reduction, dtype: torch.dtype) -> None:
    mask, values = drawn_masks(512), torch.randn(512, LENGTH, WIDTH, dtype=dtype)
    padded = torch.cat([values, values.new_full((512, 9, WIDTH), torch.nan)], dim=1)
    wide = torch.cat([mask, torch.zeros(512, 9, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(reduce(padded, wide), reduce(values, mask), rtol=0, atol=TIGHT[dtype])


def test_padding_takes_no_share(dtype: torch.dtype) -> None:
    mask, logits = drawn_masks(512), torch.randn(512, LENGTH, dtype=dtype)
    padded = torch.cat([logits, logits.new_full((512, 9), torch.inf)], dim=1)
    shares = masked_softmax(padded, torch.cat([mask, torch.zeros(512, 9, dtype=torch.bool)], dim=1))
    torch.testing.assert_close(shares[:, :LENGTH], masked_softmax(logits, mask), rtol=0, atol=TIGHT[dtype])
    assert not shares[:, LENGTH:].any()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@reductions
def test_half_precision_stays_half_and_finite(reduce: Reduction, half: torch.dtype) -> None:
    mask, values = drawn_masks(512), 10 * torch.randn(512, LENGTH)
    made, slope = reduced(reduce, torch.where(mask, values, torch.nan).to(half), mask)
    assert made.dtype == half
    assert slope.isfinite().all()
    torch.testing.assert_close(made.double(), reduce(values.to(half).double(), mask), rtol=0.02, atol=0.1)


def test_shares_survive_logits_of_any_size() -> None:
    logits = torch.tensor([[1e30, 1e30, -1e30], [-1e30, -1e30, 5.0], [800.0, -800.0, 0.0]])
    mask = torch.tensor([[True, True, True], [True, True, False], [True, True, True]])
    wanted = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(masked_softmax(logits, mask), wanted)


@reductions
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_nothing_at_all_is_no_problem(reduce: Reduction, shape: tuple[int, int]) -> None:
    made = reduce(torch.zeros(shape), torch.zeros(shape, dtype=torch.bool))
    assert made.shape == (shape if reduce in (keep, masked_softmax) else shape[:1])
    assert not made.any()


@reductions
def test_a_mask_of_another_length_is_refused(reduce: Reduction) -> None:
    for wrong in ((3, 4), (3, 1), (1, 5)):
        with pytest.raises(ValueError, match=rf"must be \(3, 5\), found \({wrong[0]}, {wrong[1]}\)"):
            reduce(torch.zeros(3, 5), torch.zeros(*wrong, dtype=torch.bool))


def heads(batch: int, queries: int, keys: int, dtype: torch.dtype = torch.float64) -> Heads:
    """Queries, keys and values of two heads."""
    shapes = [(batch, 2, queries, WIDTH), (batch, 2, keys, WIDTH), (batch, 2, keys, WIDTH)]
    drawn = [torch.randn(shape, dtype=dtype) for shape in shapes]
    return drawn[0], drawn[1], drawn[2]


def naive_attention(queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
    """Each query on its own, over the keys that `allowed` (batch, queries, keys) lets it see."""
    made = torch.zeros_like(queries)
    for row, head, place in [(r, h, q) for r in range(len(queries)) for h in range(2) for q in range(queries.shape[2])]:
        seen = allowed[row, place].nonzero().flatten().tolist()
        scores = [float(queries[row, head, place] @ keys[row, head, key]) / math.sqrt(WIDTH) for key in seen]
        shares = naive(masked_softmax, scores, [True] * len(seen)) if seen else []
        for key, share in zip(seen, shares, strict=True):
            made[row, head, place] += share * values[row, head, key]
    return made


# The second has as many samples as queries as keys: a mask that is taken along the wrong axis would still fit.
@pytest.mark.parametrize(("batch", "queries", "keys"), [(24, 4, 5), (5, 5, 5), (6, 1, 3), (6, 3, 1)])
@pytest.mark.parametrize("bounded", [False, True])
def test_attention_is_naive_softmax_attention(batch: int, queries: int, keys: int, bounded: bool) -> None:
    given_heads, key_mask = heads(batch, queries, keys), drawn_masks(batch, keys)
    limits = torch.rand(queries, keys) < 0.6 if bounded else None
    allowed = key_mask[:, None, :].expand(batch, queries, keys)
    allowed = allowed if limits is None else allowed & limits
    found = attend(*given_heads, key_mask, limits)
    torch.testing.assert_close(found, naive_attention(*given_heads, allowed), rtol=0, atol=1e-12)


def attended(given_heads: Heads, key_mask: Tensor, limits: Tensor | None) -> tuple[Tensor, list[Tensor]]:
    """What attention makes, and the gradients of queries, keys and values."""
    leaves = [part.clone().requires_grad_() for part in given_heads]
    made = attend(leaves[0], leaves[1], leaves[2], key_mask, limits)
    torch.manual_seed(1)
    slopes = torch.autograd.grad((made * torch.randn_like(made)).sum(), leaves)
    return made.detach(), list(slopes)


@poisons
@pytest.mark.parametrize("bounded", [False, True])
def test_what_lies_under_a_key_mask_changes_nothing_bit_for_bit(
    poison: float, bounded: bool, dtype: torch.dtype
) -> None:
    queries, keys, values = heads(2048, 4, 5, dtype)
    key_mask = drawn_masks(2048, 5)
    some = torch.tensor([[True] * 5, [False] * 5, [True, False, True, False, True], [False] * 4 + [True]])
    limits = some if bounded else None
    hidden = ~key_mask[:, None, :, None]
    spoiled = (queries, keys.masked_fill(hidden, poison), values.masked_fill(hidden, poison))
    made, slopes = attended((queries, keys, values), key_mask, limits)
    found, slopes_of_spoiled = attended(spoiled, key_mask, limits)
    assert made.isfinite().all()
    assert torch.equal(made, found)
    for slope, slope_of_spoiled in zip(slopes, slopes_of_spoiled, strict=True):
        assert slope.isfinite().all()
        assert torch.equal(slope, slope_of_spoiled)
    for slope in slopes[1:]:
        assert not slope.masked_select(hidden).any()


def test_a_query_that_sees_nothing_gives_zero_and_moves_nothing(dtype: torch.dtype) -> None:
    limits, key_mask = torch.ones(4, 5, dtype=torch.bool), torch.ones(3, 5, dtype=torch.bool)
    limits[1], key_mask[2] = False, False
    made, slopes = attended(heads(3, 4, 5, dtype), key_mask, limits)
    assert not made[:, :, 1].any()
    assert not made[2].any()
    assert made[:2, :, [0, 2, 3]].all()
    assert not slopes[0][:, :, 1].any()
    assert not any(slope[2].any() for slope in slopes)
    nothing = torch.zeros(4, 5, dtype=torch.bool)
    slopes = attended(heads(3, 4, 5, dtype), torch.ones(3, 5, dtype=torch.bool), nothing)[1]
    assert not any(slope.any() for slope in slopes)


def test_ten_thousand_masks_of_both_kinds_give_no_nan() -> None:
    for _ in range(40):
        key_mask, limits = drawn_masks(256, 5), drawn_masks(4, 5)
        made, slopes = attended(heads(256, 4, 5, torch.float32), key_mask, limits)
        assert made.isfinite().all()
        assert all(slope.isfinite().all() for slope in slopes)
        blind = ~(key_mask[:, None, :] & limits).any(dim=2)
        assert not made.transpose(1, 2)[blind].any()


def test_attention_to_padded_keys_equals_unpadded(dtype: torch.dtype) -> None:
    queries, keys, values = heads(64, 4, 5, dtype)
    key_mask = drawn_masks(64, 5)
    more = keys.new_full((64, 2, 8, WIDTH), torch.nan)
    wide = torch.cat([key_mask, torch.zeros(64, 8, dtype=torch.bool)], dim=1)
    found = attend(queries, torch.cat([keys, more], dim=2), torch.cat([values, more], dim=2), wide)
    torch.testing.assert_close(found, attend(queries, keys, values, key_mask), rtol=0, atol=TIGHT[dtype])


def test_a_causal_mask_hides_what_comes_later() -> None:
    length = 6
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    everything = torch.ones(8, length, dtype=torch.bool)
    queries, keys, values = heads(8, length, length)
    before = attend(queries, keys, values, everything, causal)
    torch.testing.assert_close(before[:, :, 0], values[:, :, 0])  # the first sees itself alone
    for first in range(1, length):
        later = (torch.arange(length) >= first)[:, None]
        shift = torch.where(later, torch.randn_like(keys), 0.0)
        after = attend(queries, keys + shift, values + 1e3 * shift, everything, causal)
        assert torch.equal(before[:, :, :first], after[:, :, :first])
        assert (before[:, :, first:] != after[:, :, first:]).all()


def test_without_queries_or_keys_there_is_nothing_and_zero() -> None:
    for batch, queries in [(0, 3), (2, 0)]:
        made = attend(*heads(batch, queries, 3), torch.ones(batch, 3, dtype=torch.bool))
        assert made.shape == (batch, 2, queries, WIDTH)
    made = attend(*heads(2, 3, 0), torch.zeros(2, 0, dtype=torch.bool))
    assert torch.equal(made, torch.zeros(2, 2, 3, WIDTH, dtype=torch.float64))


# While tests run, the names of axes are checked first; a user meets the function as it is written.
plain_attend = inspect.unwrap(attend)


@pytest.mark.parametrize("shape", [(2, 4), (3, 5), (5, 2), (2, 1, 1, 5), (5,), (1, 5), (4, 5)])
def test_a_key_mask_of_another_shape_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="key_mask") as caught:
        plain_attend(*heads(2, 4, 5), torch.ones(shape, dtype=torch.bool))
    assert "(2, 5)" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(5, 4), (2, 5), (4, 4), (2, 4, 5), (1, 5), (4, 1), (5,)])
def test_an_attention_mask_of_another_shape_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="attention_mask") as caught:
        plain_attend(*heads(2, 4, 5), torch.ones(2, 5, dtype=torch.bool), torch.ones(shape, dtype=torch.bool))
    assert "(4, 5)" in str(caught.value)
    assert str(shape) in str(caught.value)


def test_a_query_that_sees_nothing_may_hold_anything() -> None:
    queries, keys, values = (torch.randn(2, 1, 3, 4, requires_grad=True) for _ in range(3))
    seen = torch.tensor([[True] * 3, [False] * 3])
    torn = torch.where(seen[:, None, :, None], queries, torch.nan)
    attend(torn, keys, values, seen).sum().backward()
    for part in (queries, keys, values):
        assert part.grad is not None
        assert part.grad.isfinite().all()


# The second has as many samples as queries as keys: a mask that is taken along the wrong axis would still fit.
@pytest.mark.parametrize(("batch", "queries", "keys"), [(24, 4, 5), (5, 5, 5), (6, 1, 3)])
@pytest.mark.parametrize("bounded", [False, True])
def test_each_sample_may_have_its_own_mask(batch: int, queries: int, keys: int, bounded: bool) -> None:
    given_heads, key_mask = heads(batch, queries, keys), drawn_masks(batch, keys)
    own, limits = torch.rand(batch, queries, keys) < 0.6, torch.rand(queries, keys) < 0.6 if bounded else None
    allowed = key_mask[:, None, :] & own if limits is None else key_mask[:, None, :] & own & limits
    found = attend(*given_heads, key_mask, limits, row_mask=own)
    torch.testing.assert_close(found, naive_attention(*given_heads, allowed), rtol=0, atol=1e-12)
    assert not found.transpose(1, 2)[~allowed.any(dim=2)].any()


@pytest.mark.parametrize("shape", [(4, 5), (2, 5), (2, 5, 4), (1, 4, 5), (2, 1, 5), (2, 1, 4, 5), (4, 2, 5)])
def test_a_row_mask_of_another_shape_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    key_mask, wrong = torch.ones(2, 5, dtype=torch.bool), torch.ones(shape, dtype=torch.bool)
    with pytest.raises(ValueError, match="row_mask") as caught:
        plain_attend(*heads(2, 4, 5), key_mask, row_mask=wrong)
    assert "(2, 4, 5)" in str(caught.value)
    assert str(shape) in str(caught.value)
