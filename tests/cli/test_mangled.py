"""However mangled the input: a place, something to do, the right exit code, nothing lost. Exit 1 never happens.

Each table maps the name of a case to what is wrong in it and to the exit codes that are right for it. Cases that need
training run `fit` for one epoch; the others stop at `validate`.
"""

import io
import json
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Picture

SPEC = """\
data: {table: cohort.csv}
modalities:
  labs: {type: table, columns: [age, dose]}
tasks:
  sick: {type: binary, target: sick}
train: {epochs: 1, members: 1}
"""
ROWS = [f"{20 + number},{number % 7},{'yes' if number * 7 % 3 else 'no'}" for number in range(60)]
TABLE = "age,dose,sick\n" + "\n".join(ROWS) + "\n"
ALIASES = "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMB = f"a: &a [{','.join(['x'] * 9)}]\n{ALIASES}"


def changed(old: str, new: str) -> bytes:
    """The good spec with one thing replaced."""
    assert old in SPEC
    return SPEC.replace(old, new).encode()


SPECS = {
    "empty": b"",
    "only a comment": b"# todo\n",
    "only a word": b"hello",
    "a list": b"- data\n- tasks\n",
    "two documents": SPEC.encode() + b"---\n" + SPEC.encode(),
    "Latin-1": SPEC.encode() + "# naïve\n".encode("latin-1"),
    "UTF-16": SPEC.encode("utf-16"),
    "NUL": SPEC.encode() + b"\0",
    "escape character": SPEC.encode() + b"\x1b[31m",
    "binary": bytes(range(256)) * 20,
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
    "tab": changed("  labs", "\tlabs"),
    "cut short": SPEC[:70].encode(),
    "open quote": changed("sick: {", "'sick: {"),
    "alias bomb": BOMB.encode(),
    "endless alias": b"data: &a {table: *a}\n",
    "nested deeply": b"data: " + b"[" * 5000,
    "2 MB": b"#" * 2_000_000,
    "Python tag": changed("cohort.csv", "!!python/object/apply:os.system [id]"),
    "own tag": changed("cohort.csv", "!table cohort.csv"),
    "merge key": changed("{epochs: 1, members: 1}", "{<<: {epochs: 1}}"),
    "unknown section": SPEC.encode() + b"modell: {}\n",
    "unknown key": changed("epochs", "epoks"),
    "repeated section": SPEC.encode() + b"train: {}\n",
    "repeated key": changed("epochs: 1", "epochs: 1, epochs: 2"),
    "repeated task": changed("train:", "  sick: {type: binary, target: sick}\ntrain:"),
    "no data": changed("data: {table: cohort.csv}\n", ""),
    "no tasks": changed("tasks:\n  sick: {type: binary, target: sick}\n", ""),
    "empty tasks": changed("tasks:\n  sick: {type: binary, target: sick}\n", "tasks: {}\n"),
    "tasks is a list": changed("tasks:\n  sick: {type: binary, target: sick}\n", "tasks: [sick]\n"),
    "null section": changed("{table: cohort.csv}", ""),
    "no type": changed("type: binary, ", ""),
    "unknown type": changed("type: binary", "type: bniary"),
    "type is a number": changed("type: binary", "type: 3"),
    "type is a list": changed("type: binary", "type: [binary]"),
    "no target": changed(", target: sick", ""),
    "target is a number": changed("target: sick", "target: 3"),
    "target is a list": changed("target: sick", "target: [sick]"),
    "columns is a word": changed("[age, dose]", "age"),
    "columns is empty": changed("[age, dose]", "[]"),
    "columns holds a number": changed("[age, dose]", "[age, 3]"),
    "columns holds null": changed("[age, dose]", "[age, ~]"),
    "columns holds a list": changed("[age, dose]", "[[age]]"),
    "negative epochs": changed("epochs: 1", "epochs: -1"),
    "no epochs": changed("epochs: 1", "epochs: 0"),
    "half an epoch": changed("epochs: 1", "epochs: 1.5"),
    "epochs is a word": changed("epochs: 1", "epochs: many"),
    "epochs is true": changed("epochs: 1", "epochs: true"),
    "huge epochs": changed("epochs: 1", f"epochs: {10**40}"),
    "lr is NaN": changed("epochs: 1", "lr: .nan"),
    "lr is infinite": changed("epochs: 1", "lr: .inf"),
    "lr is negative": changed("epochs: 1", "lr: -1.0"),
    "batch of none": changed("epochs: 1", "batch_size: 0"),
    "warm-up beyond the end": changed("epochs: 1", "warmup: 3.0"),
    "negative workers": changed("epochs: 1", "workers: -1"),
    "negative seed": changed("epochs: 1", "seed: -1"),
    "drop all modalities": changed("epochs: 1", "modality_dropout: 1.5"),
    "unknown precision": changed("epochs: 1", "precision: '8'"),
    "no members": changed("members: 1", "members: 0"),
    "negative time": changed("epochs: 1", "time_limit: -5"),
    "unknown balancer": changed("epochs: 1", "balancer: {type: eqal}"),
    "balancer is a word": changed("epochs: 1", "balancer: equal"),
    "unknown fusion": SPEC.encode() + b"model: {fusion: {type: latest}}\n",
    "fusion without heads": SPEC.encode() + b"model: {fusion: {type: bottleneck, heads: 0}}\n",
    "fusion with negative layers": SPEC.encode() + b"model: {fusion: {type: early, layers: -3}}\n",
    "width of none": SPEC.encode() + b"model: {width: 0}\n",
    "width that fits no head": SPEC.encode() + b"model: {width: 63, fusion: {type: bottleneck, heads: 4}}\n",
    "huge width": SPEC.encode() + b"model: {width: 1000000000}\n",
    "negative dropout": changed("columns: [age, dose]", "columns: [age, dose], dropout: -0.1"),
    "negative layers": changed("columns: [age, dose]", "columns: [age, dose], layers: -1"),
    "negative weight": changed("target: sick", "target: sick, weight: -1.0"),
    "version of tomorrow": b"version: 2\n" + SPEC.encode(),
    "name of a method": changed("labs:", "forward:"),
    "name with a dot": changed("labs:", "la.bs:"),
    "name is a number": changed("labs:", "7:"),
    "empty name": changed("labs:", '"":'),
    "split of both kinds": changed("cohort.csv", "cohort.csv, split: {column: dose, time: age, test: [1]}"),
    "split over one": changed("cohort.csv", "cohort.csv, split: {test: 1.2}"),
    "split of words": changed("cohort.csv", "cohort.csv, split: {test: half}"),
    "missing is a number": changed("cohort.csv", "cohort.csv, missing: [-999]"),
    "unknown policy": changed("cohort.csv", "cohort.csv, bad_rows: ignore"),
    "join without on": changed("cohort.csv", "cohort.csv, join: [{table: b.csv}]"),
}


def lines(*rows: str) -> bytes:
    """A table out of its lines."""
    return ("\n".join(rows) + "\n").encode()


TABLES: dict[str, tuple[bytes, set[int]]] = {
    "empty": (b"", {4}),
    "header only": (lines("age,dose,sick"), {4}),
    "one row": (lines("age,dose,sick", ROWS[0]), {4}),
    "two rows": (lines("age,dose,sick", *ROWS[:2]), {4}),
    "ragged, too long": (lines("age,dose,sick", *ROWS, "1,2,yes,4,5"), {4}),
    "ragged, too short": (lines("age,dose,sick", *ROWS, "1"), {4}),
    "NUL": (TABLE.encode() + b"1,\0,yes\n", {4}),
    "open quote": (TABLE.encode() + b'1,"2,yes\n', {4}),
    "duplicate header": (lines("age,age,sick", *ROWS), {4}),
    "empty header": (lines(",,", *ROWS), {4}),
    "column not there": (lines("age,doze,sick", *ROWS), {4}),
    "target not there": (lines("age,dose,sck", *ROWS), {4}),
    "one class": (TABLE.replace("no", "yes").encode(), {4}),
    "three classes": (TABLE.encode() + b"1,1,maybe\n" * 20, {4}),
    "no labels": (TABLE.replace("yes", "").replace("no", "").encode(), {4}),
    "all missing column": (lines("age,dose,sick", *(f"{row.split(',')[0]},,{row.split(',')[2]}" for row in ROWS)), {0}),
    "all missing inputs": (lines("age,dose,sick", *(f",,{row.split(',')[2]}" for row in ROWS)), {0, 4}),
    "infinite": (TABLE.encode() + b"inf,-inf,yes\n", {0}),
    "huge numbers": (TABLE.encode() + b"1e308,-1e308,no\n1e999,3,yes\n", {0}),
    "words among numbers": (TABLE.encode() + b"old,high,no\n", {0}),
    "Latin-1": (TABLE.encode() + "20,é,yes\n".encode("latin-1"), {0}),
    "UTF-16": (TABLE.encode("utf-16"), {0}),
    "target equals input": (
        lines("age,dose,sick", *(f"1{number % 3},{number % 2},{number % 2}" for number in range(60))),
        {8},
    ),
    "repeated rows": (lines("age,dose,sick", *ROWS[:6] * 10), {0, 8}),
    "all rows alike": (lines("age,dose,sick", *["1,1,yes", "1,1,no"] * 30), {0, 4, 8}),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), {4}),
    "a zip": (b"PK\x03\x04" + b"\0" * 99, {4}),
    "very long cell": (TABLE.encode() + b"x" * 3_000_000 + b",1,yes\n", {0, 4}),
    "formula": (TABLE.encode() + b"=cmd|' /C calc'!A0,1,yes\n", {0}),
}

PICTURES = """\
data: {table: cohort.csv, files: pictures, split: {test: 0.2}}
modalities:
  scan: {type: image, column: path, size: 8}
tasks:
  dark: {type: binary, target: dark}
train: {epochs: 1, members: 1}
"""
PNG = struct.pack(">8s", b"\x89PNG\r\n\x1a\n")


def picture(seed: int) -> bytes:
    """A small PNG of noise."""
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Picture.fromarray(noise).save(stream, "png")
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


WHOLE = picture(0)
FILES: dict[str, bytes] = {
    "empty.png": b"",
    "cut in its name.png": WHOLE[:5],
    "cut in its header.png": WHOLE[:20],
    "cut in its middle.png": WHOLE[: len(WHOLE) // 2],
    "cut before its end.png": WHOLE[:-12],
    "bomb.png": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b""),
    "text.jpg": b"this is no picture\n",
    "script.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "noise.png": bytes(range(256)) * 9,
    "flipped.png": WHOLE[:60] + bytes([WHOLE[60] ^ 255]) + WHOLE[61:],
}
NAMES = [
    *FILES, "not there.png", "../secret.png", "/etc/hostname", "link.png", "pipe.png", "folder.png", ".", "https://x.y/z.png",
    "file:///etc/hostname", "C:\\\\x.png", "a/../../secret.png", "x" * 400 + ".png", "~/secret.png", "good00.png/x",
]  # fmt: skip


@pytest.fixture
def gallery(tmp_path):
    """A folder of good pictures and of bad ones, and a function that writes a table which names some of them."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(30):
        (folder / f"good{number:02}.png").write_bytes(picture(number))
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (tmp_path / "secret.png").write_bytes(WHOLE)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    (tmp_path / "spec.yaml").write_text(PICTURES)

    def name_in_table(*bad: str):
        names = [*bad, *(f"good{number:02}.png" for number in range(30))]
        rows = (f'"{name}",{"yes" if number % 2 else "no"}' for number, name in enumerate(names))
        (tmp_path / "cohort.csv").write_text("path,dark\n" + "\n".join(rows) + "\n")

    return name_in_table


@pytest.fixture
def study(tmp_path):
    """A folder with a good spec and a good table."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "cohort.csv").write_text(TABLE)
    return tmp_path


def assert_told(answer, codes):
    """The exit code is right, and an error has its five facts, without a traceback."""
    assert answer.code in codes, answer.err
    assert "Traceback" not in answer.err
    if answer.code:
        told = answer.document["error"]
        assert {"code", "where", "expected", "found", "do"} <= set(told)
        assert all(told[key] for key in ("code", "where", "expected", "found", "do"))


@pytest.mark.parametrize("name", SPECS)
def test_spec(name, study, call):
    (study / "spec.yaml").write_bytes(SPECS[name])
    answer = call("validate", "spec.yaml", "--json")
    assert_told(answer, {3})
    assert "spec.yaml" in answer.document["error"]["where"]


@pytest.mark.parametrize("name", TABLES)
def test_table(name, study, call):
    raw, codes = TABLES[name]
    (study / "cohort.csv").write_bytes(raw)
    answer = call("fit", "spec.yaml", "--out", "run", "--json")
    assert_told(answer, codes)
    assert (study / "cohort.csv").read_bytes() == raw


@pytest.mark.parametrize("name", TABLES)
def test_init_of_a_mangled_table_proposes_or_refuses(name, study, call):
    (study / "cohort.csv").write_bytes(TABLES[name][0])
    assert_told(call("init", "cohort.csv", "--json"), {0, 4})


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".jsonl", ".tsv", ".xlsx", ".pkl", ""])
def test_a_file_that_is_not_what_its_name_says(suffix, study, call):
    path = study / f"table{suffix}"
    path.write_bytes(b"\x80\x04\x95\x00garbage\nPAR1" * 9)
    answer = call("validate", "spec.yaml", "--json", "--set", f"data.table={path}")
    assert_told(answer, {4})


@pytest.mark.parametrize(
    "table", ["nothing.csv", ".", "", "pipe", "cohort.csv/x", "x" * 300 + ".csv", "https://x.y/z.csv"]
)
def test_a_table_that_is_none(table, study, call):
    os.mkfifo(study / "pipe")
    assert_told(call("validate", "spec.yaml", "--json", "--set", f'data.table="{table}"'), {3, 4})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["validate", "nothing.yaml"], 3),
        (["validate", "."], 3),
        (["validate", "spec\0.yaml"], 2),
        (["validate", "spec.yaml", "--set", "train"], 2),
        (["validate", "spec.yaml", "--set", "train.epochs=[1"], 3),
        (["validate", "spec.yaml", "--set", "=1"], 2),
        (["fit", "spec.yaml", "--out", "cohort.csv"], {2, 4, 6}),
        (["fit", "spec.yaml", "--out", "/proc/nothing/run"], {2, 4, 6}),
        (["evaluate", "nothing"], {2, 7}),
        (["evaluate", "cohort.csv"], {2, 7}),
        (["evaluate", "."], {2, 7}),
        (["predict", ".", "--data", "cohort.csv", "--out", "p.csv"], {2, 7}),
        (["report", "nothing"], {2, 7}),
        (["report", "."], {2, 7}),
        (["init", "nothing.csv"], 4),
        (["init", "cohort.csv", "--target", "nothing"], 4),
        (["init", "cohort.csv", "--out", "spec.yaml"], 2),
        (["data", "get", "nothing"], 2),
        (["data", "get", "../x"], 2),
    ],
)
def test_command_lines(words, code, study, call):
    assert_told(call(*words, "--json"), code if isinstance(code, set) else {code})
    assert (study / "spec.yaml").read_text() == SPEC
    assert (study / "cohort.csv").read_text() == TABLE


def test_bad_files_are_absent_and_written_down_with_a_reason(gallery, call, tmp_path):
    gallery(*NAMES)
    assert_told(call("fit", "spec.yaml", "--out", "run", "--json"), {0})
    told = [json.loads(line) for line in (tmp_path / "run" / "errors.jsonl").read_text().splitlines()]
    assert {line["row"] for line in told} == set(range(len(NAMES)))
    assert all(line["reason"] and line["column"] == "path" for line in told)


@pytest.mark.parametrize("name", NAMES)
def test_bad_files_stop_a_run_that_wants_none(name, gallery, call):
    gallery(name)
    answer = call("fit", "spec.yaml", "--out", "run", "--json", "--set", "data.bad_rows=error")
    assert_told(answer, {4})
    assert "path" in answer.document["error"]["where"]
