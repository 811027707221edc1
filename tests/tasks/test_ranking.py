"""Ranks are those of a plain loop, ties and several right answers included, whatever the tiles."""

import numpy as np
import pytest
import torch

from polymodal.tasks.intervals import bootstrap
from polymodal.tasks.metrics import Answers
from polymodal.tasks.ranking import alike, ranks, retrieval_metrics, without_copies

TILES = [1, 3, 7, 1024]


def unit(rows: int, width: int = 5, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(rows, width))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(dtype)


def by_loop(queries: np.ndarray, gallery: np.ndarray, positives: list[list[int]]) -> list[float]:
    """The definition, one pair at a time."""
    found = []
    for query, right in zip(queries.astype(np.float64), positives, strict=True):
        scores = [float(sum(x * y for x, y in zip(query, item, strict=True))) for item in gallery.astype(np.float64)]
        best = max(scores[place] for place in right)
        others = [score for place, score in enumerate(scores) if place not in right]
        found.append(1 + sum(score > best for score in others) + sum(score == best for score in others) / 2)
    return found


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranks_are_those_of_a_loop(tile, dtype):
    queries, gallery = unit(20, dtype=dtype), unit(13, seed=1, dtype=dtype)
    positives = np.random.default_rng(2).integers(0, 13, 20)
    found = ranks(queries, gallery, positives, tile)
    assert found.tolist() == by_loop(queries, gallery, [[place] for place in positives])


@pytest.mark.parametrize("tile", TILES)
def test_several_right_answers_do_not_stand_in_each_others_way(tile):
    queries, gallery = unit(20), unit(13, seed=1)
    draw = np.random.default_rng(2)
    positives = [draw.choice(13, draw.integers(1, 13), replace=False).tolist() for _ in queries]
    mask = np.zeros((20, 13), dtype=bool)
    for row, places in enumerate(positives):
        mask[row, places] = True
    wanted = by_loop(queries, gallery, positives)
    for given in (positives, mask, torch.from_numpy(mask), [torch.tensor(places) for places in positives]):
        assert ranks(queries, gallery, given, tile).tolist() == wanted


@pytest.mark.parametrize("tile", TILES)
def test_ties_of_whole_numbers_count_half(tile):
    draw = np.random.default_rng(0)
    queries, gallery = (
        draw.integers(-1, 2, (20, 3)).astype(np.float32),
        draw.integers(-1, 2, (13, 3)).astype(np.float32),
    )
    positives = draw.integers(0, 13, 20)
    wanted = by_loop(queries, gallery, [[place] for place in positives])
    assert any(rank % 1 for rank in wanted)
    assert ranks(queries, gallery, positives, tile).tolist() == wanted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tile", [1, 5, 16, 33, 64, 1024])
def test_copies_of_an_item_tie_wherever_they_stand(tile, dtype):
    """Products round differently at the edge of a tile; copies must not be told apart by that."""
    item, others = unit(1, 301, dtype=dtype), unit(60, 301, seed=1, dtype=dtype)
    for place in (0, 15, 31, 64, 99):
        gallery = np.concatenate([item, others[:30], item, item, others[30:], np.repeat(item, 37, axis=0)])
        right = [int(np.flatnonzero((gallery == item).all(1))[place % 40])]
        found = ranks(unit(7, 301, seed=2, dtype=dtype), gallery, right * 7, tile)
        better = ((others.astype(np.float64) - item) @ unit(7, 301, seed=2, dtype=dtype).T.astype(np.float64) > 0).sum(
            0
        )
        assert found.tolist() == (1 + better + 39 / 2).tolist()


def test_a_model_that_says_the_same_of_everything_gets_the_middle():
    same = np.repeat(unit(1, 64), 9, axis=0)
    assert ranks(same, same, np.arange(9)).tolist() == [5.0] * 9
    assert ranks(np.zeros((9, 4)), np.zeros((9, 4)), np.arange(9)).tolist() == [5.0] * 9


def test_tensors_and_arrays_are_alike():
    queries, gallery = unit(6), unit(6, seed=1)
    tensors = torch.from_numpy(queries).requires_grad_(), torch.from_numpy(gallery)
    assert ranks(*tensors, torch.arange(6)).tolist() == ranks(queries, gallery, range(6)).tolist()
    queries.setflags(write=False)
    assert (
        ranks(queries.tolist(), gallery.tolist(), list(range(6))).tolist() == ranks(queries, gallery, range(6)).tolist()
    )


def test_metrics_are_those_of_the_ranks():
    queries, gallery = unit(30), unit(40, seed=1)
    found = ranks(queries, gallery, range(30))
    metrics = retrieval_metrics(queries, gallery, range(30), 16)
    assert metrics == pytest.approx(
        {
            "recall_at_1": (found <= 1).mean(),
            "recall_at_5": (found <= 5).mean(),
            "recall_at_10": (found <= 10).mean(),
            "median_rank": np.median(found),
            "mrr": (1 / found).mean(),
        }
    )


def test_what_many_rows_share_is_offered_once():
    pictures = np.random.default_rng(0).normal(size=(5, 8))
    numbers = np.repeat(np.arange(5), 4)
    rows = np.repeat(pictures, 4, axis=0)
    rows[3] += 1e-7  # the same picture in another batch
    kept = without_copies(rows, numbers)
    assert kept.tolist() == [0, 4, 8, 12, 16]
    assert alike(numbers, kept) == [[place] for place in range(5) for _ in range(4)]
    # The same vector under another number is another thing, and other vectors of one number all stay.
    assert without_copies(rows[:8] * 0 + 1, numbers[:8]).tolist() == [0, 4]
    assert without_copies(np.random.default_rng(1).normal(size=(20, 8)), numbers).tolist() == list(range(20))
    assert without_copies(np.zeros((0, 8)), np.zeros(0, dtype=np.int64)).tolist() == []


def test_a_small_gallery_is_found_whole():
    metrics = retrieval_metrics(unit(4), unit(3, seed=1), [0, 1, 2, 0])
    assert metrics["recall_at_5"] == metrics["recall_at_10"] == 1
    assert retrieval_metrics(unit(2), unit(1), [0, 0])["recall_at_1"] == 1


def test_without_queries_there_is_no_metric():
    assert retrieval_metrics(np.zeros((0, 5)), unit(3), []) == {}
    assert retrieval_metrics(np.zeros((0, 5)), np.zeros((0, 5)), []) == {}


def test_ranks_have_intervals():
    found = ranks(unit(50), unit(50, seed=1), range(50))
    judged = bootstrap(Answers("ranks", np.zeros(50), found))
    for name, (low, high) in judged.intervals().items():
        assert low <= judged.metrics[name] <= high
    assert set(judged.intervals()) == set(retrieval_metrics(unit(50), unit(50, seed=1), range(50)))


@pytest.mark.parametrize(
    ("positives", "told"),
    [
        ([0, 1], "for 3 queries, found 2"),
        ([[0], [], [1]], "nothing belongs to query 1"),
        (np.array([[True, False], [True, True], [False, False]]), "nothing belongs to query 2"),
        (np.ones((3, 4), dtype=bool), r"\(queries, gallery\) = \(3, 2\)"),
        ([0, 2, 1], r"gallery of 2 are needed for query 1, found \[2\]"),
        ([0, 1, -1], r"query 2, found \[-1\]"),
        ([[0], [0.5], [1]], r"query 1, found \[0.5\]"),
        ([0.0, 1.0, np.nan], r"query 0, found \[0.0\]"),
    ],
)
def test_positives_that_do_not_fit_are_refused(positives, told):
    with pytest.raises(ValueError, match=told):
        ranks(unit(3), unit(2), positives)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    broken = unit(3)
    broken[1, 2] = bad
    with pytest.raises(ValueError, match="queries must be finite, row 1"):
        ranks(broken, unit(3), range(3))
    with pytest.raises(ValueError, match="gallery must be finite, row 1"):
        ranks(unit(3), broken, range(3))


@pytest.mark.parametrize(
    ("queries", "gallery", "tile", "told"),
    [
        ((3, 4), (3, 5), 8, r"\(3, 4\), \(3, 5\)"),
        ((3,), (3, 4), 8, r"queries must be \(items, width\), found \(3,\)"),
        ((3, 4), (3,), 8, r"gallery must be \(items, width\), found \(3,\)"),
        ((3, 4), (3, 4), 0, "tile 0"),
        ((3, 4), (0, 4), 8, "gallery of 0"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(queries, gallery, tile, told):
    with pytest.raises(ValueError, match=told):
        ranks(np.ones(queries), np.ones(gallery), range(3), tile)
