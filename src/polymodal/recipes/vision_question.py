"""Questions about pictures, with two controls: the question alone, and the picture of another row.

Three sets: shapes with 13 answers (easy_vqa), the drawn world with relations, counts and combinations that training
never showed, and sentences that people wrote about drawn scenes (nlvr_small), which are hard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure

__all__ = ["RECIPE"]


@dataclass(frozen=True)
class Asked:
    """How the questions of a set are put: its columns, how long it takes, and how much is left to chance meanwhile."""

    question: str
    answer: str
    kinds: str | None
    epochs: int
    dropout: float = 0.0


def _cook(kitchen: Kitchen) -> Told:
    found: list[Finding] = []
    for data_set, asked in ASKED.items():
        plain = kitchen.spec(data_set).to_dict()
        task = {"type": "answer", "target": asked.answer, "question": asked.question}
        task |= {"by": asked.kinds} if asked.kinds else {}
        plain["modalities"]["picture"] |= CLOSELY | {"dropout": asked.dropout}
        plain["modalities"][asked.question] |= WORDS | {"dropout": asked.dropout}
        model = {"fusion": FUSION | {"dropout": asked.dropout}}
        plain |= {"tasks": {"answer": task}, "model": model, "train": TRAIN | {"epochs": asked.epochs}}
        told = kitchen.fitted(data_set, kitchen.spec(data_set).replaced(plain))
        found.append(figure(told, "answer", "accuracy", f"{data_set}: answers that are right"))
        found += _more(data_set, told["tasks"]["answer"])
    return Told(found, [f"{data_set}/report.html" for data_set in ASKED])


def _more(data_set: str, entry: Mapping[str, Any]) -> list[Finding]:
    """The controls, and accuracy by kind of question."""
    names = {"question_alone": "the question alone", "swapped": "the picture of another row"}
    found = [Finding(f"{data_set}: {names[name]}", value) for name, value in entry.get("controls", {}).items()]
    kinds = entry.get("by", {}).items()
    return found + [Finding(f"{data_set}, {kind}", told["accuracy"], None, told["n"]) for kind, told in kinds]


ASKED = {
    # Of so many questions nothing is learned by heart.
    "easy_vqa": Asked("question", "answer", "kind", 20),
    "drawn_world": Asked("question", "answer", "kind", 15),
    "nlvr_small": Asked("sentence", "label", None, 30, dropout=0.1),
}
# A question is about a place: patches know theirs, the question keeps its words, and both look at each other.
CLOSELY = {"encoder": "patches", "patch": 8, "layers": 2, "tokens": "grid"}
WORDS = {"encoder": "transformer", "tokens": "all", "drop": 0.0}
FUSION = {"type": "early", "layers": 3, "pool": "class"}
# All questions about a picture come in one step, so that it is looked at once. Few rows forget it, since a question
# needs its picture; without any, the control by the question alone would ask for what was never trained.
TRAIN = {"together": "picture", "modality_dropout": 0.1, "batch_size": 128, "members": 1}

RECIPE = Recipe(
    "vision_question", "Questions about pictures, with controls", ("easy_vqa", "drawn_world", "nlvr_small"), _cook
)
