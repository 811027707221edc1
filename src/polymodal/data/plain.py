"""What a plain scikit-learn model is given: features that nothing was fitted for. Baselines fit the rest themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

__all__ = ["Plain", "plain_categories", "plain_numbers", "plain_pixels", "plain_text"]

LETTERS = 2000
Kind = Literal["numbers", "pieces", "categories", "counts", "pixels"]


@dataclass(frozen=True)
class Plain:
    """Some features of some rows, before any scaling, weighting or encoding.

    `kind` tells a plain model what it may do with `values` (rows, features): "numbers" are real numbers, NaN where
    absent; "pieces" are logarithms of how often each of many pieces is found, all of one scale, NaN throughout where
    absent; "categories" are codes 0, 1, 2 …, -1 where absent; "counts" are sparse counts of words, empty rows where
    absent; "pixels" are a small picture laid out as a row, NaN throughout where absent.
    """

    kind: Kind
    values: np.ndarray | sparse.csr_matrix

    def __len__(self) -> int:
        return int(self.values.shape[0])


def plain_numbers(values: np.ndarray) -> Plain:
    """Numbers as they stand, (rows,) or (rows, features); infinities count as absent."""
    table = np.asarray(values, dtype=np.float64)
    table = table.reshape(len(table), math.prod(table.shape[1:]))
    return Plain("numbers", np.where(np.isfinite(table), table, np.nan))


def plain_pieces(counts: np.ndarray) -> Plain:
    """How often each piece is found, (rows, pieces), as log(1 + counts); NaN throughout where a row is absent."""
    return Plain("pieces", np.log1p(np.asarray(counts, dtype=np.float32)))


def plain_categories(values: np.ndarray) -> Plain:
    """Categories as codes, (rows,) or (rows, features); whatever is below zero counts as absent."""
    table = np.asarray(values, dtype=np.int64)
    return Plain("categories", np.maximum(table.reshape(len(table), math.prod(table.shape[1:])), -1))


def plain_text(texts: Sequence[str | None], words: int = 2**18, characters: int = 2**18) -> list[Plain]:
    """Counts of words and pairs of words, and of the 3 to 5 letters inside words, hashed and so without a vocabulary.

    Absent texts (None or "") give empty rows. Of a long text only the first 2,000 characters are cut into letters, to
    bound the work. Words and letters are blocks of their own, so that a baseline may weigh each by its own document
    frequency. Single letters and digits count as words: "C" and "4" can be names.
    """
    from sklearn.feature_extraction.text import HashingVectorizer  # most of a second, and few commands count words

    known = ["" if text is None else str(text) for text in texts]
    shared = {"norm": None, "alternate_sign": False, "dtype": np.float32}
    by_word = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", n_features=words, **shared)
    by_letter = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=characters, **shared)
    heads = [text[:LETTERS] for text in known]
    made = by_word.transform(known), by_letter.transform(heads)
    return [Plain("counts", sparse.csr_matrix(counts)) for counts in made]


def plain_pixels(images: np.ndarray, present: np.ndarray | None = None, size: int = 16) -> Plain:
    """Small pictures (rows, channels, height, width) averaged down to size × size and laid out by row.

    `present` (rows,) marks the rows that have a picture; the others become NaN. A smaller picture keeps its own size.
    """
    pixels = np.asarray(images, dtype=np.float32)
    small = _shrink(_shrink(pixels, 2, size), 3, size).reshape(len(pixels), -1)
    if present is not None:
        small = np.where(np.asarray(present, dtype=bool)[:, None], small, np.nan)
    return Plain("pixels", small)


def _shrink(pixels: np.ndarray, axis: int, size: int) -> np.ndarray:
    length = pixels.shape[axis]
    if length <= size:
        return pixels
    edges = np.linspace(0, length, size + 1).astype(np.int64)
    total = np.add.reduceat(pixels, edges[:-1], axis=axis)
    width = np.diff(edges).reshape([-1 if place == axis else 1 for place in range(pixels.ndim)])
    return np.asarray(total / width, dtype=np.float32)
