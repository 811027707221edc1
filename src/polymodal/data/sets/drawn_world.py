"""Drawn world (synthetic): small pictures of a few objects, sentences that are true of them, questions with answers.

Every picture and every word is made on this machine; nobody looked at a picture or asked a question. Three tables share
the folder `pictures`:

- scenes: one to four objects, 48 × 48 pixels, with a caption. Within test and within validation a caption is true of
  one picture only; no scene and no caption of one part is in another.
- questions: twelve for each of these pictures in training, five elsewhere, of different kinds where the scene allows,
  in the manner of Sort-of-CLEVR (Santoro et al. 2017).
- words: one object, 32 × 32 pixels, with a caption; the same caption has several pictures.

Four of the 24 pairs of colour and shape (HELD_OUT) are in no picture and no sentence of training and validation; every
other test picture shows one of them (`unseen`). The column `scene` holds the truth as JSON: it is there for checks, and
is no input.

Of the 5,000 test questions, the most frequent answer is right for .139, the answer most frequent for the same words in
training for .309, and a logistic model on words, pairs and triples of them (40,000 questions) for .315 (of yes or no,
.500).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
from PIL import Image

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets import drawn_questions, drawn_scenes
from polymodal.data.sets.base import DataSet
from polymodal.data.sets.drawn_questions import RELATIONAL, Interview
from polymodal.data.sets.drawn_scenes import (
    COLOURS,
    RADII,
    SHAPES,
    SIDE,
    STEP,
    Caption,
    Scene,
    Thing,
    arrange,
    describe,
    is_true_of,
    is_unseen,
    paint,
)

__all__ = ["COUNTS", "QUESTIONS", "SET", "Drawn", "draw_scenes", "draw_words", "make"]

COUNTS = {"train": 12_000, "validation": 600, "test": 1_000}
"""Pictures of each part in the table scenes."""
OBJECTS = (0.1, 0.3, 0.3, 0.3)
"""Share of scenes with one to four objects."""
QUESTIONS = {"train": 12, "validation": 5, "test": 5}
"""For each picture of a part. A net asked five times about each training picture learns the answers by heart."""
WORD_SIDE, WORD_STEP = 32, 8
"""Pixels along a picture of the table words, and from one place to the next."""
PER_CAPTION = {"train": 12, "validation": 4, "test": 4}
"""Pictures of each caption in the table words."""
KEPT = {"test": 72, "validation": 36}
"""Captions of the table words, all of pairs that training shows, which only this part has."""


@dataclass(frozen=True)
class Drawn:
    """One picture before it is painted: its part, its objects and its caption."""

    part: str
    scene: Scene
    caption: Caption


@dataclass
class Album:
    """The scenes of a part so far.

    `closed` are scenes and captions of other parts; `strict` asks for captions that are true of one scene only.
    """

    closed: set[frozenset[Thing] | str]
    strict: bool
    pages: list[tuple[Scene, Caption]] = field(default_factory=list)
    alike: dict[frozenset[str], list[tuple[Scene, Caption]]] = field(default_factory=dict)

    def add(self, scene: Scene, caption: Caption) -> None:
        """Take a scene in, unless it would not be new or could be taken for another."""
        same = self.alike.setdefault(frozenset(thing.words for thing in scene), [])
        if frozenset(scene) in self.closed or caption.text in self.closed:
            return
        if self.strict and any(is_true_of(caption, one) or is_true_of(said, scene) for one, said in same):
            return
        same.append((scene, caption))
        self.pages.append((scene, caption))


def draw_scenes(counts: Mapping[str, int], seed: int) -> list[Drawn]:
    """The scenes of each part with their captions; the same for the same counts and seed."""
    closed: set[frozenset[Thing] | str] = set()
    drawn = []
    # Training comes last, so that what it needs in numbers is not taken from the test.
    for part in ("test", "validation", "train"):
        generator = numpy_generator(seed, "drawn world", "scenes", part)
        album = Album(set(closed), strict=part != "train")
        while len(album.pages) < counts[part]:
            unseen = part == "test" and len(album.pages) % 2 == 0
            scene = arrange(int(generator.choice(len(OBJECTS), p=OBJECTS)) + 1, unseen, generator)
            album.add(scene, describe(scene, generator))
        for scene, caption in album.pages:
            closed |= {frozenset(scene), caption.text}
            drawn.append(Drawn(part, scene, caption))
    return drawn


def draw_words(per_caption: Mapping[str, int], seed: int) -> list[Drawn]:
    """Single objects of every kind in every place, so many for each caption; a caption belongs to one part."""
    generator = numpy_generator(seed, "drawn world", "words")
    every = [
        Thing(*kind, *place) for kind, place in product(product(RADII, COLOURS, SHAPES), product(range(3), range(3)))
    ]
    parts = {thing: "test" if is_unseen((thing,)) else "train" for thing in every}
    seen = [every[place] for place in generator.permutation(len(every)) if parts[every[place]] == "train"]
    for part, many in KEPT.items():
        parts |= dict.fromkeys(seen[:many], part)
        seen = seen[many:]
    captions = {thing: describe((thing,), generator) for thing in every}
    return [
        Drawn(part, (thing,), captions[thing])
        for part, many in per_caption.items()
        for thing in every
        if parts[thing] == part
        for _ in range(many)
    ]


def make(
    target: Path, counts: Mapping[str, int] = COUNTS, per_caption: Mapping[str, int] = PER_CAPTION, seed: int = 0
) -> None:
    """Write the three tables and the folder `pictures` into `target`; smaller counts make a smaller set."""
    (target / "pictures").mkdir()
    scenes, words = draw_scenes(counts, seed), draw_words(per_caption, seed)
    for name, drawn, side, step in (("scene", scenes, SIDE, STEP), ("word", words, WORD_SIDE, WORD_STEP)):
        table = _table(name, drawn)
        pixels = paint([one.scene for one in drawn], side, step, numpy_generator(seed, "drawn world", "paint", name))
        for file, picture in zip(table["picture"], pixels, strict=True):
            Image.fromarray(picture).save(target / "pictures" / file)
        table.to_parquet(target / f"{name}s.parquet", index=False)
    _questions(scenes, seed).to_parquet(target / "questions.parquet", index=False)


def _table(name: str, drawn: Sequence[Drawn]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "picture": [f"{name}-{place:05d}.png" for place in range(len(drawn))],
            "caption": [one.caption.text for one in drawn],
            "objects": [len(one.scene) for one in drawn],
            "combination": ["; ".join(f"{thing.colour} {thing.shape}" for thing in one.scene) for one in drawn],
            "unseen": [is_unseen(one.scene) for one in drawn],
            "part": [one.part for one in drawn],
            "scene": [json.dumps([thing._asdict() for thing in one.scene]) for one in drawn],
        }
    )


def _questions(drawn: Sequence[Drawn], seed: int) -> pd.DataFrame:
    return pd.DataFrame([row for part in COUNTS for row in _interviews(drawn, part, seed)])


def _interviews(drawn: Sequence[Drawn], part: str, seed: int) -> Iterator[dict[str, object]]:
    """The rows of one part; in vain is asked only for what another picture of the part shows."""
    generator = numpy_generator(seed, "drawn world", "questions", part)
    interview = Interview(generator)
    places = [place for place, one in enumerate(drawn) if one.part == part]
    lenders = {
        unseen: [drawn[place].scene for place in places if is_unseen(drawn[place].scene) is unseen]
        for unseen in (False, True)
    }
    for place in places:
        scene = drawn[place].scene
        unseen = is_unseen(scene)
        other = lenders[unseen][int(generator.integers(len(lenders[unseen])))]
        for asked in interview.ask(scene, other, QUESTIONS[part]):
            yield {
                "picture": f"scene-{place:05d}.png",
                "question": asked.question,
                "answer": asked.answer,
                "kind": asked.kind,
                "relational": asked.kind in RELATIONAL,
                "objects": len(scene),
                "unseen": unseen,
                "part": part,
                "group": place,
            }


def _derive(_source: Path, target: Path) -> None:
    make(target)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / "questions.parquet"),
            "files": str(target / "pictures"),
            "group": "group",
            "split": {"column": "part", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {
            # Turning and shifting a picture would change where things are; colours are asked for.
            "picture": {"type": "image", "column": "picture", "size": SIDE, "augment": 0},
            "question": {"type": "text", "columns": ["question"]},
        },
        "tasks": {"answer": {"type": "multiclass", "target": "answer"}},
    }


SET = DataSet(
    name="drawn_world",
    title="Drawn world (synthetic): pictures of a few objects, with captions and with questions",
    origin="made on this machine: drawn with NumPy from a seed",
    licence="none needed: nothing is taken from elsewhere",
    rows=sum(QUESTIONS[part] * pictures for part, pictures in COUNTS.items()),
    tables={
        "questions.parquet": "one row for each question: picture, question, answer, kind, relational, unseen, part",
        "scenes.parquet": "one row for each picture: caption, objects, combination, unseen, part, scene (the truth)",
        "words.parquet": "one row for each picture of one object: the same columns",
    },
    describe=_describe,
    derive=_derive,
    made_with=(
        f"Pillow {PIL.__version__}",
        f"NumPy {np.__version__}",
        *(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (drawn_questions, drawn_scenes)),
    ),
)
