"""How near the top the right one stands when a gallery is ordered by likeness to a query.

>>> ranks(np.eye(3), np.eye(3), [0, 1, 1]).tolist()
[1.0, 1.0, 2.5]
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from polymodal.tasks.metrics import ranking_scores

__all__ = ["alike", "ranks", "retrieval_metrics", "without_copies"]

TIED = 1e-12
"""Scores of vectors of norm 1 that are closer than this are the same. Double precision rounds differently at different
places of a tile, and copies of one item must tie wherever they stand."""

COPY = 1e-5
"""How far vectors of about unit length may lie apart, along one direction, and be copies of one."""

Positives = Tensor | ArrayLike | Sequence[Sequence[int]]
"""What belongs to each query: (n,) places in the gallery, n sequences of such places, or (n, m) booleans."""


def retrieval_metrics(
    queries: Tensor | ArrayLike, gallery: Tensor | ArrayLike, positives: Positives, tile: int = 1024
) -> dict[str, float]:
    """How well queries find what belongs to them: recall_at_1, recall_at_5, recall_at_10, median_rank and mrr.

    Arguments and errors are those of `ranks`. recall_at_k is the share of queries with a rank of k or better, mrr the
    mean of 1 / rank; there are none without queries. For intervals, `Answers("ranks", …)` takes the ranks themselves.
    """
    return ranking_scores(ranks(queries, gallery, positives, tile))


def alike(numbers: np.ndarray, kept: np.ndarray | None = None) -> list[list[int]]:
    """For each row the rows with the same number (n,), itself among them: what `ranks` takes as positives.

    Where only the `kept` rows are a gallery, their places in that.
    """
    places: dict[int, list[int]] = {}
    for place, number in enumerate(numbers[slice(None) if kept is None else kept].tolist()):
        places.setdefault(number, []).append(place)
    return [places[number] for number in numbers.tolist()]


def without_copies(gallery: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Rows of a gallery (n, width), each thing once: of rows with the same number and the same vector, the first.

    A picture that many rows ask for would otherwise fill the first places by itself. Vectors count as the same when
    they differ by no more than what a net computes differently in another batch.
    """
    axis = np.cos(np.arange(1, gallery.shape[1] + 1) ** 2)  # an arbitrary direction, the same for all
    shade = np.asarray(gallery, dtype=np.float64) @ axis
    order = np.lexsort((np.arange(len(numbers)), shade, numbers))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(numbers[order]) != 0) | (np.diff(shade[order]) > COPY)
    first = np.minimum.reduceat(order, np.flatnonzero(fresh)) if len(order) else order
    return np.sort(first)


def ranks(
    queries: Tensor | ArrayLike, gallery: Tensor | ArrayLike, positives: Positives, tile: int = 1024
) -> np.ndarray:
    """The place, from 1, at which each query finds what belongs to it.

    `queries` (n, width) and `gallery` (m, width) are vectors of norm 1, likened by their inner product in double
    precision. Gives (n,) ranks of the best positive among all that is not positive: 1 + those that score better + half
    of those that score the same, so that a model which says the same of everything gets the middle, not the top.

    No more than a tile (tile, tile) of scores is held at a time. Raises ValueError for shapes that do not fit, numbers
    that are not finite, places that are not in the gallery, and a query to which nothing belongs, and says where.
    """
    asked, offered = _vectors(queries, "queries"), _vectors(gallery, "gallery")
    if asked.shape[1] != offered.shape[1] or tile < 1:
        shapes = f"{tuple(asked.shape)}, {tuple(offered.shape)}, tile {tile}"
        raise ValueError(f"queries (n, width), gallery (m, width) and a tile of 1 or more: found {shapes}")
    offered = offered.to(asked.device)
    rows, places = (torch.as_tensor(part, device=asked.device) for part in _pairs(positives, len(asked), len(offered)))
    best, slack = _best(asked, offered, rows, places, tile), TIED * _norms(asked, tile)
    slack *= _norms(offered, tile).amax() if len(offered) else 0.0
    above = torch.zeros(len(asked), dtype=torch.int64, device=asked.device)
    for part in _spans(len(asked), tile):
        first, last = torch.searchsorted(rows, torch.tensor([part.start, part.stop], device=rows.device)).tolist()
        mine = rows[first:last] - part.start, places[first:last]
        above[part] = _above(asked[part].double(), offered, mine, (best[part], slack[part]), tile)
    return np.asarray(1 + above.cpu().numpy() / 2)


def _above(
    asked: Tensor, offered: Tensor, pairs: tuple[Tensor, Tensor], bounds: tuple[Tensor, Tensor], tile: int
) -> Tensor:
    """(rows,) twice the items that score better than `bounds`, give or take, and once those that score the same."""
    (rows, places), (best, slack) = pairs, bounds
    low, high = (best - slack)[:, None], (best + slack)[:, None]
    count = torch.zeros(len(asked), dtype=torch.int64, device=asked.device)
    for part in _spans(len(offered), tile):
        scores = asked @ offered[part].double().T
        here = (places >= part.start) & (places < part.stop)
        scores[rows[here], places[here] - part.start] = -torch.inf
        count += _true(scores >= low) + _true(scores > high)
    return count


def _best(asked: Tensor, offered: Tensor, rows: Tensor, places: Tensor, tile: int) -> Tensor:
    """(n,) the score of the best positive of each query."""
    best = torch.full((len(asked),), -torch.inf, dtype=torch.float64, device=asked.device)
    for part in _spans(len(rows), tile):
        pairs = torch.linalg.vecdot(asked[rows[part]].double(), offered[places[part]].double())
        best.scatter_reduce_(0, rows[part], pairs, "amax")
    return best


def _true(mask: Tensor) -> Tensor:
    """(rows,) how many are True; bytes are added up faster than booleans."""
    return mask.view(torch.uint8).sum(1, dtype=torch.int32)


def _norms(vectors: Tensor, tile: int) -> Tensor:
    parts = [vectors[part].double().norm(dim=1) for part in _spans(len(vectors), tile)]
    return torch.cat([vectors.new_zeros(0, dtype=torch.float64), *parts])


def _spans(count: int, tile: int) -> Iterator[slice]:
    return (slice(start, min(start + tile, count)) for start in range(0, count, tile))


def _vectors(given: Tensor | ArrayLike, what: str) -> Tensor:
    vectors = given.detach() if isinstance(given, Tensor) else torch.tensor(np.asarray(given))
    if vectors.dim() != 2:
        raise ValueError(f"{what} must be (items, width), found {tuple(vectors.shape)}")
    bad = ~torch.isfinite(vectors).all(1)
    if bad.any():
        raise ValueError(f"{what} must be finite, row {int(bad.nonzero()[0])} is not")
    return vectors


def _pairs(positives: Positives, queries: int, gallery: int) -> tuple[np.ndarray, np.ndarray]:
    """What belongs together: (pairs,) queries, in order, and (pairs,) places in the gallery."""
    given: Any = positives.detach().cpu().numpy() if isinstance(positives, Tensor) else positives
    lists = [np.asarray(each).ravel() for each in given]
    if len(lists) != queries:
        raise ValueError(f"positives must be given for {queries} queries, found {len(lists)}")
    if lists and all(each.dtype == bool for each in lists):
        if {len(each) for each in lists} != {gallery}:
            raise ValueError(f"positives as booleans must be (queries, gallery) = {(queries, gallery)}")
        lists = [np.flatnonzero(each) for each in lists]
    for query, each in enumerate(lists):
        if len(each) == 0:
            raise ValueError(f"nothing belongs to query {query}")
        if each.dtype.kind not in "iu" or each.min() < 0 or each.max() >= gallery:
            raise ValueError(f"places in a gallery of {gallery} are needed for query {query}, found {each.tolist()}")
    places = np.concatenate([np.empty(0, dtype=np.int64), *lists]).astype(np.int64)
    return np.repeat(np.arange(queries), np.array([len(each) for each in lists], dtype=np.int64)), places
