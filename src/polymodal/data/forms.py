"""What numbers a text can become: weighted n-grams, or codes of word pieces."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from scipy import sparse
from torch import Tensor

from polymodal.data.base import Rows
from polymodal.data.bytepair import BREAK, BytePair
from polymodal.data.directions import SAMPLE, main_directions
from polymodal.data.ngrams import Vocabulary

__all__ = ["BORDER", "Form", "GramForm", "PieceForm", "padded", "part_of"]

BORDER = "\x1f"
"""Stands between the texts of two columns in one document."""
HELD = 256 * 2**20
"""Bytes that may be kept ready for all rows at once; beyond it every batch makes its own."""

OWN = 0.3
"""Weight of a column's own n-grams beside those of the whole text: at 0.5 they drown the topic of 1,000 reviews, at 0
the mood of titles is lost (measured on department and recommendation of womens_clothing)."""


class Form(ABC):
    """A way to turn documents into tensors; a document is the texts of a row's columns with BORDER between them."""

    @abstractmethod
    def fit(self, documents: Sequence[str]) -> None:
        """Learn from the documents of training rows, one for each row."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the form that gave this state."""

    def prepare(self, documents: pa.LargeStringArray) -> Any:
        """What `parts` will choose from: the documents, or what is made of them once and for all."""
        return documents

    @abstractmethod
    def parts(self, ready: Any, chosen: Rows) -> dict[str, Tensor]:
        """Tensors (n, ...) of the chosen documents."""


class GramForm(Form):
    """Words, word pairs and letter groups with TF-IDF weights.

    The document as a whole has a vocabulary. With several columns, each but the one with most text has one of its own
    beside it (a title's words tell more than a review's), of half the size and at the weight OWN.
    Parts: "grams" (n, most) int64, -1 where there is none, and "weights" (n, most) float32.
    """

    def __init__(self, columns: int, size: int = 1 << 15, rank: int = 256) -> None:
        self.columns, self.size, self.rank = columns, size, rank
        self.blocks: list[tuple[int, Vocabulary]] = []
        self.basis, self.centre = np.zeros((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)

    def fit(self, documents: Sequence[str]) -> None:
        """Learn the vocabularies, and the main directions in which documents differ."""
        amount = [sum(map(len, part_of(documents, place))) for place in range(self.columns)]
        own = [place for place in range(self.columns) if place != int(np.argmax(amount)) and amount[place]]
        self.blocks = [(-1, Vocabulary(self.size)), *((place, Vocabulary(self.size // 2)) for place in own)]
        for place, vocabulary in self.blocks:
            vocabulary.fit(part_of(documents, place))
        step = max(1, -(-len(documents) // SAMPLE))
        self.basis, self.centre = main_directions(self.weigh(documents[::step]), self.rank)

    def weigh(self, documents: Sequence[str]) -> sparse.csr_matrix:
        """(documents, n-grams) weights; there is one column at least."""
        made = [vocabulary.transform(part_of(documents, place)) for place, vocabulary in self.blocks]
        weighed = [made[0], *(block * np.float32(OWN) for block in made[1:])]
        weights = sparse.hstack(weighed, format="csr", dtype=np.float32)
        return weights if weights.shape[1] else sparse.csr_matrix((len(documents), 1), dtype=np.float32)

    def state(self) -> dict[str, Any]:
        """The vocabularies. The directions are not among it: they are saved with the encoder's weights."""
        blocks = [{"column": place, "size": words.size, **words.state()} for place, words in self.blocks]
        return {"blocks": blocks, "shape": list(self.basis.shape)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the vocabularies over; the directions are zero until an encoder's weights are loaded."""
        self.blocks = []
        for block in state["blocks"]:
            vocabulary = Vocabulary(int(block["size"]))
            vocabulary.restore(block)
            self.blocks.append((int(block["column"]), vocabulary))
        features, rank = state["shape"]
        self.basis, self.centre = np.zeros((features, rank), dtype=np.float32), np.zeros(rank, dtype=np.float32)

    def prepare(self, documents: pa.LargeStringArray) -> Any:
        """All weights at once where they are small, judged by the length of the texts: about 12 bytes a character."""
        return self.weigh(documents.to_pylist()) if documents.nbytes * 12 * len(self.blocks) <= HELD else documents

    def parts(self, ready: Any, chosen: Rows) -> dict[str, Tensor]:
        """Parts "grams" and "weights"."""
        rows = ready[chosen] if sparse.issparse(ready) else self.weigh(ready.take(pa.array(chosen)).to_pylist())
        counts = np.diff(rows.indptr)
        place = np.arange(max(int(counts.max(initial=0)), 1)) < counts[:, None]
        grams, weights = np.full(place.shape, -1, dtype=np.int64), np.zeros(place.shape, dtype=np.float32)
        grams[place], weights[place] = rows.indices, rows.data
        return {"grams": torch.from_numpy(grams), "weights": torch.from_numpy(weights)}


class PieceForm(Form):
    """Codes of word pieces, by a byte-pair tokeniser learned from the training texts.

    Part: "codes" (n, most) int64, 0 where there is none.
    """

    def __init__(self, size: int = 4096) -> None:
        self.size = size
        self.tokeniser = BytePair(size)

    def fit(self, documents: Sequence[str]) -> None:
        """Learn the pieces."""
        self.tokeniser = BytePair(self.size)
        self.tokeniser.fit(part for document in documents for part in document.split(BORDER))

    def state(self) -> dict[str, Any]:
        """The pieces."""
        return self.tokeniser.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the pieces over."""
        self.tokeniser.restore(state)

    def parts(self, ready: Any, chosen: Rows) -> dict[str, Tensor]:
        """Part "codes", the columns' texts one after another with a BREAK between them."""
        made = []
        for document in ready.take(pa.array(chosen)).to_pylist():
            first, *others = document.split(BORDER)
            codes = self.tokeniser.encode(first)
            for other in others:
                codes += [BREAK, *self.tokeniser.encode(other)]
            made.append(codes)
        return {"codes": torch.from_numpy(padded(made, 0))}


def part_of(documents: Sequence[str], column: int) -> list[str]:
    """The text of one column of each document; of all columns where `column` is -1."""
    if column < 0:
        return [document.replace(BORDER, "\n") for document in documents]
    return [document.split(BORDER)[column] for document in documents]


def padded(rows: Sequence[Sequence[int]], padding: int) -> np.ndarray:
    """(rows, longest) int64, at least one column."""
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    place = np.arange(max(int(lengths.max(initial=0)), 1)) < lengths[:, None]
    made = np.full(place.shape, padding, dtype=np.int64)
    made[place] = [code for row in rows for code in row]
    return made
