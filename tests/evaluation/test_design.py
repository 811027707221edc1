"""Everything fitted for the plain models comes from training rows."""

import numpy as np
import pytest
from scipy import sparse

from polymodal.data.plain import Plain, plain_categories, plain_numbers, plain_pieces, plain_pixels, plain_text
from polymodal.evaluation.design import Design

TRAIN = np.arange(60)


def blocks(seed: int = 0, rows: int = 80) -> list[Plain]:
    """All kinds of feature, with gaps."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows, 3))
    numbers[generator.random((rows, 3)) < 0.2] = np.nan
    words = np.array(["red", "green", "blue", "", "soft fabric"])
    texts = [" ".join(generator.choice(words, 3)) for _ in range(rows)]
    pictures = plain_pixels(generator.random((rows, 1, 8, 8)), generator.random(rows) > 0.3, size=4)
    pieces = generator.poisson(1.0, (rows, 5)).astype(float)
    pieces[generator.random(rows) < 0.2] = np.nan
    codes = plain_categories(generator.integers(-1, 4, rows))
    return [plain_numbers(numbers), plain_pieces(pieces), codes, *plain_text(texts), pictures]


def dense(features: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    return features.toarray() if sparse.issparse(features) else np.asarray(features)


def test_other_test_rows_change_nothing_for_training_rows() -> None:
    ours, theirs = blocks(0), blocks(1)
    mixed = []
    for one, other in zip(ours, theirs, strict=True):
        stack = sparse.vstack if sparse.issparse(one.values) else np.vstack
        mixed.append(Plain(one.kind, stack([one.values[:60], other.values[60:]])))
    first, second = Design(ours, TRAIN), Design([Plain(b.kind, _csr(b)) for b in mixed], TRAIN)
    np.testing.assert_allclose(dense(first.linear)[:60], dense(second.linear)[:60])
    np.testing.assert_allclose(first.table[0][:60], second.table[0][:60], atol=1e-9)


def _csr(block: Plain) -> np.ndarray | sparse.csr_matrix:
    return sparse.csr_matrix(block.values) if sparse.issparse(block.values) else block.values


def test_all_is_finite_for_the_linear_model() -> None:
    assert np.isfinite(dense(Design(blocks(), TRAIN).linear)).all()


def test_trees_see_missing_numbers_as_missing() -> None:
    made = blocks()
    table, categories = Design(made, TRAIN).table
    assert categories[0]
    assert sum(categories) == 1
    assert np.isnan(table[:, 1]).any()


@pytest.mark.parametrize("train", [np.arange(1), np.arange(2), np.arange(5)])
def test_a_handful_of_training_rows_is_enough(train: np.ndarray) -> None:
    design = Design(blocks(), train)
    assert np.isfinite(dense(design.linear)).all()
    assert len(design.table[0]) == 80


def test_an_empty_column_and_an_unseen_category_are_borne() -> None:
    nothing = Plain("numbers", np.full((80, 2), np.nan))
    codes = plain_categories(np.r_[np.zeros(60), np.full(20, 9)])
    design = Design([nothing, codes], TRAIN)
    assert np.isfinite(dense(design.linear)).all()
    assert design.table[0].shape == (80, 3)


def test_no_features_at_all_leave_a_column_of_nothing() -> None:
    for block in (Plain("counts", sparse.csr_matrix((80, 10))), plain_numbers(np.zeros((80, 0)))):
        design = Design([block], TRAIN)
        assert not dense(design.linear).any()
        assert design.table[0].shape == (80, 0)


def test_pieces_keep_how_common_they_are() -> None:
    counts = np.zeros((80, 2))
    counts[:, 0], counts[7, 1], counts[3] = 1, 1, np.nan
    made = dense(Design([plain_pieces(counts)], TRAIN).linear)
    assert made[0, 0] == pytest.approx(1.0, abs=0.02)
    assert made[7, 1] == made[0, 0]
    assert (made[3] == 0).all()


def test_axes_that_few_pictures_leave_flat_are_no_features() -> None:
    draw = np.random.default_rng(0)
    pictures = draw.normal(size=(104, 300)) * 50
    pictures[draw.random(104) < 0.6] = np.nan  # some thirty pictures to learn from, for sixty axes
    design = Design([Plain("pixels", pictures)], np.arange(73))
    known = int((~np.isnan(pictures[:73, 0])).sum())
    assert 0 < design.linear.shape[1] <= known
    assert np.abs(design.linear).max() <= 10
    assert np.isfinite(design.table[0]).all()
    alike = Design([Plain("pixels", np.ones((20, 4)))], np.arange(10))
    assert np.isfinite(alike.linear).all()
