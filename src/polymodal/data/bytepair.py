"""Our own tokeniser: pieces of words learned from training texts, down to single bytes: any text has codes."""

import heapq
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["BREAK", "END", "MASK", "PADDING", "START", "BytePair"]

PADDING, MASK, START, END, BREAK = range(5)
"""Codes with a meaning of their own: nothing, hidden, begin, end, and the border between two columns."""
BYTES = 5
"""The code of byte 0; the codes of the learned pieces follow those of the 256 bytes."""

# Bounded runs, so that no text makes a word too long to be merged quickly.
_WORDS = re.compile(r" ?\w{1,32}| ?[^\w\s]{1,16}|\s{1,16}")
_DISTINCT = 100_000  # distinct words that merges are learned from
_REMEMBERED = 200_000  # distinct words whose codes are kept at hand

Pair = tuple[int, int]


class BytePair:
    """Byte-pair encoding (Sennrich et al. 2016, algorithm 1) over bytes.

    `size` is the number of codes in the end. `fold` ignores case and compatibility forms; without it, `decode` gives
    back exactly what was encoded.

    >>> tokeniser = BytePair(size=300)
    >>> tokeniser.fit(["low lower lowest"] * 4)
    >>> tokeniser.decode(tokeniser.encode("lowest"))
    'lowest'
    """

    def __init__(self, size: int = 4096, fold: bool = True) -> None:
        self.size, self.fold = size, fold
        self._learn([])

    def __len__(self) -> int:
        return BYTES + 256 + len(self.merges)

    def fit(self, texts: Iterable[str]) -> None:
        """Learn which neighbours belong together; ties go to the pair with the smaller codes."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(self.words(text))
        common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_DISTINCT]
        pieces = [[BYTES + byte for byte in word.encode("utf-8", "replace")] for word, _ in common]
        self._learn(learned_merges(pieces, [count for _, count in common], self.size - BYTES - 256))

    def words(self, text: str) -> list[str]:
        """The stretches of a text within which pieces are joined; together they are the whole text."""
        return _WORDS.findall(unicodedata.normalize("NFKC", text.casefold()) if self.fold else text)

    def encode(self, text: str) -> list[int]:
        """Codes of a text of any length; none for an empty one."""
        codes: list[int] = []
        for word in self.words(text):
            known = self._known.get(word)
            codes += self._split(word) if known is None else known
        return codes

    def decode(self, codes: Sequence[int]) -> str:
        """The text of some codes; codes with a meaning of their own are left out."""
        return b"".join(self._bytes[code] for code in codes).decode("utf-8", "replace")

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON data."""
        return {"size": self.size, "fold": self.fold, "merges": [list(pair) for pair in self.merges]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the tokeniser that gave this state."""
        self.size, self.fold = int(state["size"]), bool(state["fold"])
        self._learn([(int(left), int(right)) for left, right in state["merges"]])

    def _learn(self, merges: list[Pair]) -> None:
        self.merges = merges
        self._rank = {pair: place for place, pair in enumerate(merges)}
        self._bytes = [b""] * BYTES + [bytes([byte]) for byte in range(256)]
        for left, right in merges:
            self._bytes.append(self._bytes[left] + self._bytes[right])
        self._known: dict[str, list[int]] = {}

    def _split(self, word: str) -> list[int]:
        codes = [BYTES + byte for byte in word.encode("utf-8", "replace")]
        never = len(self._rank)
        while len(codes) > 1:
            best = min(pairwise(codes), key=lambda pair: self._rank.get(pair, never))
            if best not in self._rank:
                break
            codes = joined(codes, best, BYTES + 256 + self._rank[best])
        if len(self._known) < _REMEMBERED:
            self._known[word] = codes
        return codes


def joined(codes: Sequence[int], pair: Pair, code: int) -> list[int]:
    """The codes with every occurrence of the pair, from left to right, turned into one code."""
    made, place = [], 0
    while place < len(codes):
        if place + 1 < len(codes) and (codes[place], codes[place + 1]) == pair:
            made.append(code)
            place += 2
        else:
            made.append(codes[place])
            place += 1
    return made


class Neighbours:
    """How often two codes stand side by side in all words, kept up to date while pairs are joined."""

    def __init__(self, words: list[list[int]], counts: Sequence[int]) -> None:
        self.words, self.counts = words, counts
        self.total: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)
        for place in range(len(words)):
            self._count(place)

    def join(self, pair: Pair, code: int) -> set[Pair]:
        """Turn a pair into one code everywhere; the pairs whose counts changed."""
        changed: set[Pair] = set()
        for place in self.where.pop(pair):
            before = self.words[place]
            for old in pairwise(before):
                self.total[old] -= self.counts[place]
            self.words[place] = joined(before, pair, code)
            self._count(place)
            changed.update(pairwise(before), pairwise(self.words[place]))
        return changed - {pair}

    def _count(self, place: int) -> None:
        for pair in pairwise(self.words[place]):
            self.total[pair] += self.counts[place]
            self.where[pair].add(place)


def learned_merges(words: list[list[int]], counts: Sequence[int], most: int) -> list[Pair]:
    """The pairs to join, most frequent first, each counted after the joins before it. `words` is used up."""
    neighbours = Neighbours(words, counts)
    queue = [(-count, pair) for pair, count in neighbours.total.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < most:
        count, pair = heapq.heappop(queue)
        if -count != neighbours.total[pair]:
            continue  # an old count; the pair stands further back in the queue with its new one
        if -count < 2:
            break
        for other in neighbours.join(pair, BYTES + 256 + len(merges)):
            heapq.heappush(queue, (-neighbours.total[other], other))
        merges.append(pair)
    return merges
