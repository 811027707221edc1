"""Numbers as people write them: a point or a comma, thousands in groups, a percent or currency sign, "<0.5"."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["decimal_mark", "limits", "plain_numbers", "read_numbers"]

_SIGN = r"^[+\-−]?"
_EXPONENT = r"(?:[eE][+\-]?\d+)?$"
# A group of thousands never starts with a zero, so "0,125" can only be a decimal comma.
_GROUPED = {
    ".": rf"{_SIGN}[1-9]\d{{0,2}}(?:[,'’ \x{{a0}}\x{{202f}}]\d{{3}})+(?:\.\d*)?{_EXPONENT}",
    ",": rf"{_SIGN}[1-9]\d{{0,2}}(?:[.'’ \x{{a0}}\x{{202f}}]\d{{3}})+(?:,\d*)?{_EXPONENT}",
}
_SIMPLE = {
    ".": rf"{_SIGN}(?:\d+\.?\d*|\.\d+){_EXPONENT}",
    ",": rf"{_SIGN}(?:\d+,?\d*|,\d+){_EXPONENT}",
}
_UNIT = r"^[€$£¥]\s*|\s*[%€$£¥]$"
_LIMIT = r"^(?:[<>]=?|[≤≥])\s*"


def read_numbers(written: pa.LargeStringArray, decimal: str) -> np.ndarray:
    """(n,) float64 of trimmed texts; NaN for what is no number, infinite for what a float cannot hold.

    `decimal` is "." or ",". The other mark groups thousands, but where it cannot ("2,5" beside a decimal point) it is
    read as a decimal mark too: hand-made tables mix the two. What lies beyond a limit ("<0.5") is read as the limit.
    """
    if decimal == ".":
        at_once = plain_numbers(written)
        if at_once is not None:
            return at_once
    bare = _bare(written)
    own = _either(bare, _GROUPED[decimal], _SIMPLE[decimal])
    other = "," if decimal == "." else "."
    foreign = pc.and_(pc.invert(own), pc.match_substring_regex(bare, _SIMPLE[other]))
    numbers = _plain(bare, own, decimal)
    return np.where(np.isnan(numbers), _plain(bare, foreign, other), numbers)


def plain_numbers(written: pa.LargeStringArray) -> np.ndarray | None:
    """(n,) float64 where every text is a number with a decimal point and nothing else around it, else None. Fast."""
    try:
        numbers = pc.cast(written, pa.float64())
    except pa.ArrowInvalid:
        return None
    values = numbers.to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()


def decimal_mark(written: pa.LargeStringArray) -> str:
    """The decimal mark, "." or ",", under which more of these texts are numbers; the point if both do alike."""
    bare = _bare(written)
    fits = {mark: pc.sum(_either(bare, _GROUPED[mark], _SIMPLE[mark])).as_py() or 0 for mark in (".", ",")}
    return "," if fits[","] > fits["."] else "."


def limits(written: pa.LargeStringArray) -> np.ndarray:
    """(n,) True where a text says that a number lies beyond a limit: "<0.5", "≥ 100"."""
    marked = pc.match_substring_regex(written, _LIMIT + r"[+\-−€$£¥.,]?\d")
    found: np.ndarray = pc.fill_null(marked, False).to_numpy(zero_copy_only=False)
    return found


def _bare(written: pa.LargeStringArray) -> pa.LargeStringArray:
    return pc.replace_substring_regex(pc.replace_substring_regex(written, _LIMIT, ""), _UNIT, "")


def _either(written: pa.LargeStringArray, first: str, second: str) -> pa.BooleanArray:
    return pc.or_(pc.match_substring_regex(written, first), pc.match_substring_regex(written, second))


def _plain(written: pa.LargeStringArray, chosen: pa.BooleanArray, decimal: str) -> np.ndarray:
    kept = pc.if_else(chosen, written, None)
    digits = pc.replace_substring_regex(
        kept, r"[,'’ \x{a0}\x{202f}]" if decimal == "." else r"[.'’ \x{a0}\x{202f}]", ""
    )
    digits = pc.replace_substring(digits, "−", "-")
    pointed = pc.replace_substring(digits, ",", ".") if decimal == "," else digits
    values: np.ndarray = pc.cast(pointed, pa.float64()).to_numpy(zero_copy_only=False)
    return values
