"""Ways in which modalities go missing."""

import numpy as np

from polymodal.core.seeding import numpy_generator

__all__ = ["PATTERNS", "missing_pattern"]

PATTERNS = ("complete", "scattered", "blocks", "single", "dark", "bare")
"""None missing · at random · whole sites lack one · each row has one · one is nowhere · some rows have nothing."""


def missing_pattern(name: str, rows: int, modalities: int, seed: int = 0) -> np.ndarray:
    """(rows, modalities) True where a value is there, in the named way; every way but "bare" leaves each row one.

    Raises ValueError for a name that is not in `PATTERNS`.

    >>> missing_pattern("dark", rows=2, modalities=3)[:, 0].tolist()
    [False, False]
    """
    if name not in PATTERNS:
        raise ValueError(f"expected one of {', '.join(PATTERNS)}, found {name}")
    draw = numpy_generator(seed, "missing", name)
    held = np.ones((rows, modalities), dtype=bool)
    if name == "scattered":
        held = draw.random((rows, modalities)) < 0.6
    elif name == "blocks":
        # Four sites; site k was never given the instrument for modality k.
        held[np.arange(rows), (np.arange(rows) * 4 // max(rows, 1)) % modalities] = modalities == 1
    elif name == "single":
        held = np.arange(modalities) == draw.integers(modalities, size=(rows, 1))
    elif name == "dark":
        held[:, 0] = modalities == 1
    elif name == "bare":
        held[::3] = False
        return held
    held[~held.any(axis=1), -1] = True
    return held
