"""A run folder as a finished run leaves it, with numbers that hang together and names that try to break the page."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from polymodal.report import Example
from polymodal.tasks.intervals import bootstrap
from polymodal.tasks.metrics import Answers

HOSTILE = '<script>alert("x")</script>'
DEPARTMENTS = ["Bottoms", "Dresses", "Jackets & <b>coats</b>", "Tops", "Trend"]
GRADES = ["1", "2", "3", "4", "5"]
MODALITIES = ["review", "picture", "customer"]
SHARES = {"train": 9, "validation": 1, "test": 1}
SIZES = {"median": 7.5, "largest": 300}
SPEC = f"""version: 1
data:
  table: reviews.parquet
  group: item
  split: {{test: 0.1, seed: 42}}
  bad_rows: mask
modalities:
  review: {{type: text, columns: [title, body]}}
  picture: {{type: image, column: path}}
  customer: {{type: table, columns: [age, '{HOSTILE}']}}
tasks:
  recommended: {{type: binary, target: recommended}}
  department: {{type: multiclass, target: department}}
  rating: {{type: ordinal, target: rating}}
  price: {{type: regression, target: price}}
train: {{seed: 0, epochs: 12}}
"""


def write_fake_run(folder: Path, rows: int = 600, seed: int = 0) -> Path:
    """Write the folder, for `rows` test rows, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    made = {
        "recommended": _classes(generator, rows, ["no", "yes"], [0.2, 0.8], 2.2),
        "department": _classes(generator, rows, DEPARTMENTS, [0.2, 0.3, 0.05, 0.4, 0.05], 2.6),
        "rating": _classes(generator, rows, GRADES, [0.05, 0.07, 0.13, 0.25, 0.5], 1.6, "ordered"),
        "price": _numbers(generator, rows),
    }
    types = {"recommended": "binary", "department": "multiclass", "rating": "ordinal", "price": "regression"}
    headlines = {"recommended": "auroc", "department": "auroc", "rating": "qwk", "price": "r2"}
    tasks = {name: _entry(generator, types[name], headlines[name], answers) for name, answers in made.items()}
    counts = {"train": 9 * rows, "validation": rows, "test": rows}
    metrics = {
        "version": 1,
        "run": "clothing-reviews",
        "seconds": 184.2,
        "command": f"polymodal fit reviews.yaml --out clothing-reviews --set 'x={HOSTILE}'",
        "rows": counts,
        "tasks": tasks,
        "missing": _missing(counts),
        "groups": {part: {"count": 10 * share, "smallest": 1} | SIZES for part, share in SHARES.items()},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    _table(made, rows, counts).to_parquet(folder / "predictions.parquet")
    (folder / "spec.resolved.yaml").write_text(SPEC)
    lines = [json.dumps(event) for event in _events(generator, list(made))]
    (folder / "events.jsonl").write_text("\n".join(lines) + '\n{"event": "epo')
    refusals = [
        {
            "row": 17,
            "column": "path",
            "reason": "truncated after 1,024 bytes",
            "path": "img/17.png",
            "action": "masked",
        },
        {"row": 301, "column": "age", "reason": f'"{HOSTILE}" is not a number', "path": "", "action": "masked"},
        {"row": 302, "column": "path", "reason": "no such file", "path": "img/302.png", "action": "masked"},
    ]
    (folder / "errors.jsonl").write_text("".join(json.dumps(line) + "\n" for line in refusals))
    finding = {
        "code": "few-rows-per-class",
        "severity": "warning",
        "where": "department",
        "message": "Trend has 4 rows",
    }
    (folder / "findings.json").write_text(json.dumps({"findings": [finding | {"do": "pool rare classes"}]}))
    versions = {"torch": "2.13.0", "numpy": "2.3.1"}
    told = {"polymodal": "0.1.0", "python": "3.11.9", "system": "Linux x86_64", "packages": versions, "threads": 2}
    (folder / "environment.json").write_text(json.dumps(told))
    return folder


def fake_examples(seed: int = 0) -> list[Example]:
    """Right and wrong rows of each task, with a picture and texts."""
    generator = np.random.default_rng(seed)
    stories = [
        ("Love it!", "So soft and the colour is even better in person. True to size, I wear it every week."),
        ("Runs small", "I usually wear a medium, and could not get it over my shoulders. Sent it back."),
        ("", f"{HOSTILE} The fabric pills after two washes, otherwise a beautiful dress that I get compliments on."),
        ("Meh", "It is fine. Nothing special for the price."),
    ]
    answers = {
        "recommended": ("yes", "no"),
        "department": ("Tops", "Dresses"),
        "rating": ("4", "2"),
        "price": (None,) * 2,
    }
    found = []
    for task, (truth, other) in answers.items():
        for place in range(8):
            right = place < 3
            title, body = stories[place % len(stories)]
            said = (truth, truth if right else other) if truth else ("52.0", "50.9" if right else "88.4")
            pictures = {"picture": _picture(generator)} if place % 4 != 2 else {}
            texts = {"review": f"{title} {body}".strip(), "customer": f"age {20 + 7 * place}, feedback {place}"}
            sure = 0.97 - 0.04 * place if truth else None
            found.append(Example(task, 40 + place, f"item {place}", *said, sure, right, texts, pictures))
    return found


def _picture(generator: np.random.Generator) -> bytes:
    y, x = np.mgrid[0:64, 0:64] / 64
    waves = [np.sin(6 * (x * a + y * b) + c) for a, b, c in generator.random((3, 3))]
    pixels = (127 + 110 * np.stack(waves, -1)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _classes(
    generator: np.random.Generator,
    rows: int,
    names: list[str],
    shares: list[float],
    skill: float,
    kind: str = "classes",
) -> Answers:
    truth = generator.choice(len(names), rows, p=shares)
    near = -np.abs(truth[:, None] - np.arange(len(names))) if kind == "ordered" else np.eye(len(names))[truth]
    logits = generator.normal(size=(rows, len(names))) + skill * near + np.log(shares)
    chances = np.exp(1.6 * logits) / np.exp(1.6 * logits).sum(1, keepdims=True)
    labels = np.array(names, object)
    return Answers(kind, labels[truth], labels[chances.argmax(1)], chances, names)


def _numbers(generator: np.random.Generator, rows: int) -> Answers:
    truth = np.exp(generator.normal(4, 0.4, rows))
    return Answers("numbers", truth, truth + generator.normal(0, 14, rows))


def _blurred(generator: np.random.Generator, answers: Answers, noise: float) -> Answers:
    """The same answers with less skill."""
    if answers.kind == "numbers":
        guess = answers.prediction + generator.normal(0, 25 * noise, len(answers))
        return Answers("numbers", answers.truth, guess)
    logits = np.log(answers.probabilities + 1e-9) + generator.normal(0, 3 * noise, answers.probabilities.shape)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array(answers.classes, object)
    return Answers(answers.kind, answers.truth, labels[chances.argmax(1)], chances, answers.classes)


def _judged(answers: Answers) -> dict:
    judged = bootstrap(answers, draws=200)
    bounds = {name: list(pair) for name, pair in judged.intervals().items()}
    return {"n": len(answers), "metrics": dict(judged.metrics), "intervals": bounds}


def _entry(generator: np.random.Generator, kind: str, headline: str, answers: Answers) -> dict:
    noise = {"recommended": 0.5}.get(kind, 0.12 if kind == "ordinal" else 0.45)
    floors = {"linear": _blurred(generator, answers, noise), "boosting": _blurred(generator, answers, noise + 0.2)}
    ours = bootstrap(answers, draws=200)
    gap = ours.difference(bootstrap(floors["linear"], draws=200), headline)
    darkened = {"review": 1.0, "picture": 0.3, "customer": 0.0}
    dark = {name: _blurred(generator, answers, darkened[name]) for name in MODALITIES}
    gaps = {name: ours.difference(bootstrap(made, draws=200), headline) for name, made in dark.items()}
    alone = {name: _blurred(generator, answers, 1.2 - darkened[name]) for name in MODALITIES}
    if answers.kind == "numbers":
        commonest = Answers("numbers", answers.truth, np.full(len(answers), answers.truth.mean()))
    else:
        shares = np.tile([(answers.truth == name).mean() for name in answers.classes], (len(answers), 1))
        labels = np.array(answers.classes, object)[shares.argmax(1)]
        commonest = Answers(answers.kind, answers.truth, labels, shares, answers.classes)
    return _judged(answers) | {
        "type": kind,
        "headline": headline,
        "higher_is_better": True,
        "classes": list(answers.classes),
        "baselines": {name: _judged(made) for name, made in ({"trivial": commonest} | floors).items()},
        "versus_plain": {"baseline": "linear"} | _gap(gap),
        "alone": {name: _judged(made) for name, made in alone.items()},
        "dark": {name: _judged(made) | {"adds": _gap(gaps[name])} for name, made in dark.items()},
    }


def _gap(gap) -> dict:
    return {"metric": gap.metric, "difference": gap.difference, "interval": [gap.low, gap.high]}


def _table(made: dict[str, Answers], rows: int, counts: dict[str, int]) -> pd.DataFrame:
    columns = {"row": np.arange(rows), "split": ["test"] * rows, "id": [f"item {row}" for row in range(rows)]}
    for name, answers in made.items():
        columns[f"{name}.target"], columns[f"{name}.prediction"] = answers.truth, answers.prediction
        for place, label in enumerate(answers.classes):
            columns[f"{name}.probability.{label}"] = answers.probabilities[:, place]
    frame = pd.DataFrame(columns)
    frame.loc[:9, "rating.target"] = None
    return frame


def _missing(counts: dict[str, int]) -> dict:
    shares = [(MODALITIES, 0.7), (["review", "customer"], 0.2), (["customer"], 0.07), (["picture", "customer"], 0.03)]
    patterns = [{"present": list(names), "rows": {p: round(n * s) for p, n in counts.items()}} for names, s in shares]
    there = {"review": 0.9, "picture": 0.73, "customer": 1.0}
    return {
        "modalities": MODALITIES,
        "rows": counts,
        "parts": {part: {name: round(n * there[name]) for name in MODALITIES} for part, n in counts.items()},
        "patterns": patterns,
        "other_patterns": 0,
        "groups": {f"item {g}": {n: min(1.0, there[n] * (0.5 + g / 8)) for n in MODALITIES} for g in range(6)},
        "group_rows": {f"item {g}": 300 - 40 * g for g in range(6)},
    }


def _events(generator: np.random.Generator, tasks: list[str]) -> list[dict]:
    made: list[dict] = [{"event": "start", "rows": {}}]
    for epoch in range(1, 13):
        train = {name: 0.2 + 0.9 * np.exp(-epoch / 3) + 0.01 * generator.normal() for name in tasks}
        held = {name: 0.32 + 0.75 * np.exp(-epoch / 3) + 0.004 * max(0, epoch - 6) ** 1.5 for name in tasks}
        made.append(
            {"event": "epoch", "epoch": epoch, "step": 85 * epoch, "seconds": 12.0 * epoch, "train": train}
            | {"validation": held, "best": epoch <= 8, "lr": 1e-3, "member": 0, "members": 1}
        )
    return made
