"""One series of measurements out of a cell: an array in memory, numbers written in a row, or the content of a file."""

import io
import math
import re
from collections.abc import Sequence
from tokenize import TokenError

import numpy as np

from polymodal.core import DataError

__all__ = ["MOST_VALUES", "from_bytes", "from_cell"]

MOST_VALUES = 2**26
"""Numbers that one series may hold, steps times channels; more are refused before they are read."""

_NPY = b"\x93NUMPY"
_BETWEEN = re.compile(r"[\s,;|]+")


def from_cell(value: object) -> np.ndarray:
    """(steps,) or (steps, channels) float64 of a cell: an array, a list, a number, or text such as "0.5 1 NaN 2".

    Raises DataError, with a sentence in `found`, where it is no such thing.
    """
    if isinstance(value, str):
        return _checked(_from_text(value))
    if isinstance(value, bytes):
        return from_bytes(value)
    try:
        values = np.asarray(value)
        # None among numbers
        values = values.astype(np.float64) if values.dtype == object else values
    except ValueError as error:
        raise _unusable("series-ragged", "holds channels of different lengths") from error
    except TypeError as error:
        raise _unusable("series-not-numbers", f"holds a {type(value).__name__}, not numbers") from error
    return _checked(np.atleast_1d(values))


def from_bytes(content: bytes) -> np.ndarray:
    """The same of a file's content: .npy, or text with a line for each step and columns for channels.

    A first line that is no numbers counts as a header. Nothing is ever unpickled.
    """
    if content.startswith(_NPY):
        return _checked(_from_npy(content))
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _unusable("series-format", "is neither a .npy file nor text") from error
    rows = [_BETWEEN.split(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if rows and all(_number(word) is None for word in rows[0]):
        rows = rows[1:]
    if not rows:
        raise _unusable("series-empty", "holds no number")
    if len({len(row) for row in rows}) > 1:
        uneven = next(place for place, row in enumerate(rows) if len(row) != len(rows[0]))
        found = f"has {len(rows[uneven])} values in data line {uneven + 1} and {len(rows[0])} in the first"
        raise _unusable("series-ragged", found)
    return _checked(np.array([_numbers(row) for row in rows]))


def _from_npy(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        announced = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise _unusable("series-pickle", "is a pickled array, which may run any code")
        if announced != len(content) - stream.tell():
            found = f"announces {announced:,} bytes of numbers and holds {len(content) - stream.tell():,}"
            raise _unusable("series-truncated", found)
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OverflowError, SyntaxError, TypeError, TokenError) as error:
        raise _unusable("series-format", "is a damaged .npy file") from error


def _from_text(text: str) -> np.ndarray:
    words = [word for word in _BETWEEN.split(text.strip().strip("[]()").strip()) if word]
    return np.array(_numbers(words))


def _numbers(words: Sequence[str]) -> list[float]:
    made = [_number(word) for word in words]
    wrong = [word for word, number in zip(words, made, strict=True) if number is None]
    if wrong:
        raise _unusable("series-not-numbers", f"holds {wrong[0][:40]!r}, which is no number")
    return [number for number in made if number is not None]


def _number(word: str) -> float | None:
    if word.lower() in ("", "na", "nan", "null", "none"):
        return math.nan
    try:
        return float(word)
    except ValueError:
        return None


def _checked(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise _unusable("series-not-numbers", f"holds values of type {values.dtype}, not real numbers")
    if values.ndim > 2:
        shape = " × ".join(map(str, values.shape))
        raise _unusable("series-shape", f"has the shape {shape}; a series is steps, or steps × channels")
    if values.size > MOST_VALUES:
        raise _unusable("series-too-long", f"holds {values.size:,} numbers, the limit is {MOST_VALUES:,}")
    made = np.asarray(values, dtype=np.float64)
    made = np.where(np.isfinite(made), made, np.nan)
    if np.isnan(made).all():
        raise _unusable("series-empty", "holds no finite number")
    return made


def _unusable(code: str, found: str) -> DataError:
    return DataError(
        code,
        where="series",
        expected="numbers: one for each step, or a row for each step and a column for each channel",
        found=found,
        remedy="write the series again, or leave the cell empty",
    )
