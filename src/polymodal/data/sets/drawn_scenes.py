"""Small drawn scenes: which objects stand where, the pixels that show them, and a sentence that is true of them.

A scene has one to four objects in a grid of 3 × 3 places, no two of the same kind (size, colour and shape) and no two
in one place. Everything is drawn from a seeded generator, so that the truth about a picture is known and exact.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

__all__ = [
    "COLOURS", "HELD_OUT", "PLACES", "RADII", "RELATIONS", "SHAPES", "SIDE", "STEP", "Caption", "Scene", "Thing",
    "arrange", "describe", "is_true_of", "is_unseen", "paint", "understood",
]  # fmt: skip

COLOURS = {
    "red": (215, 45, 45),
    "green": (50, 160, 70),
    "blue": (45, 85, 215),
    "yellow": (240, 200, 40),
    "purple": (150, 60, 180),
    "black": (35, 35, 40),
}
"""Red, green and blue from 0 to 255, before each object's own small change."""
SHAPES = ("circle", "square", "triangle", "cross")
RADII = {"small": 4.0, "large": 6.5}
"""Pixels from the middle of an object to its rim."""
PLACES = ("top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right")
HELD_OUT = (("blue", "circle"), ("yellow", "square"), ("red", "triangle"), ("purple", "cross"))
"""Pairs of colour and shape that no training picture shows: of every shape one, and no colour twice."""

_KIND = rf"a ({'|'.join(RADII)}) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
_PLACED = re.compile(rf"{_KIND} (?:at|in) the ({'|'.join(PLACES)})")
_RELATED = re.compile(rf"{_KIND} (left of|right of|above|below) {_KIND}")

T = TypeVar("T")

SIDE, STEP = 48, 16
"""Pixels along a picture, and from one place to the next."""
WINDOW = 16
"""Pixels along the square that an object is drawn in."""
NUDGE = 1.0
"""Pixels by which an object may miss the middle of its place, in each direction."""
TINT = 12.0
"""By how much each of an object's three colour values may differ from its colour."""
GROUND = (228, 256)
"""Range of the light grey behind the objects."""
ALIKE = 0.3
"""Chance that an object takes its colour from one before it, and the same for its shape: there is more to compare."""
RELATED = 0.5
"""Chance that a caption tells of two objects how they stand to each other, and not where each of them is."""


class Thing(NamedTuple):
    """One object: what it is, and its row and column from the top left (0 to 2)."""

    size: str
    colour: str
    shape: str
    row: int
    column: int

    @property
    def words(self) -> str:
        """What it is: "small red circle"."""
        return f"{self.size} {self.colour} {self.shape}"

    @property
    def place(self) -> str:
        """Where it is: one of PLACES."""
        return PLACES[3 * self.row + self.column]


Scene = tuple[Thing, ...]

RELATIONS: Mapping[str, Callable[[Thing, Thing], bool]] = {
    "left of": lambda one, other: one.column < other.column,
    "right of": lambda one, other: one.column > other.column,
    "above": lambda one, other: one.row < other.row,
    "below": lambda one, other: one.row > other.row,
}
"""Whether the first object stands so to the second; any row will do for left and right, any column for the others."""


class Caption(NamedTuple):
    """A sentence, the objects whose place it tells, and the relation that it tells (None = no relation)."""

    text: str
    placed: frozenset[Thing]
    related: tuple[Thing, str, Thing] | None


def is_unseen(scene: Scene) -> bool:
    """Whether a scene shows a pair of colour and shape that is held out."""
    return any((thing.colour, thing.shape) in HELD_OUT for thing in scene)


def arrange(objects: int, unseen: bool, generator: np.random.Generator) -> Scene:
    """Draw a scene of so many objects: with a held-out pair of colour and shape where `unseen`, and else without."""
    cells = generator.permutation(len(PLACES))
    kinds: list[tuple[str, str, str]] = []
    while len(kinds) < objects:
        size, colour, shape = (_one(names, generator) for names in (tuple(RADII), tuple(COLOURS), SHAPES))
        if kinds and generator.random() < ALIKE:
            colour = _one(kinds, generator)[1]
        if kinds and generator.random() < ALIKE:
            shape = _one(kinds, generator)[2]
        if unseen and not kinds:
            colour, shape = _one(HELD_OUT, generator)
        allowed = unseen or (colour, shape) not in HELD_OUT
        if allowed and (size, colour, shape) not in kinds:
            kinds.append((size, colour, shape))
    # A held-out pair comes first in the list of kinds, but anywhere in the scene.
    order = generator.permutation(objects)
    drawn = [Thing(*kind, row=int(cell) // 3, column=int(cell) % 3) for kind, cell in zip(kinds, cells, strict=False)]
    return tuple(drawn[place] for place in order)


def describe(scene: Scene, generator: np.random.Generator) -> Caption:
    """Draw a sentence that names every object once and tells of each where it is, or how two of them stand."""
    things = [scene[place] for place in generator.permutation(len(scene))]
    related = None
    if len(things) > 1 and generator.random() < RELATED:
        one, other = things[:2]
        related = (one, _one([name for name, holds in RELATIONS.items() if holds(one, other)], generator), other)
        things = things[2:]
    clauses = [f"a {thing.words} {_at(thing.place)}" for thing in things]
    if related is not None:
        clauses.insert(0, f"a {related[0].words} {related[1]} a {related[2].words}")
    text = clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])}, and {clauses[-1]}"
    return Caption(text, frozenset(things), related)


def understood(text: str) -> Caption | None:
    """What a sentence in the manner of `describe` tells; None for any other sentence."""
    placed: list[Thing] = []
    related = None
    for clause in text.replace(", and ", ", ").split(", "):
        told, both = _PLACED.fullmatch(clause), _RELATED.fullmatch(clause)
        if told is not None:
            placed.append(Thing(told[1], told[2], told[3], *divmod(PLACES.index(told[4]), 3)))
        elif both is not None and related is None:
            one, other = (Thing(both[at], both[at + 1], both[at + 2], row=-1, column=-1) for at in (1, 5))
            related = (one, both[4], other)
        else:
            return None
    named = [thing.words for thing in (*placed, *(related[::2] if related else ()))]
    return Caption(text, frozenset(placed), related) if len(named) == len(set(named)) else None


def is_true_of(caption: Caption, scene: Scene) -> bool:
    """Whether a caption tells the truth about a scene, and names all of its objects."""
    known = {thing.words: thing for thing in scene}
    named = {thing.words for thing in caption.placed}
    if caption.related is not None:
        one, relation, other = caption.related
        named |= {one.words, other.words}
        if not named <= set(known) or not RELATIONS[relation](known[one.words], known[other.words]):
            return False
    return named == set(known) and caption.placed <= set(scene)


def paint(scenes: Sequence[Scene], side: int, step: int, generator: np.random.Generator) -> np.ndarray:
    """(n, side, side, 3) uint8: the pictures of scenes whose places are `step` pixels apart.

    Each object is a little off the middle of its place and off its colour, each ground a little darker or lighter.
    """
    shade = generator.integers(*GROUND, size=(len(scenes), 1, 1, 1))
    pictures = np.broadcast_to(shade, (len(scenes), side, side, 3)).astype(np.uint8)
    things = [thing for scene in scenes for thing in scene]
    owner = np.repeat(np.arange(len(scenes)), [len(scene) for scene in scenes])
    nudges = generator.uniform(-NUDGE, NUDGE, size=(len(things), 2))
    tints = generator.uniform(-TINT, TINT, size=(len(things), 3))
    colours = (np.array([COLOURS[thing.colour] for thing in things]) + tints).clip(0, 255).astype(np.float32)
    cover = _covers(things, nudges)[..., None]
    starts = side // 2 - WINDOW // 2 + (np.array([thing[3:] for thing in things]) - 1) * step
    rows, columns = (starts[:, axis, None] + np.arange(WINDOW) for axis in (0, 1))
    region = (owner[:, None, None], rows[:, :, None], columns[:, None, :])
    ground = shade[owner].astype(np.float32)
    pictures[region] = np.rint(ground + cover * (colours[:, None, None] - ground)).astype(np.uint8)
    return pictures


def _covers(things: Sequence[Thing], nudges: np.ndarray) -> np.ndarray:
    """(n, WINDOW, WINDOW) from 0 to 1: how much of each pixel an object covers, by the distance to its rim."""
    middle = (WINDOW - 1) / 2
    steps = np.arange(WINDOW, dtype=np.float32) - middle
    y, x = (steps - nudges[:, axis, None].astype(np.float32) for axis in (0, 1))
    cover = np.empty((len(things), WINDOW, WINDOW), dtype=np.float32)
    for shape, distance in _DISTANCES.items():
        for size, radius in RADII.items():
            chosen = np.array([thing.shape == shape and thing.size == size for thing in things], dtype=bool)
            cover[chosen] = np.clip(0.5 - distance(x[chosen, None, :], y[chosen, :, None], radius), 0, 1)
    return cover


def _circle(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Pixels from the rim, negative inside; y counts downwards. The same for the other shapes."""
    return np.asarray(np.hypot(x, y) - radius)


def _square(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(np.maximum(abs(x), abs(y)) - 0.9 * radius)


def _triangle(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    slope = np.hypot(2, 1)  # two pixels down for each pixel to the side
    return np.asarray(np.maximum((2 * abs(x) - y - radius) / slope, y - 0.9 * radius))


def _cross(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    long, short = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    return np.asarray(np.maximum(long - radius, short - 0.32 * radius))


_DISTANCES = dict(zip(SHAPES, (_circle, _square, _triangle, _cross), strict=True))


def _at(place: str) -> str:
    return f"in the {place}" if place == "centre" else f"at the {place}"


def _one(options: Sequence[T], generator: np.random.Generator) -> T:
    return options[int(generator.integers(len(options)))]
