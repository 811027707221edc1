"""Dates as people write them, several ways in one column: 2020-01-31, 31.01.2020, 1/31/20, 31 Jan 2020, 20200131."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["date_order", "read_dates"]

_TIME = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+\-]\d{2}:?\d{2})?)?$"
)
_WEEKDAY = r"^(?:\p{L}{2,10}\.?,?\s+)?"
_YEAR_FIRST = rf"^(?P<year>\d{{4}})[\-/.](?P<month>\d{{1,2}})[\-/.](?P<day>\d{{1,2}}){_TIME}"
_YEAR_LAST = rf"^(?P<early>\d{{1,2}})(?P<mark>[\-/.])(?P<late>\d{{1,2}})[\-/.](?P<year>\d{{4}}|\d{{2}}){_TIME}"
_DAY_NAME = (
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[\s\-/]*(?P<name>\p{{L}}{{3,10}})\.?,?"
    rf"[\s\-/]*(?P<year>\d{{4}}|\d{{2}}){_TIME}"
)
_NAME_DAY = rf"{_WEEKDAY}(?P<name>\p{{L}}{{3,10}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_TIME}"
_LONGEST = 60  # letters; no date is longer
_COMPACT = rf"^(?P<year>(?:19|20)\d{{2}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_TIME}"
_MONTH_ONLY = r"^(?P<year>\d{4})-(?P<month>\d{2})$"
# The first three letters of the months in English, German, French, Spanish, Italian and Dutch, where they differ.
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan ene gen", "feb fev fév", "mar mär mrz maa mrt", "apr abr avr", "may mai mag mei", "jun giu", "jul lug",
         "aug ago aoû aou", "sep set", "oct okt ott", "nov", "dec dez dic déc"), start=1
    )
    for name in names.split()
}  # fmt: skip
_LONG_MONTHS = {"juin": 6, "juillet": 7, "juil": 7}


def read_dates(written: pa.LargeStringArray, order: str) -> np.ndarray:
    """(n,) days since 1970-01-01 (UTC where a zone is given; fractions are the time of day); NaN for what is no date.

    `order` is "dmy" or "mdy" and decides what 3/4/2020 means. A date that makes sense in one order only is read in that
    one, and points (3.4.2020) always put the day first. Two-digit years follow POSIX: 69-99 are 1900s, 00-68 are 2000s.
    """
    encoded = pc.dictionary_encode(written)
    distinct = encoded.dictionary
    days = np.full(len(distinct) + 1, np.nan)
    maybe = np.flatnonzero(pc.less_equal(pc.utf8_length(distinct), _LONGEST).to_numpy(zero_copy_only=False))
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _DAY_NAME, _NAME_DAY, _COMPACT, _MONTH_ONLY):
        unread = maybe[np.isnan(days[maybe])]
        found, rows = _extract(distinct.take(pa.array(unread)), pattern)
        if pattern is _YEAR_LAST:
            first, second = (_ordered_days(found, day_first) for day_first in (order == "dmy", order != "dmy"))
            days[unread[rows]] = np.where(np.isnan(first), second, first)
        elif len(rows):
            days[unread[rows]] = _simple_days(found)
    codes = pc.fill_null(encoded.indices, len(distinct)).to_numpy(zero_copy_only=False)
    return days[codes]


def date_order(written: pa.LargeStringArray) -> tuple[str, str]:
    """The order ("dmy" or "mdy") that these dates are written in, and the reason.

    A first number above 12 speaks for the day, a second one above 12 for the month first. Where neither occurs, the
    place that never changes is the day (monthly figures); else the month, as in pandas.
    """
    found, _ = _extract(pc.unique(written), _YEAR_LAST)
    found = found[(found["mark"] != ".").to_numpy()]
    first, second = found["early"].to_numpy(dtype=float), found["late"].to_numpy(dtype=float)
    if len(found) == 0:
        return "dmy", "no date leaves its order open"
    day_first, month_first = int((first > 12).sum()), int((second > 12).sum())
    if day_first != month_first:
        order = "dmy" if day_first > month_first else "mdy"
        return order, f"{max(day_first, month_first)} distinct dates can only be read {_SPOKEN[order]}"
    if len(np.unique(first)) == 1 and len(np.unique(second)) > 1:
        return "dmy", f"the first number is always {first[0]:g}, so it is the day"
    return "mdy", f"nothing decides the order, so it is read {_SPOKEN['mdy']}"


_SPOKEN = {"dmy": "day first", "mdy": "month first"}


def _extract(written: pa.LargeStringArray, pattern: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The named parts of the texts that match, and which ones these are."""
    fields = pc.extract_regex(written, pattern)
    rows = np.flatnonzero(fields.is_valid().to_numpy(zero_copy_only=False))
    matched = fields.take(pa.array(rows))
    parts = {field.name: matched.field(place) for place, field in enumerate(fields.type)}
    columns = {name: part.to_numpy(zero_copy_only=False) for name, part in parts.items()}
    return pd.DataFrame(columns, dtype=object), rows


def _simple_days(found: pd.DataFrame) -> np.ndarray:
    month = _month_numbers(found["name"]) if "name" in found else _number(found["month"])
    day = _number(found["day"]) if "day" in found else np.ones(len(found))
    return _days(_year(found["year"]), month, day) + _time_of_day(found)


def _ordered_days(found: pd.DataFrame, day_first: bool) -> np.ndarray:
    first, second = _number(found["early"]), _number(found["late"])
    pointed = (found["mark"] == ".").to_numpy()
    leads = pointed | day_first
    days = _days(_year(found["year"]), np.where(leads, second, first), np.where(leads, first, second))
    return days + _time_of_day(found)


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    sound = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(sound, (year - 1970) * 12 + month - 1, 0).astype("int64").astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + np.where(sound, day - 1, 0).astype("int64").astype("timedelta64[D]")
    sound &= dates.astype("datetime64[M]") == months  # the 31st of June lands in July
    return np.where(sound, dates.astype("int64").astype(float), np.nan)


def _time_of_day(found: pd.DataFrame) -> np.ndarray:
    if "hour" not in found or not found["hour"].any():
        return np.zeros(len(found))
    hour, minute, second = (np.nan_to_num(_number(found[name])) for name in ("hour", "minute", "second"))
    half = found["half"].fillna("").str.lower().str[:1].to_numpy()
    hour = np.where(half == "p", hour % 12 + 12, np.where(half == "a", hour % 12, hour))
    sound = (hour < 24) & (minute < 60) & (second < 61)
    zone = found["zone"].fillna("").str.extract(r"([+-])(\d{2}):?(\d{2})")
    ahead = np.nan_to_num(_number(zone[1])) * 60 + np.nan_to_num(_number(zone[2]))
    ahead = np.where((zone[0] == "-").to_numpy(), -ahead, ahead)
    return np.where(sound, (hour * 60 + minute - ahead + second / 60) / 1440, np.nan)


def _year(written: pd.Series) -> np.ndarray:
    year = _number(written)
    short = (written.str.len() == 2).to_numpy(dtype=bool, na_value=False)
    return np.where(short, year + np.where(year >= 69, 1900, 2000), year)


def _month_numbers(names: pd.Series) -> np.ndarray:
    lower = names.str.lower()
    short = lower.str[:3].map(_MONTHS)
    return lower.map(_LONG_MONTHS).fillna(short).to_numpy(dtype=float, na_value=np.nan)


def _number(written: pd.Series) -> np.ndarray:
    return pd.to_numeric(written, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
