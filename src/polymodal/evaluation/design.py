"""The features of the plain models: scaled, weighted and encoded by what the training rows say, and by nothing else."""

import warnings
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from polymodal.data.plain import Plain

__all__ = ["Design"]

TEXT_AXES = 32
PIXEL_AXES = 64  # for the linear model; trees, which look at one axis at a time, get the first TREE_AXES
TREE_AXES = 24
MOST_WORDS = 2**15  # of each block, those that occur in most training rows
FARTHEST = 10  # standard deviations are enough for any row, and keep one wild value of a test row from deciding alone
FLAT = 1e-6  # of the widest axis
MOST_CODES = 250  # scikit-learn's boosted trees take at most 255 categories


class Design:
    """What plain models see of all rows, fitted on `train` (row numbers) alone.

    `linear` holds standardised numbers with a mark for missing ones, one-hot categories, tf-idf weights of words and
    letters that occur in two training rows or more, and the main axes of small pictures. `table` holds numbers and
    categories as they are, with the main axes of texts and pictures, for trees. Both are made when first asked for.
    """

    def __init__(self, blocks: Sequence[Plain], train: np.ndarray, seed: int = 0) -> None:
        self.blocks = [block for block in blocks if block.values.shape[1]]
        self.rows, self.train, self.seed = len(blocks[0]), np.asarray(train), seed

    def __len__(self) -> int:
        return self.rows

    @cached_property
    def linear(self) -> sparse.csr_matrix | np.ndarray:
        """(rows, features) for models that add up; a dense array where no text takes part."""
        dense = [self._scaled(block) for block in self.blocks if block.kind == "numbers"]
        dense += [self._levelled(block) for block in self.blocks if block.kind == "pieces"]
        dense += [self._pictured / np.sqrt(self._pictured.shape[1])] if self._pictured.shape[1] else []
        thin = [self._one_hot(block) for block in self.blocks if block.kind == "categories"] + self._weighted
        if not dense and not thin:
            return np.zeros((len(self), 1), dtype=np.float32)
        if not thin:
            return np.hstack(dense).astype(np.float32)
        return sparse.csr_matrix(sparse.hstack([*map(sparse.csr_matrix, dense), *thin]), dtype=np.float32)

    @cached_property
    def table(self) -> tuple[np.ndarray, list[bool]]:
        """(rows, features) for trees, NaN where absent, and which of the columns are categories."""
        numbers = [block.values for block in self.blocks if block.kind in ("numbers", "pieces")]
        codes = [self._codes(block) for block in self.blocks if block.kind == "categories"]
        nothing = np.zeros((len(self), 0))
        parts = [nothing, *codes, *numbers, self._texts, self._pictured[:, :TREE_AXES]]
        made = np.hstack([np.asarray(part, dtype=np.float64) for part in parts])
        return made, [at < sum(part.shape[1] for part in codes) for at in range(made.shape[1])]

    @cached_property
    def _weighted(self) -> list[sparse.csr_matrix]:
        return [self._tf_idf(block) for block in self.blocks if block.kind == "counts"]

    @cached_property
    def _texts(self) -> np.ndarray:
        known = [part for part in self._weighted if part.shape[1] > 1]
        if not known:
            return np.zeros((len(self), 0))
        joined = sparse.hstack(known).tocsr()
        axes = min(TEXT_AXES, joined.shape[1] - 1, len(self.train) - 1)
        if axes < 1:
            return np.zeros((len(self), 0))
        found = TruncatedSVD(axes, n_iter=3, random_state=self.seed).fit(joined[self.train])
        return found.transform(joined)

    @cached_property
    def _pictured(self) -> np.ndarray:
        pixels = [block.values for block in self.blocks if block.kind == "pixels"]
        if not pixels or len(self.train) < 2:
            return np.zeros((len(self), 0))
        joined = np.hstack(pixels)
        axes = min(PIXEL_AXES, joined.shape[1], len(self.train) - 1)
        steps = make_pipeline(
            SimpleImputer(keep_empty_features=True),
            StandardScaler(with_std=False),
            PCA(axes, svd_solver="randomized", random_state=self.seed),
        )
        with np.errstate(invalid="ignore"):  # pictures that are all alike have no share of variance
            made = np.asarray(steps.fit(joined[self.train]).transform(joined), dtype=np.float64)
        spread = made[self.train].std(axis=0)
        # Axes along which training rows do not differ, but for rounding, would be all that a new row is judged by.
        real = spread > FLAT * spread.max(initial=0.0)
        return np.asarray(np.clip(made[:, real] / spread[real], -FARTHEST, FARTHEST))

    def _scaled(self, block: Plain) -> np.ndarray:
        steps = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value has no median
            made = steps.fit(block.values[self.train]).transform(block.values)
        return np.clip(made, -FARTHEST, FARTHEST) / np.sqrt(block.values.shape[1])

    def _levelled(self, block: Plain) -> np.ndarray:
        """One scale for all pieces: a rare one that is found once or twice is not worth a hundred common ones."""
        known = np.nan_to_num(block.values)
        lengths = np.linalg.norm(known[self.train], axis=1)
        return known / np.sqrt(np.mean(lengths[lengths > 0] ** 2)) if (lengths > 0).any() else known

    def _one_hot(self, block: Plain) -> sparse.csr_matrix:
        encoder = OneHotEncoder(handle_unknown="ignore", min_frequency=2 if len(self.train) >= 50 else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an unknown category is all zeros, as wanted
            return sparse.csr_matrix(encoder.fit(block.values[self.train]).transform(block.values))

    def _codes(self, block: Plain) -> np.ndarray:
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=MOST_CODES, dtype=np.float64
        )
        known = np.where(block.values < 0, np.nan, block.values)
        return encoder.fit(known[self.train]).transform(known)

    def _tf_idf(self, block: Plain) -> sparse.csr_matrix:
        counts = sparse.csr_matrix(block.values)
        often = np.bincount(counts[self.train].indices, minlength=counts.shape[1])
        ranked = np.argsort(-often, kind="stable")[:MOST_WORDS]
        kept = counts[:, np.sort(ranked[often[ranked] >= (2 if len(self.train) >= 50 else 1)])]
        if kept.shape[1] == 0:
            return sparse.csr_matrix((len(self), 1), dtype=np.float32)
        weighted = TfidfTransformer(sublinear_tf=True).fit(kept[self.train]).transform(kept)
        return sparse.csr_matrix(weighted, dtype=np.float32)
