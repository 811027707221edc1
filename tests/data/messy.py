"""Small tables as strangers bring them. `init` must give a spec that trains as it is, or refuse with a reason."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["MESSY", "Messy"]

Write = Callable[[Path], str]


@dataclass(frozen=True)
class Messy:
    """One messy table: `write(folder)` makes the file and gives its name.

    `targets` are what a user would name (none = to be guessed). `refused` is the code of the error that is the right
    answer, and None where a spec is. `types` are the task types that are right.
    """

    name: str
    write: Write
    targets: tuple[str, ...] = ()
    refused: str | None = None
    types: tuple[str, ...] = ()


def _text(header: Sequence[str], rows: Sequence[Sequence[object]], mark: str = ",") -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=mark, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _saved(name: str, content: str, encoding: str = "utf-8") -> Write:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(content.encode(encoding))
        return name

    return write


def _numbers(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A number and a yes or no that depends on it."""
    generator = np.random.default_rng(seed)
    value = generator.normal(50, 10, rows)
    return value, value + generator.normal(0, 5, rows) > 50


def _mixed_dates() -> str:
    value, yes = _numbers(60, 1)
    days = pd.Timestamp("2019-12-20") + pd.to_timedelta(np.arange(60) * 7, unit="D")
    ways = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%y", "%d %b %Y")
    dates = [day.strftime(ways[place % 4]) if place % 9 else "" for place, day in enumerate(days)]
    rows = [
        (date, f"{number:.2f}", "yes" if one else "no") for date, number, one in zip(dates, value, yes, strict=True)
    ]
    return _text(["visit", "value", "outcome"], rows)


def _decimal_commas() -> str:
    value, _ = _numbers(50, 2)
    score = value + np.random.default_rng(3).normal(0, 4, 50)
    german = str.maketrans(",.", ".,")
    rows = [
        (f"{number:.2f}".translate(german), f"{1000 * number:,.1f}".translate(german), f"{own:.1f}".translate(german))
        for number, own in zip(value, score, strict=True)
    ]
    return "\ufeff" + _text(["Größe", "Umsatz", "score"], rows, ";")


def _ids_as_floats() -> str:
    value, _ = _numbers(45, 4)
    kinds = np.array(["a", "b", "c"])[np.digitize(value, [45, 55])]
    rows = [
        (f"{1001 + place}.0", f"{number:.1f}", kind)
        for place, (number, kind) in enumerate(zip(value, kinds, strict=True))
    ]
    return _text(["patient_id", "marker", "class"], rows)


def _latin1() -> str:
    value, yes = _numbers(40, 5)
    moods = [("schön und groß", "für mich genau richtig"), ("leider zu klein", "völlig überteuert, schade")]
    rows = [
        (f"{moods[int(not one)][place % 2]} ({place})", f"{number:.0f}", "ja" if one else "nein")
        for place, (number, one) in enumerate(zip(value, yes, strict=True))
    ]
    return _text(["Bemerkung über die Größe", "Länge", "zufrieden"], rows, ";")


def _mixed_types() -> str:
    value, yes = _numbers(60, 6)
    odd = {3: "NA", 17: "<5", 30: "unknown", 44: "NA", 51: "12 kg"}
    rows = [
        (odd.get(place, f"{number:.1f}"), "NA" if place in {5, 9} else int(one))
        for place, (number, one) in enumerate(zip(value, yes, strict=True))
    ]
    return _text(["weight", "label"], rows)


def _rare_classes() -> str:
    value = np.random.default_rng(7).normal(0, 1, 15)
    return _text(
        ["x", "species"],
        [(f"{number + 3 * (place // 5):.3f}", "abc"[place // 5]) for place, number in enumerate(value)],
    )


def _all_missing() -> str:
    value, yes = _numbers(40, 8)
    rows = [(f"{number:.2f}", "", "same", int(one)) for number, one in zip(value, yes, strict=True)]
    return _text(["value", "empty", "constant", "target"], rows)


def _constant_target() -> str:
    value, _ = _numbers(40, 9)
    return _text(["value", "target"], [(f"{number:.2f}", "control") for number in value])


def _leading_zeros() -> str:
    value, yes = _numbers(60, 10)
    zips = ["01234", "00501", "99501", "07030"]
    rows = [
        (zips[place % 4], f"{number * 1000:,.2f}", f"{number:.0f}%", "Y" if one else "N")
        for place, (number, one) in enumerate(zip(value, yes, strict=True))
    ]
    return _text(["zip", "income", "share", "churn"], rows)


def _copied_target() -> str:
    value, yes = _numbers(60, 11)
    rows = [
        (place, f"{number:.2f}", "case" if one else "control", int(one))
        for place, (number, one) in enumerate(zip(value, yes, strict=True))
    ]
    return _text(["", "value", "group name", "diagnosis"], rows)


def _quoted_text() -> str:
    value, yes = _numbers(40, 12)
    rows = [
        (
            f'She said: "{"lovely" if one else "awful"}",\nand left; {number:.0f} {place}',
            5 - 3 * int(not one) - place % 2,
        )
        for place, (number, one) in enumerate(zip(value, yes, strict=True))
    ]
    return _text(["review", "rating"], rows, "\t")


def _gaps(folder: Path) -> str:
    value, yes = _numbers(50, 13)
    lines = []
    for place, (number, one) in enumerate(zip(value, yes, strict=True)):
        row = {"key": f"k{place:03}", "value": round(float(number), 3), "flag": bool(one), "note": None}
        lines.append(json.dumps({name: cell for name, cell in row.items() if place % 7 or name != "value"}))
    (folder / "gaps.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return "gaps.jsonl"


def _nullable(folder: Path) -> str:
    value, yes = _numbers(50, 14)
    frame = pd.DataFrame(
        {
            "subject": np.arange(50, dtype=np.uint64) * np.uint64(3) + np.uint64(2**63),
            "count": pd.array([None if place % 5 == 0 else int(number) for place, number in enumerate(value)], "Int64"),
            "level": np.where(np.arange(50) == 7, np.inf, value * np.random.default_rng(0).normal(1, 0.1, 50)),
            "smoker": pd.array([None if place % 6 == 0 else bool(place % 2) for place in range(50)], "boolean"),
            "seen": pd.date_range("2020-01-01", periods=50).where(np.arange(50) % 4 > 0),
            "arm": pd.Categorical(np.where(np.arange(50) % 3, "drug", "placebo")),
            "event": yes,
        }
    )
    frame.to_parquet(folder / "nullable.parquet", index=False)
    return "nullable.parquet"


MESSY: tuple[Messy, ...] = (
    Messy("mixed dates", _saved("dates.csv", _mixed_dates()), types=("binary",)),
    Messy(
        "decimal commas, semicolons, byte order mark", _saved("commas.csv", _decimal_commas()), types=("regression",)
    ),
    Messy("ids as floats", _saved("floats.csv", _ids_as_floats()), types=("multiclass",)),
    Messy("latin-1", _saved("latin.csv", _latin1(), "cp1252"), types=("binary",)),
    Messy("mixed types in a column", _saved("mixed.csv", _mixed_types()), types=("binary",)),
    Messy("duplicated headers", _saved("twice.csv", "age,age,target\n1,2,0\n3,4,1\n"), refused="duplicate-column"),
    Messy("three classes of five rows", _saved("rare.csv", _rare_classes()), types=("multiclass",)),
    Messy("a column without any value", _saved("empty.csv", _all_missing()), types=("binary",)),
    Messy("constant target", _saved("constant.csv", _constant_target()), refused="one-class"),
    Messy("leading zeros, thousands, percent", _saved("zeros.csv", _leading_zeros()), types=("binary",)),
    Messy("a copy of the target, an unnamed index", _saved("copy.csv", _copied_target()), types=("binary",)),
    Messy("quotes, line breaks and tabs", _saved("quoted.tsv", _quoted_text()), types=("ordinal",)),
    Messy("objects with gaps", _gaps, targets=("flag",), types=("binary",)),
    Messy("nullable types and 64-bit ids", _nullable, types=("binary",)),
    Messy(
        "utf-16 from a spreadsheet",
        _saved("wide.txt", _copied_target().replace(",", "\t"), "utf-16"),
        types=("binary",),
    ),
    Messy("ragged rows", _saved("ragged.csv", "a,target\n1,0\n2\n3,1,9\n"), refused="ragged-rows"),
)
