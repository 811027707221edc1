"""What kind of column this is, decided by its content alone, and how its cells are then parsed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from polymodal.data.cells import absent, dense, is_number, is_time, numbers_of, parse_labels, texts
from polymodal.data.dates import date_order, read_dates
from polymodal.data.numerals import decimal_mark, limits, plain_numbers, read_numbers

__all__ = [
    "FILE_SUFFIXES",
    "NULL_WORDS",
    "Kind",
    "KindName",
    "absent",
    "ending_of",
    "infer_kind",
    "parse_booleans",
    "parse_dates",
    "parse_labels",
    "parse_numbers",
    "strangers",
]

KindName = Literal["number", "boolean", "category", "date", "text", "file", "identifier", "constant"]

_NULLS = """na n/a n.a. nan null none nil - -- ? . missing unknown #n/a #na #null! #value! k.a. inf -inf"""
NULL_WORDS = frozenset(_NULLS.split())
"""Words, in lower case, that people write into a column of numbers or dates where they had none."""

_YES = """1 true t yes y on ja j wahr oui vrai si sí sì da да verdadero sim"""
_NO = """0 false f no n off nein falsch non faux nee нет falso não nej"""
_BOOLEAN = {**dict.fromkeys(_YES.split(), 1.0), **dict.fromkeys(_NO.split(), 0.0)}

FILE_SUFFIXES: Mapping[str, str] = {
    suffix: kind
    for kind, suffixes in {
        "image": ".png .jpg .jpeg .gif .bmp .tif .tiff .webp .npy",
        "audio": ".wav .flac .ogg .mp3 .m4a",
        "video": ".mp4 .avi .mov .mkv .webm",
        "volume": ".nii .nii.gz",
        "tissue": ".h5ad .h5mu",
        "structure": ".xyz .extxyz .sdf .mol",
        "other": ".txt .pdf .json .csv .dcm .gz .npz .h5 .pdb .fasta",
    }.items()
    for suffix in suffixes.split()
}
"""What a file name's ending says about the file."""

_ENOUGH = 0.9  # share of the cells that must parse for a column of text to be numbers or dates
_LONGEST = 60  # letters; no number or date is longer
_EXACT = 2**53  # the largest whole number up to which a float tells neighbours apart


@dataclass(frozen=True)
class Kind:
    """What a column holds, how it is written, and the reason for thinking so.

    `decimal` ("." or ",") matters to numbers, `order` ("dmy" or "mdy") to dates.
    """

    name: KindName
    reason: str = ""
    decimal: str = "."
    order: str = "dmy"

    def state(self) -> dict[str, Any]:
        """The same as plain JSON data."""
        return asdict(self)

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Kind":
        """The kind that gave this state."""
        return cls(**state)


def infer_kind(series: pd.Series, missing: Sequence[str] = ("",)) -> Kind:
    """The kind of a column, from exactly the rows that are given; their order does not matter."""
    known = dense(series[~absent(series, missing)])
    if len(known) == 0:
        return Kind("constant", "no row has a value")
    if is_time(known):
        return _unless_constant(numbers_of_dates(known), Kind("date", "the column holds dates by type"))
    if is_number(known):
        return _kind_of_numbers(known, numbers_of(known), Kind("number", "the column holds numbers by type"))
    return _kind_of_texts(texts(known))


def strangers(series: pd.Series, missing: Sequence[str] = ("",)) -> tuple[float, list[str]]:
    """The share of the cells that are numbers, and what the others hold, the commonest first.

    (0, []) for a column that holds numbers or dates by type, codes with leading zeros, or hardly any digit.
    """
    known = dense(series[~absent(series, missing)])
    if len(known) == 0 or is_time(known) or is_number(known):
        return 0.0, []
    written = texts(known)
    coded = pc.sum(pc.match_substring_regex(written, r"^0\d+$")).as_py() or 0
    if coded or not _has_digits(written):
        return 0.0, []
    fine = np.isfinite(read_numbers(written, decimal_mark(written)))
    others = pd.Series(pc.filter(written, pa.array(~fine)).to_numpy(zero_copy_only=False), dtype=object)
    return float(fine.mean()), [str(word) for word in others.value_counts().index]


def parse_numbers(
    series: pd.Series, kind: Kind | None = None, missing: Sequence[str] = ("",)
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n,) float64, NaN where absent or bad; and (n,) True where a cell is bad: it holds no finite number.

    Columns that are float64 already are not copied unless something in them is bad.
    """
    series = dense(series)
    empty = absent(series, missing)
    decimal = kind.decimal if kind else "."
    numbers = numbers_of(series) if is_number(series) else read_numbers(texts(series), decimal)
    bad = ~np.isfinite(numbers) & ~empty
    if bad.any() or (empty & ~np.isnan(numbers)).any():
        numbers = np.where(bad | empty, np.nan, numbers)
    return numbers, bad


def parse_dates(
    series: pd.Series, kind: Kind | None = None, missing: Sequence[str] = ("",)
) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970-01-01 (n,) float64, NaN where absent or bad; and (n,) True where a cell is no date."""
    series = dense(series)
    empty = absent(series, missing)
    if is_time(series):
        return numbers_of_dates(series), np.zeros(len(series), dtype=bool)
    days = np.where(empty, np.nan, read_dates(texts(series), kind.order if kind else "dmy"))
    return days, np.isnan(days) & ~empty


def parse_booleans(series: pd.Series, missing: Sequence[str] = ("",)) -> tuple[np.ndarray, np.ndarray]:
    """1.0 for yes and 0.0 for no (n,), NaN where absent or bad; and (n,) True where a cell is neither."""
    labels = pd.Series(parse_labels(series, missing), dtype=object)
    answers = labels.str.lower().map(_BOOLEAN).to_numpy(dtype=float)
    return answers, np.isnan(answers) & labels.notna().to_numpy()


def numbers_of_dates(series: pd.Series) -> np.ndarray:
    """(n,) days since 1970-01-01 of a column that holds dates by type; NaN where it holds none."""
    moments = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
    seconds = moments.to_numpy(dtype="datetime64[us]")
    days: np.ndarray = np.where(np.isnat(seconds), np.nan, seconds.astype("int64") / 86_400e6)
    return days


def _unless_constant(days: np.ndarray, kind: Kind) -> Kind:
    if (days != days[0]).any():
        return kind
    day = np.datetime64(int(days[0] // 1), "D")
    return Kind("constant", f"every date is {day}", order=kind.order)


def _kind_of_numbers(known: pd.Series, numbers: np.ndarray, kind: Kind) -> Kind:
    low, high = numbers.min(), numbers.max()
    if low == high and known.nunique() == 1:
        return Kind("constant", f"every value is {low:g}")
    if not np.isfinite([low, high]).all() or not (numbers == np.floor(numbers)).all():
        return kind
    if low == 0 and high == 1:
        return Kind("boolean", "every value is 0 or 1")
    alike = len(numbers) >= 20 and known.is_unique
    if alike and max(-low, high) >= _EXACT:
        return Kind("identifier", "whole numbers of more than 15 digits, each one only once")
    years = low >= 1800 and high <= 2200
    if alike and not years and len(numbers) >= 0.5 * (high - low + 1):
        return Kind("identifier", f"whole numbers that count from {low:g} to {high:g}, each one only once")
    return kind


def _kind_of_texts(written: pa.LargeStringArray) -> Kind:
    numeric = _all_compact_dates(written) or _numeric_kind(written)
    if numeric is not None:
        return numeric
    counts = pd.Series(written.to_numpy(zero_copy_only=False), dtype=object).value_counts()
    if len(counts) == 1:
        return Kind("constant", f'every value is "{_short(counts.index[0])}"')
    if {text.lower() for text in counts.index} <= set(_BOOLEAN) and len(counts) <= len(_BOOLEAN):
        answers = {_BOOLEAN[text.lower()] for text in counts.index}
        if len(answers) == 2:
            return Kind("boolean", f"every value is {_listed(counts)}")
    dates = _date_kind(written) if _has_digits(written) else None
    return dates if dates is not None else _kind_of_words(counts)


def _has_digits(written: pa.LargeStringArray) -> bool:
    """Whether enough cells are short and hold a digit, as numbers and dates do: a quick look that spares a long one."""
    short = pc.filter(written, pc.less_equal(pc.utf8_length(written), _LONGEST))
    digits = pc.sum(pc.match_substring_regex(short, r"\d")).as_py() or 0
    return bool(digits >= 0.3 * len(written))


def _all_compact_dates(written: pa.LargeStringArray) -> Kind | None:
    """20200131 is a number too, so all cells must be such dates, and several of them different."""
    if not pc.all(pc.match_substring_regex(written[:1000], r"^(?:19|20)\d{6}$")).as_py():
        return None
    days = read_dates(written, "dmy")
    if np.isnan(days).any() or len(np.unique(days)) < 5:
        return None
    return Kind("date", "every value is a date written as eight digits")


def _numeric_kind(written: pa.LargeStringArray) -> Kind | None:
    numbers, decimal = plain_numbers(written), "."
    plain = numbers is not None
    if numbers is None:
        if not _has_digits(written):
            return None
        decimal = decimal_mark(written)
        numbers = read_numbers(written, decimal)
    fine = np.isfinite(numbers)
    words = _null_words(written, ~fine)
    counted = len(fine) - int(words.sum())
    if fine.sum() < max(1.0, _ENOUGH * counted, 0.3 * len(fine)):
        return None
    # Where most cells are limits ("<5", ">=5"), they are the names of classes.
    if not plain and limits(written).sum() > 0.5 * fine.sum():
        return None
    coded = pc.match_substring_regex(pc.filter(written, pc.starts_with(written, "0")), r"^0\d+$")
    if (pc.sum(coded).as_py() or 0) >= max(1.0, 0.01 * len(fine)):
        return _kind_of_codes(written)
    reason = "numbers with a decimal comma" if decimal == "," else "numbers"
    if not fine.all():
        reason += f"; {len(fine) - int(fine.sum())} of {len(fine)} cells hold something else"
    kept = numbers[fine]
    exact = pd.Series(pc.filter(written, pa.array(fine)).to_numpy(zero_copy_only=False), dtype=object)
    kind = _kind_of_numbers(exact if np.abs(kept).max() >= _EXACT else pd.Series(kept), kept, Kind("number", reason))
    return Kind(kind.name, kind.reason, decimal=decimal)


def _null_words(written: pa.LargeStringArray, where: np.ndarray) -> np.ndarray:
    found = np.zeros(len(written), dtype=bool)
    if where.any():
        lower = pc.utf8_lower(pc.filter(written, pa.array(where)))
        marks = pa.array(sorted(NULL_WORDS), pa.large_string())
        found[where] = pc.is_in(lower, value_set=marks).to_numpy(zero_copy_only=False)
    return found


def _kind_of_codes(written: pa.LargeStringArray) -> Kind:
    share = len(pc.unique(written)) / len(written)
    if share > 0.95 and len(written) >= 10:
        return Kind("identifier", "digits with leading zeros, nearly each one only once")
    return Kind("category", "digits with leading zeros are codes, not numbers")


def _date_kind(written: pa.LargeStringArray) -> Kind | None:
    order, why = date_order(written)
    days = read_dates(written, order)
    fine = ~np.isnan(days)
    counted = len(fine) - int(_null_words(written, ~fine).sum())
    if fine.sum() < max(1.0, _ENOUGH * counted, 0.3 * len(fine)):
        return None
    return _unless_constant(days[fine], Kind("date", f"dates; {why}", order=order))


def _kind_of_words(counts: pd.Series) -> Kind:
    """File names, ids, categories or text, by how often values repeat and how many words they have."""
    rows, distinct = int(counts.sum()), len(counts)
    suffixes = [ending_of(text) for text in counts.index[:2000]]
    known = np.mean([suffix in FILE_SUFFIXES for suffix in suffixes])
    if known >= _ENOUGH:
        return Kind("file", f"{known:.0%} of the values end like file names ({max(set(suffixes), key=suffixes.count)})")
    words = float(np.average([len(text.split()) for text in counts.index], weights=counts))
    letters = float(np.average([len(text) for text in counts.index], weights=counts))
    seen = f"{distinct} distinct values in {rows} rows"
    if words < 1.2 and distinct > 0.95 * rows and rows >= 10 and letters <= 40 and _mostly_coded(counts):
        return Kind("identifier", f"{seen}, each a word with digits in it")
    repeated = distinct <= 0.2 * rows or (distinct <= 50 and distinct <= 0.7 * rows)
    if letters <= 60 and (repeated or (words < 3 and distinct <= 0.5 * rows)):
        return Kind("category", f"{seen}, {words:.1f} words each")
    if rows < 10 and words < 3:
        return Kind("category", f"{seen}, too few to tell more")
    return Kind("text", f"{seen}, {words:.0f} words each")


def ending_of(name: str) -> str:
    """The ending of a file name in lower case; of volumes, packed or not, the whole of it."""
    return ".nii.gz" if name.lower().endswith(".nii.gz") else PurePosixPath(name).suffix.lower()


def _mostly_coded(counts: pd.Series) -> bool:
    return bool(np.mean([any(letter.isdigit() for letter in text) for text in counts.index]) >= 0.8)


def _listed(counts: pd.Series) -> str:
    return " or ".join(f'"{_short(text)}"' for text in sorted(counts.index[:4]))


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
