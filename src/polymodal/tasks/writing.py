"""How well a written text meets the true one: word for word, and by the letters that the two share.

>>> written_metrics(["a red square", "a blue ring"], ["a red square", "a blue circle"])["exact_match"]
0.5
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["LONGEST_GRAM", "chrf", "edit_counts", "edit_distance", "exact_matches", "gram_counts", "written_metrics"]

LONGEST_GRAM = 6
"""Letters of the longest group that is compared."""
RECALL_COUNTS = 2.0
"""How many times as much as precision recall counts (the β of chrF2)."""

Truth = Sequence[str] | Sequence[Sequence[str]]
"""One true text for each row, or several that are all right."""


def written_metrics(written: Sequence[str], truth: Truth) -> dict[str, float]:
    """exact_match and chrf, both between 0 and 1, of some texts beside the true ones; nothing where there is no text.

    Where a row has several true texts, any of them may be met. Nothing is folded: case and marks count.
    """
    if not len(written):
        return {}
    everyone = np.ones((1, len(written)))
    return {
        "exact_match": float(exact_matches(written, truth).mean()),
        "chrf": float(chrf(gram_counts(written, truth), everyone)[0]),
    }


def exact_matches(written: Sequence[str], truth: Truth) -> np.ndarray:
    """(n,) 1 where a text is one of the true ones, runs of white space counted as one space; 0 elsewhere."""
    right = [spaced(text) in map(spaced, true) for text, true in zip(written, accepted(truth), strict=True)]
    return np.array(right, dtype=np.float64)


def gram_counts(written: Sequence[str], truth: Truth) -> np.ndarray:
    """(n, LONGEST_GRAM, 3): groups of letters written, true, and shared, by their length, white space left out.

    Of several true texts the one with the highest chrF of its own row is taken, the first of equals.
    """
    made = np.zeros((len(written), LONGEST_GRAM, 3))
    for row, (text, true) in enumerate(zip(written, accepted(truth), strict=True)):
        found = np.stack([_counts(text, other) for other in true])
        made[row] = found[chrf(found, np.eye(len(true))).argmax()]
    return made


def chrf(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws,) the chrF of all rows together, between 0 and 1 (Popović 2015, eq. 1, with β = 2: chrF2).

    `counts` are those of `gram_counts`, and row i counts `weights` (draws, n) times. Precision and recall are taken
    over the whole of the rows for each length of group, then averaged over the lengths that occur on both sides (the
    published tool sacrebleu, which names a hundred times this number, does the same).
    """
    ours, true, shared = np.moveaxis(np.einsum("dn,nlc->dlc", weights, counts), -1, 0)
    both = (ours > 0) & (true > 0)
    lengths = np.maximum(both.sum(axis=1), 1)
    precision = np.where(both, shared / np.maximum(ours, 1e-300), 0.0).sum(axis=1) / lengths
    recall = np.where(both, shared / np.maximum(true, 1e-300), 0.0).sum(axis=1) / lengths
    squared = RECALL_COUNTS**2
    below = squared * precision + recall
    return np.where(below > 0, (1 + squared) * precision * recall / np.where(below > 0, below, 1.0), 0.0)


def edit_counts(written: Sequence[str], truth: Sequence[str]) -> np.ndarray:
    """(n, 4): edits of signs, signs of the true text, edits of words, words of the true text.

    Runs of white space count as one space; nothing else is folded.
    """
    made = np.zeros((len(written), 4))
    for row, (text, true) in enumerate(zip(written, truth, strict=True)):
        said, right = spaced(text), spaced(true)
        words = edit_distance(said.split(), right.split())
        made[row] = edit_distance(said, right), len(right), words, len(right.split())
    return made


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """The fewest entries to be put in, taken out or exchanged to make one sequence the other (Levenshtein 1966).

    By rows of Wagner and Fischer (1974), each computed at once: what a row costs without insertions is a minimum, and
    insertions carry the least of it to the right, one more for each step.
    """
    number = {entry: place for place, entry in enumerate(dict.fromkeys([*first, *second]))}
    other = np.array([number[entry] for entry in second], dtype=np.int64)
    steps = np.arange(len(other) + 1)
    row = steps.copy()
    for entry in first:
        changed = np.minimum(row[1:] + 1, row[:-1] + (other != number[entry]))
        row = np.minimum.accumulate(np.concatenate([[row[0] + 1], changed]) - steps) + steps
    return int(row[-1])


def accepted(truth: Truth) -> list[list[str]]:
    """The true texts of each row as a list. Raises ValueError for a row without any."""
    made = [[true] if isinstance(true, str) else list(true) for true in truth]
    bare = [row for row, true in enumerate(made) if not true]
    if bare:
        raise ValueError(f"every row needs at least one true text, found none in row {bare[0]}")
    return made


def spaced(text: str) -> str:
    """A text with single spaces between its words."""
    return " ".join(text.split())


def _counts(text: str, true: str) -> np.ndarray:
    """(LONGEST_GRAM, 3) for one pair; a length that the true text is too short for does not count against the other."""
    made = np.zeros((LONGEST_GRAM, 3))
    for length in range(1, LONGEST_GRAM + 1):
        ours, theirs = _grams(text, length), _grams(true, length)
        made[length - 1] = ours.total() if theirs else 0, theirs.total(), (ours & theirs).total()
    return made


def _grams(text: str, length: int) -> Counter[str]:
    bare = "".join(text.split())
    return Counter(bare[place : place + length] for place in range(len(bare) - length + 1))
