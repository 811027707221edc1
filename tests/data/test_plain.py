"""What plain models are given depends on a row's own content and on nothing else."""

import numpy as np

from polymodal.data.plain import plain_categories, plain_numbers, plain_pieces, plain_pixels, plain_text

TEXTS = ["Love it!", "", None, "love, love the colour"]


def test_texts_do_not_see_each_other() -> None:
    for block, alone in zip(plain_text(TEXTS), plain_text(TEXTS[3:]), strict=True):
        assert block.kind == "counts"
        assert (block.values[3] != alone.values[0]).nnz == 0


def test_an_absent_text_is_an_empty_row() -> None:
    for block in plain_text(TEXTS):
        assert block.values[1].nnz == block.values[2].nnz == 0


def test_words_are_counted() -> None:
    words, _ = plain_text(["love love", "C"])
    assert words.values[0].max() == 2
    assert words.values[1].sum() == 1


def test_numbers_that_are_not_finite_are_absent() -> None:
    made = plain_numbers(np.array([1.0, np.inf, np.nan]))
    assert made.values.shape == (3, 1)
    np.testing.assert_array_equal(np.isnan(made.values[:, 0]), [False, True, True])


def test_categories_below_zero_are_absent() -> None:
    np.testing.assert_array_equal(plain_categories(np.array([3, -7])).values, [[3], [-1]])


def test_pixels_keep_their_mean() -> None:
    pictures = np.random.default_rng(0).random((3, 2, 64, 32)).astype(np.float32)
    made = plain_pixels(pictures, np.array([True, True, False]), size=8)
    assert made.values.shape == (3, 2 * 8 * 8)
    np.testing.assert_allclose(made.values[0].mean(), pictures[0].mean(), rtol=1e-5)
    assert np.isnan(made.values[2]).all()


def test_a_small_or_uneven_picture_is_no_problem() -> None:
    assert plain_pixels(np.ones((2, 1, 5, 33)), size=16).values.shape == (2, 5 * 16)


def test_pieces_are_logarithms_and_absent_rows_stay_absent() -> None:
    made = np.asarray(plain_pieces(np.array([[0, 1], [np.nan, np.nan]])).values)
    np.testing.assert_allclose(made, [[0, np.log(2)], [np.nan, np.nan]], rtol=1e-6)
