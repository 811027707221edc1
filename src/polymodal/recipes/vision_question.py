"""Questions about pictures, with two controls: the question alone, and the picture of another row.

Three sets: shapes with 13 answers (easy_vqa), the drawn world with relations, counts and combinations that training
never showed, and sentences that people wrote about drawn scenes (nlvr_small), which are hard.
"""

from collections.abc import Mapping
from typing import Any

from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure

__all__ = ["RECIPE"]


def _cook(kitchen: Kitchen) -> Told:
    found: list[Finding] = []
    for data_set, (question, target, kinds, epochs) in ASKED.items():
        plain = kitchen.spec(data_set).to_dict()
        asked = {"type": "answer", "target": target, "question": question} | ({"by": kinds} if kinds else {})
        plain["modalities"]["picture"] |= CLOSELY
        plain["modalities"][question] |= WORDS
        plain |= {"tasks": {"answer": asked}, "model": MODEL, "train": TRAIN | {"epochs": epochs}}
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


# Question, answer, kind of question, and epochs: by how many questions there are.
ASKED = {
    "easy_vqa": ("question", "answer", "kind", 30),
    "drawn_world": ("question", "answer", "kind", 10),
    "nlvr_small": ("sentence", "label", None, 30),
}
# A question is about a place: the picture keeps its grid, the question its words, and both look at each other.
CLOSELY = {"tokens": "grid"}
WORDS = {"encoder": "transformer", "tokens": "all", "drop": 0.0}
MODEL = {"fusion": {"type": "early", "layers": 3, "pool": "class"}}
# All questions about a picture come in one step, so that it is looked at once. Few rows forget it, since a question
# needs its picture; without any, the control by the question alone would ask for what was never trained.
TRAIN = {"together": "picture", "modality_dropout": 0.1, "batch_size": 128}

RECIPE = Recipe(
    "vision_question", "Questions about pictures, with controls", ("easy_vqa", "drawn_world", "nlvr_small"), _cook
)
