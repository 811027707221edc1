"""Mutated specs and tables: whatever is done to them, exit 1 never happens.

The mutations are drawn from a seed, so a failure can be repeated: its number is in the message. $POLYMODAL_FUZZ sets
how many specs, and how many tables, are tried.
"""

import os
import random
from collections.abc import Callable

import pytest

SPEC = """\
version: 1
data:
  table: cohort.csv
  id: patient
  group: site
  split: {test: 0.25, seed: 1}
  missing: ["", "NA"]
  bad_rows: mask
modalities:
  labs: {type: table, columns: [age, dose, "seen*"], layers: 1, dropout: 0.1}
  note: {type: text, columns: [remark], vocabulary: 64}
tasks:
  sick: {type: binary, target: sick, weight: 1.0}
  grade: {type: ordinal, target: grade}
  score: {type: regression, target: score}
model: {width: 16, fusion: {type: late, combine: mean}}
train: {epochs: 1, members: 1, batch_size: 16, lr: 1e-3, balancer: {type: equal}, seed: 0}
"""
COUNT = int(os.environ.get("POLYMODAL_FUZZ", "120"))
PARTS = 6
WORDS = ["good day", "much pain", "no change", "better", "worse again", ""]
HEADER = "patient,site,age,dose,seen_first,remark,sick,grade,score"
ROWS = [
    f"p{row},s{row % 9},{20 + row * 7 % 50},{row % 5},2024-0{1 + row % 9}-11,{WORDS[row * 5 % 6]} {row % 13},"
    f"{'yes' if row * 7 % 3 else 'no'},{row % 4},{row * 31 % 17}.5"
    for row in range(48)
]
TABLE = "\n".join([HEADER, *ROWS]) + "\n"
YAML_SIGNS = "~ null true no .nan .inf '' \"\" [] {} [[]] [~] {a: b} * &a !!set ? - : , # % @ ` \" ' { } [ ] = . ; |"
NUMBERS = "-1 0 1 1e999 99999999999999999999 0x 1e-3 1,5 1.5.2020 2024-01-01 NA inf nan None"
NAMES = (
    "type table text image binary multiclass multilabel regression ordinal auto columns column target test train late"
)
PLACES = "cohort.csv age sick score patient site /dev/null ../x \ufeff \u2028 é 💥 \\ \x1b"
TOKENS = [token for words in (YAML_SIGNS, NUMBERS, NAMES, PLACES) for token in words.split(" ")]
TOKENS += ["\n", " ", "\t", "\x00", "\r", "", "x" * 3000, "9" * 400]


def mutated(text: str, draw: random.Random, separators: str) -> bytes:
    """The text after one to three small accidents, and rarely in another encoding."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        text = draw.choice(ACCIDENTS)(text, draw, separators)
    encoding = draw.choice(["utf-8"] * 12 + ["utf-16", "latin-1", "cp1252", "utf-8-sig"])
    raw = text.encode(encoding, "replace")
    return raw[: draw.randrange(len(raw) + 1)] if draw.random() < 0.03 else raw


def _replace_word(text: str, draw: random.Random, separators: str) -> str:
    places = [place for place, sign in enumerate(text) if sign in separators]
    if len(places) < 2:
        return text + draw.choice(TOKENS)
    start = draw.randrange(len(places) - 1)
    return text[: places[start] + 1] + draw.choice(TOKENS) + text[places[start + 1] :]


def _insert(text: str, draw: random.Random, separators: str) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice(TOKENS) + text[place:]


def _delete(text: str, draw: random.Random, separators: str) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + text[place + draw.randint(1, 12) :]


def _lines(change: Callable[[list[str], int, random.Random], None]) -> Callable[[str, random.Random, str], str]:
    def accident(text: str, draw: random.Random, separators: str) -> str:
        lines = text.split("\n")
        change(lines, draw.randrange(len(lines)), draw)
        return "\n".join(lines)

    return accident


ACCIDENTS = [
    _replace_word,
    _replace_word,
    _replace_word,
    _insert,
    _delete,
    _lines(lambda lines, at, draw: lines.pop(at)),
    _lines(lambda lines, at, draw: lines.insert(at, draw.choice(lines))),
    _lines(lambda lines, at, draw: lines.insert(at, lines.pop(draw.randrange(len(lines))))),
    _lines(lambda lines, at, draw: lines.__setitem__(at, "  " + lines[at])),
]


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_specs(part, call, tmp_path):
    (tmp_path / "cohort.csv").write_text(TABLE)
    for number in range(part, COUNT, PARTS):
        (tmp_path / "spec.yaml").write_bytes(mutated(SPEC, random.Random(number), " ,:{}[]\n"))
        verb = ["fit", "spec.yaml", "--out", f"run{number}"] if number % 4 == 0 else ["validate", "spec.yaml"]
        answer = call(*verb, "--json", "--set", "train.time_limit=1")
        assert answer.code in {0, 2, 3, 4, 5, 6, 8}, f"number {number}: {answer.err}"


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_tables(part, call, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    for number in range(part, COUNT, PARTS):
        (tmp_path / "cohort.csv").write_bytes(mutated(TABLE, random.Random(number), ",\n"))
        verb = ["init", "cohort.csv"] if number % 5 == 4 else ["validate", "spec.yaml"]
        verb = ["fit", "spec.yaml", "--out", f"run{number}"] if number % 25 == 0 else verb
        answer = call(*verb, "--json")
        assert answer.code in {0, 4, 8}, f"number {number}: {answer.err}"
