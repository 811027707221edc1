"""Counts the words, word pairs and letter groups of many texts at once, and weighs them by how telling they are.

Letter groups (3 to 5 letters, the ends of a word counted as a letter) depend on the word alone, so they are made once
for each distinct word of a chunk and spread over the rows by a sparse product; no loop of Python runs over letters.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["Vocabulary"]

CHUNK = 1 << 21  # characters worked on at once: bounds memory at about 400 MiB
TRACKED = 1 << 22  # distinct n-grams counted at once while fitting; the rarest are forgotten beyond it
HASH_BITS = np.uint64((1 << 53) - 1)  # a JSON number holds 53 bits exactly
BASE = np.uint64(0x9E3779B97F4A7C15)
CODE_POINTS = 0x110000
ALONE = ((0x2E80, 0x3100), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000))
"""Scripts written without spaces (Han, kana): each sign is a word of its own."""

Hashes = np.ndarray
"""uint64 (n,)."""


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over all others (the finaliser of SplitMix64: Steele et al. 2014), cut to 53 bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (values ^ (values >> np.uint64(31))) & HASH_BITS


def letters(text: str) -> np.ndarray:
    """Code points of a text, uint32, without apostrophes ("don't" and "dont" are one word)."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return points[(points != ord("'")) & (points != 0x2019)]


def word_table(points: np.ndarray) -> np.ndarray:
    """(code points,) 1 where a character is part of a word, 2 where it is a word of its own, 0 elsewhere."""
    seen = np.zeros(CODE_POINTS, dtype=bool)
    seen[points] = True
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    for point in np.flatnonzero(seen).tolist():
        kind = unicodedata.category(chr(point))
        table[point] = 1 if kind[0] in "LNM" else 2 if kind == "So" else 0
    for low, high in ALONE:
        table[low:high] *= 2
    return np.minimum(table, 2)


@dataclass(frozen=True)
class Words:
    """The words of some texts: `row` and `code` (words,) in order, `code` pointing into the distinct words.

    `hashes` (distinct,); `framed` holds the distinct words' letters one after another, a zero before and after each;
    word i takes `framed[bounds[i]:bounds[i + 1]]`.
    """

    row: np.ndarray
    code: np.ndarray
    hashes: Hashes
    framed: np.ndarray
    bounds: np.ndarray
    rows: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Cut texts into words: runs of letters, marks and digits, case and compatibility forms folded."""
        joined = "\x00".join(text.replace("\x00", " ") for text in texts)
        points = letters(unicodedata.normalize("NFKC", joined.casefold()))
        kind = word_table(points)[points]
        before = np.concatenate([[0], kind[:-1]])
        starts = np.flatnonzero((kind == 2) | ((kind == 1) & (before != 1)))
        after = np.concatenate([kind[1:], [0]])
        ends = np.flatnonzero((kind == 2) | ((kind == 1) & (after != 1))) + 1
        row = np.searchsorted(np.flatnonzero(points == 0), starts)
        hashes = span_hashes(points, starts, ends)
        distinct, first, code = np.unique(hashes, return_index=True, return_inverse=True)
        framed, bounds = frame(points, starts[first], ends[first])
        return cls(row, code, distinct, framed, bounds, len(texts))

    def counts(self) -> sparse.csr_matrix:
        """(rows, distinct words): how often each word stands in each text."""
        ones = np.ones(len(self.row), dtype=np.float32)
        return sparse.csr_matrix((ones, (self.row, self.code)), shape=(self.rows, len(self.hashes)))

    def pairs(self) -> tuple[np.ndarray, Hashes]:
        """Row and hash of every two words that follow each other in one text."""
        same = self.row[1:] == self.row[:-1]
        left, right = self.hashes[self.code[:-1][same]], self.hashes[self.code[1:][same]]
        return self.row[1:][same], mixed(left * BASE + right)

    def groups(self, shortest: int, longest: int) -> tuple[np.ndarray, Hashes]:
        """Distinct word and hash of every letter group within the framed words."""
        spread = mixed(self.framed.astype(np.uint64) + BASE)
        word = np.repeat(np.arange(len(self.hashes)), np.diff(self.bounds))
        left = self.bounds[word + 1] - np.arange(len(word))
        owners, hashes = [], []
        rolling = np.zeros(len(spread), dtype=np.uint64)
        for size in range(1, longest + 1):
            rolling = rolling[: len(spread) - size + 1] * BASE + spread[size - 1 :]
            if size >= shortest:
                fits = left[: len(rolling)] >= size
                owners.append(word[: len(rolling)][fits])
                hashes.append(mixed(rolling[fits] + np.uint64(size)))
        return np.concatenate(owners), np.concatenate(hashes)


def span_hashes(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Hashes:
    """One hash for each span of letters: a polynomial in BASE, summed span by span."""
    if not len(starts):
        return np.zeros(0, dtype=np.uint64)
    lengths = ends - starts
    place = within(lengths)
    powers = np.full(int(lengths.max()), BASE, dtype=np.uint64).cumprod(dtype=np.uint64)
    terms = mixed(points[np.repeat(starts, lengths) + place].astype(np.uint64) + BASE) * powers[place]
    return mixed(np.add.reduceat(terms, np.concatenate([[0], lengths.cumsum()[:-1]])))


def within(lengths: np.ndarray) -> np.ndarray:
    """0 … length - 1 for each length, one after another."""
    return np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)


def frame(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The spans with a zero before and after each, and where each begins and ends."""
    lengths = ends - starts
    bounds = np.concatenate([[0], (lengths + 2).cumsum()])
    framed = np.zeros(bounds[-1], dtype=np.uint32)
    place = within(lengths)
    framed[np.repeat(bounds[:-1] + 1, lengths) + place] = points[np.repeat(starts, lengths) + place]
    return framed, bounds


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in runs of about CHUNK characters."""
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)).cumsum()
    cuts = np.searchsorted(sizes, np.arange(CHUNK, sizes[-1] if len(sizes) else 0, CHUNK)) + 1
    edges = [0, *np.unique(cuts).tolist(), len(texts)]
    return (texts[low:high] for low, high in pairwise(edges) if high > low)


@dataclass(frozen=True)
class Family:
    """The n-grams that were kept of one kind: `hashes` ascending, and in how many training texts each stood."""

    hashes: Hashes
    documents: np.ndarray

    @classmethod
    def kept(cls, tally: "Tally", size: int, least: int) -> "Family":
        """The `size` n-grams that stand in most texts, and in `least` at least; ties go to the smaller hash."""
        often = tally.documents >= least
        hashes, documents = tally.hashes[often], tally.documents[often]
        best = np.sort(np.argsort(-documents, kind="stable")[:size])
        return cls(hashes[best], documents[best])

    def find(self, hashes: Hashes) -> np.ndarray:
        """Where each hash stands among the kept ones, -1 where it does not."""
        if not len(self.hashes):
            return np.full(len(hashes), -1)
        place = np.searchsorted(self.hashes, hashes).clip(max=len(self.hashes) - 1)
        return np.where(self.hashes[place] == hashes, place, -1)

    def matrix(self, owner: np.ndarray, hashes: Hashes, owners: int) -> sparse.csr_matrix:
        """(owners, kept): how often each kept n-gram occurs with each owner."""
        place = self.find(hashes)
        known = place >= 0
        ones = np.ones(int(known.sum()), dtype=np.float32)
        return sparse.csr_matrix((ones, (owner[known], place[known])), shape=(owners, len(self.hashes)))

    def weighted(self, counts: sparse.csr_matrix, rows: int) -> sparse.csr_matrix:
        """(1 + log count) · idf, each row of length 1; idf = 1 + ln((1 + rows) / (1 + documents))."""
        rarity = (1.0 + np.log((1 + rows) / (1 + self.documents))).astype(np.float32)
        counts.data = (1.0 + np.log(counts.data)) * rarity[counts.indices]
        lengths = np.sqrt(counts.multiply(counts).sum(axis=1)).A1.astype(np.float32)
        counts.data /= np.repeat(lengths, np.diff(counts.indptr))
        return counts


class Tally:
    """In how many texts each n-gram stood so far."""

    def __init__(self) -> None:
        self.hashes, self.documents = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)

    def add(self, hashes: Hashes, documents: np.ndarray) -> None:
        """Count more n-grams; the rarest are forgotten when there are too many."""
        both = np.concatenate([self.hashes, hashes])
        self.hashes, place = np.unique(both, return_inverse=True)
        weights = np.concatenate([self.documents, documents])
        self.documents = np.bincount(place, weights, len(self.hashes)).astype(np.int64)
        if len(self.hashes) > TRACKED:
            best = np.sort(np.argsort(-self.documents, kind="stable")[: TRACKED // 2])
            self.hashes, self.documents = self.hashes[best], self.documents[best]


class Vocabulary:
    """The telling words and letter groups of the training texts (TF-IDF: Salton and Buckley 1988).

    Of words and word pairs, and of letter groups, the `size / 2` that stand in most texts are kept, so that neither
    crowds the other out. `fit` learns, `transform` gives (texts, len(self)) weights, `state` and `restore` carry what
    was learned as JSON data.
    """

    def __init__(self, size: int = 1 << 15, shortest: int = 3, longest: int = 5) -> None:
        self.size, self.shortest, self.longest = size, shortest, longest
        nothing = Family(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
        self.words, self.groups, self.rows = nothing, nothing, 0

    def __len__(self) -> int:
        return len(self.words.hashes) + len(self.groups.hashes)

    def fit(self, texts: Sequence[str]) -> None:
        """Learn from training texts; an n-gram of one text only is dropped once there are 50 texts."""
        words, groups = Tally(), Tally()
        for chunk in chunks(texts):
            found = Words.of(chunk)
            counts = found.counts()
            words.add(found.hashes, np.bincount(counts.indices, minlength=len(found.hashes)))
            row, hashes = found.pairs()
            words.add(*once_a_text(row, hashes))
            groups.add(*group_documents(found, counts, self.shortest, self.longest))
        least = 2 if len(texts) >= 50 else 1
        self.words = Family.kept(words, self.size // 2, least)
        self.groups = Family.kept(groups, self.size // 2, least)
        self.rows = len(texts)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(texts, len(self)) float32; the words' part and the letter groups' part of a row each have length 1."""
        parts = [self.part(chunk) for chunk in chunks(texts)]
        return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, len(self)), dtype=np.float32)

    def part(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """`transform` of one chunk."""
        found = Words.of(texts)
        row, hashes = found.pairs()
        row, hashes = np.concatenate([found.row, row]), np.concatenate([found.hashes[found.code], hashes])
        words = self.words.matrix(row, hashes, found.rows)
        owner, hashes = found.groups(self.shortest, self.longest)
        groups = found.counts() @ self.groups.matrix(owner, hashes, len(found.hashes))
        weighted = [self.words.weighted(words, self.rows), self.groups.weighted(groups, self.rows)]
        return sparse.hstack(weighted, format="csr")

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""
        families = {"words": self.words, "groups": self.groups}
        kept = {
            name: {"hashes": family.hashes.tolist(), "documents": family.documents.tolist()}
            for name, family in families.items()
        }
        return {"rows": self.rows, **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the vocabulary that gave this state."""
        self.rows = int(state["rows"])
        self.words, self.groups = (
            Family(np.array(state[name]["hashes"], dtype=np.uint64), np.array(state[name]["documents"], dtype=np.int64))
            for name in ("words", "groups")
        )


def once_a_text(row: np.ndarray, hashes: Hashes) -> tuple[Hashes, np.ndarray]:
    """Distinct hashes, and in how many rows each stands."""
    distinct, code = np.unique(hashes, return_inverse=True)
    pairs = np.unique(row * np.int64(max(len(distinct), 1)) + code)
    return distinct, np.bincount(pairs % max(len(distinct), 1), minlength=len(distinct))


def group_documents(found: Words, counts: sparse.csr_matrix, shortest: int, longest: int) -> tuple[Hashes, np.ndarray]:
    """Distinct letter groups, and in how many texts each stands."""
    owner, hashes = found.groups(shortest, longest)
    distinct, code = np.unique(hashes, return_inverse=True)
    ones = np.ones(len(owner), dtype=np.float32)
    makes = sparse.csr_matrix((ones, (owner, code)), shape=(len(found.hashes), len(distinct)))
    spread = counts @ makes
    return distinct, np.bincount(spread.indices, minlength=len(distinct))
