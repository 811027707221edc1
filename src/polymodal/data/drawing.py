"""Drawing a share of rows, in whole blocks, with each class in its share."""

import numpy as np

__all__ = ["draw", "latest"]


def draw(blocks: np.ndarray, strata: np.ndarray | None, share: float, generator: np.random.Generator) -> np.ndarray:
    """(n,) True for about `share` of the rows: at least one block is drawn and at least one is not.

    `blocks` (n,) say which rows belong together, `strata` (n,) which class each row has. Every class keeps a block that
    is not drawn, as long as that leaves anything to draw.
    """
    _, place, sizes = np.unique(blocks, return_inverse=True, return_counts=True)
    classes = np.zeros(len(blocks), np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    order = generator.permutation(len(sizes))
    for kept_classes in (classes, np.zeros_like(classes)):
        if (sizes == 1).all():
            drawn = _by_quota(kept_classes, share, order)
        else:
            drawn = _by_size(place, kept_classes, share, order)[place]
        if drawn.any():
            return drawn
    return place == np.argmin(sizes)


def latest(blocks: np.ndarray, times: np.ndarray, share: float) -> np.ndarray:
    """(n,) True for the blocks that reach furthest, until they make up `share` of the rows; equal times go together."""
    _, place = np.unique(blocks, return_inverse=True)
    ends = np.full(place.max() + 1, -np.inf)
    np.maximum.at(ends, place, times)
    by_row = np.sort(ends[place])[::-1]
    cut = by_row[max(0, round(share * len(blocks)) - 1)]
    later: np.ndarray = ends[place] >= cut
    # Many rows at one time can make the share far too large; what lies beyond that time is then the better choice.
    beyond: np.ndarray = ends[place] > cut
    return beyond if beyond.any() and abs(beyond.mean() - share) < abs(later.mean() - share) else later


def _by_quota(classes: np.ndarray, share: float, order: np.ndarray) -> np.ndarray:
    """Rows that stand alone: of each class its share, rounded by largest remainder, and never all of it."""
    counts = np.bincount(classes)
    wanted = max(1, round(share * len(classes)))
    quota = np.minimum(np.floor(share * counts).astype(np.int64), counts - 1)
    for number in np.lexsort((-counts, quota - share * counts)):
        if quota.sum() < wanted and quota[number] < counts[number] - 1:
            quota[number] += 1
    shuffled = classes[order]
    arranged = np.argsort(shuffled, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.empty(len(classes), dtype=np.int64)
    rank[arranged] = np.arange(len(classes)) - starts[shuffled[arranged]]
    drawn = np.zeros(len(classes), dtype=bool)
    drawn[order] = rank < quota[shuffled]
    return drawn


def _by_size(place: np.ndarray, classes: np.ndarray, share: float, order: np.ndarray) -> np.ndarray:
    """(blocks,) Blocks in random order, each taken if that brings the drawn classes nearer to their shares."""
    counts = np.zeros((len(order), classes.max() + 1))
    np.add.at(counts, (place, classes), 1)
    total = counts.sum(axis=0)
    wanted, taken, drawn = share * total, np.zeros_like(total), np.zeros(len(order), dtype=bool)
    for block in order:
        after = taken + counts[block]
        nearer = ((after - wanted) ** 2).sum() < ((taken - wanted) ** 2).sum()
        if nearer and not (after[counts[block] > 0] >= total[counts[block] > 0]).any():
            taken, drawn[block] = after, True
    return drawn
