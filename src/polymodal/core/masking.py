"""The only place where masks meet arithmetic. A mask selects, it never multiplies: what lies under it cannot leak."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from polymodal.core.shapes import AttentionMask, KeyMask, RowAttentionMask

__all__ = ["attend", "keep", "masked_mean", "masked_softmax", "masked_sum", "some_of"]


def keep(values: Tensor, mask: Tensor) -> Tensor:
    """`values` where `mask` is True, zero elsewhere. `mask` may lack trailing axes of `values`.

    Where the mask can be seen to be all True these are the same values, not a copy. Raises ValueError, with both
    shapes, where the leading axes are others.
    """
    _check_shapes(values, mask, mask.dim())
    if _all_real(mask):
        return values
    missing = values.dim() - mask.dim()
    wide = mask.reshape(*mask.shape, *([1] * missing))
    return torch.where(wide, values, torch.zeros((), dtype=values.dtype, device=values.device))


def masked_sum(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Sum over `dim` of the selected entries; zero where none is selected."""
    return keep(values, mask).sum(dim)


def masked_mean(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Mean over `dim` of the selected entries; zero where none is selected."""
    count = mask.sum(dim).clamp(min=1)
    total = masked_sum(values, mask, dim)
    return total / count.reshape(*count.shape, *([1] * (total.dim() - count.dim())))


def masked_softmax(logits: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Softmax over the selected entries of `dim`; all zero where none is selected (never NaN).

    Raises ValueError, with both shapes, where they differ.
    """
    _check_shapes(logits, mask, logits.dim())
    lowest = torch.finfo(logits.dtype).min
    weights = torch.softmax(torch.where(mask, logits, lowest), dim)
    return torch.where(mask, weights, torch.zeros((), dtype=logits.dtype, device=logits.device))


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    key_mask: KeyMask,
    attention_mask: AttentionMask | None = None,
    row_mask: RowAttentionMask | None = None,
    finite: bool = False,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, eq. 1) that gives zeros to a query with no key to see.

    queries (batch, heads, queries, width), keys and values (batch, heads, keys, width). Masks are True where attention
    is allowed: by `attention_mask` in every sample alike, by `row_mask` in each sample in its own way. `finite`
    promises that nothing is NaN or infinite, under masks neither, and saves the time to see to that. Raises ValueError,
    with both shapes, where a mask does not fit.
    """
    batch, _, length, _ = queries.shape
    if key_mask.shape != (batch, keys.shape[2]):
        raise ValueError(f"key_mask must be (batch, keys) = {(batch, keys.shape[2])}, found {tuple(key_mask.shape)}")
    if attention_mask is not None and attention_mask.shape != (length, keys.shape[2]):
        wanted = (length, keys.shape[2])
        raise ValueError(f"attention_mask must be (queries, keys) = {wanted}, found {tuple(attention_mask.shape)}")
    if row_mask is not None and row_mask.shape != (batch, length, keys.shape[2]):
        own = (batch, length, keys.shape[2])
        raise ValueError(f"row_mask must be (batch, queries, keys) = {own}, found {tuple(row_mask.shape)}")
    if attention_mask is None and row_mask is None and _all_real(key_mask):
        return F.scaled_dot_product_attention(queries, keys, values)
    allowed = key_mask[:, None, None, :]
    if attention_mask is not None:
        allowed = allowed & attention_mask
    if row_mask is not None:
        allowed = allowed & row_mask.unsqueeze(1)
    visible = allowed.any(dim=-1, keepdim=True)
    if not finite:
        key_side = key_mask[:, None, :].expand(-1, keys.shape[1], -1)
        keys, values = keep(keys, key_side), keep(values, key_side)
    if _all_real(visible):
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
    # A row of the mask without any True would give NaN: such a query sees everything, and its result is not kept.
    zero = torch.zeros((), dtype=keys.dtype, device=keys.device)
    asked = queries if finite else torch.where(visible, queries, zero)
    attended = F.scaled_dot_product_attention(asked, keys, values, attn_mask=allowed | ~visible)
    return torch.where(visible, attended, zero)


def some_of(present: Tensor, rate: float, generator: Generator) -> Tensor:
    """(rows, k) True where one of k things that a row has is kept: all, or in about `rate` of the rows, a part of them.

    A part is drawn evenly from all non-empty subsets of what is `present` (rows, k).
    """
    here = present.cpu()
    held = here.sum(dim=1)
    draws = torch.rand(2, len(here), generator=generator, dtype=torch.float64)
    # Subset number s from 1 to 2^held - 1: its k-th bit says whether the k-th thing that the row has is kept.
    subset = 1 + (draws[1] * (2.0**held - 1)).long()
    place = (here.cumsum(dim=1) - 1).clamp(min=0)
    kept = (subset.unsqueeze(1) >> place) & 1 == 1
    return (here & (kept | (draws[0] >= rate).unsqueeze(1))).to(present.device)


def _all_real(mask: Tensor) -> bool:
    """Whether there is something and all of it is real; not asked where asking would hold up a device or a compiler."""
    ready = mask.device.type == "cpu" and not torch.compiler.is_compiling()
    return ready and mask.numel() > 0 and bool(mask.all())


def _check_shapes(values: Tensor, mask: Tensor, axes: int) -> None:
    wanted = tuple(values.shape[:axes])
    if tuple(mask.shape) != wanted:
        raise ValueError(f"a mask for values {tuple(values.shape)} must be {wanted}, found {tuple(mask.shape)}")
