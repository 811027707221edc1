"""What stands where in a drawn road scene: bodies with sides, colours and roles, and where the camera looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["KINDS", "ROLES", "Body", "Camera", "Scene", "arrange", "is_vehicle"]

ROLES = ("elsewhere", "own lane", "other lane", "marking")
"""What a pixel of a lane map may be; everything that is no road is elsewhere."""
KINDS = {"car": (4.4, 1.8, 1.5), "truck": (8.0, 2.4, 3.2)}
"""Vehicles, with length, width and height in metres; each differs from it by up to a tenth."""
STEP, NEAR, FAR = 3.0, -3.0, 90.0
"""Metres along the road: of a piece, of the first and of the last one."""
OVERLAP = 1.08
"""Pieces of a bent road are that much longer, so that nothing gapes between them."""
LINE = 0.15
"""Width of a marking in metres."""
GAP = 4.0
"""Metres between two vehicles of a lane at least."""
BENT = 0.012
"""The largest curvature of a road, 1/m."""


class Body(NamedTuple):
    """A box, cylinder or ellipsoid: its middle and half its sides in metres, its turn to the left, colour and role."""

    shape: str
    at: tuple[float, float, float]
    half: tuple[float, float, float]
    turn: float
    colour: tuple[float, float, float]
    role: str


class Camera(NamedTuple):
    """Height above the road in metres; how far it looks to the left and down, in radians."""

    height: float
    left: float
    down: float


@dataclass(frozen=True)
class Scene:
    """Bodies on a ground of one colour, the camera above (0, 0) looking along x, light, and how much the road bends."""

    bodies: list[Body]
    ground: tuple[float, float, float]
    camera: Camera
    light: tuple[float, float, float]
    bend: float
    lanes: int


def is_vehicle(role: str) -> bool:
    """Whether a role is one of a vehicle, such as "car 3"."""
    return role.split()[0] in KINDS


def arrange(draw: np.random.Generator) -> Scene:
    """A road with one to three lanes beside the own one, what drives on it, and what stands beside it."""
    way = _Way(draw.uniform(-BENT, BENT), draw.uniform(-BENT, BENT) / FAR)
    width, left, right = draw.uniform(3.1, 3.7), int(draw.integers(0, 3)), int(draw.integers(0, 2))
    left += left + right == 0
    lanes = range(-right, left + 1)
    edges = ((lanes[0] - 0.5) * width, (lanes[-1] + 0.5) * width)
    bodies = [*_road(way, lanes, width, draw), *_pavements(way, edges, draw), *_beside(way, edges, draw)]
    for lane in lanes:
        bodies += _traffic(way, lane, width, draw)
    camera = Camera(draw.uniform(1.3, 1.6), draw.normal(0, 0.02), draw.uniform(0.02, 0.07))
    light = (draw.uniform(-0.6, 0.6), draw.uniform(-0.6, 0.6), -1.0)
    return Scene(bodies, _tone(draw, (0.25, 0.35, 0.2), 0.12), camera, light, way.bend, len(lanes))


@dataclass(frozen=True)
class _Way:
    """The middle of the own lane: it starts straight ahead and bends by `bend` (1/m), and that by `more` (1/m²)."""

    bend: float
    more: float

    def turn(self, along: float) -> float:
        """The direction after so many metres, in radians to the left."""
        return self.bend * along + self.more * along**2 / 2

    def point(self, along: float, aside: float) -> tuple[float, float]:
        """(x, y) so many metres along the road and to the left of it."""
        steps = np.linspace(0, along, 33)
        turns = self.bend * steps + self.more * steps**2 / 2
        x, y, turn = np.trapezoid(np.cos(turns), steps), np.trapezoid(np.sin(turns), steps), self.turn(along)
        return float(x - aside * np.sin(turn)), float(y + aside * np.cos(turn))


def _box(
    way: _Way,
    place: tuple[float, float, float],
    sides: tuple[float, float, float],
    colour: tuple[float, float, float],
    role: str,
) -> Body:
    """A box whose middle is so far along the road, to the left of it and above it, and that lies along the road."""
    along, aside, up = place
    half = (sides[0] / 2, sides[1] / 2, sides[2] / 2)
    return Body("box", (*way.point(along, aside), up), half, way.turn(along), colour, role)


def _road(way: _Way, lanes: range, width: float, draw: np.random.Generator) -> Iterator[Body]:
    """Asphalt lane by lane, whole lines at both edges and broken ones between lanes."""
    asphalt, paint = _grey(draw, 0.22, 0.4), _paint(draw)
    phase, long = int(draw.integers(0, 3)), STEP * OVERLAP
    for number, along in enumerate(np.arange(NEAR, FAR, STEP).tolist()):
        for lane in lanes:
            role = ROLES[1] if lane == 0 else ROLES[2]
            yield _box(way, (along, lane * width, 0.01), (long, width, 0.02), asphalt, role)
        for line in range(lanes[0], lanes[-1] + 2):
            outer = line in (lanes[0], lanes[-1] + 1)
            if outer or (number + phase) % 3 == 0:
                yield _box(way, (along, (line - 0.5) * width, 0.03), (long, LINE, 0.02), paint, ROLES[3])


def _pavements(way: _Way, edges: tuple[float, float], draw: np.random.Generator) -> Iterator[Body]:
    """On each side, in half of all scenes: a raised strip."""
    for edge, side in zip(edges, (-1, 1), strict=True):
        colour, width = _grey(draw, 0.45, 0.65), draw.uniform(1.5, 3)
        if draw.random() < 0.5:
            for along in np.arange(NEAR, FAR, STEP).tolist():
                place = (along, edge + side * (0.4 + width / 2), 0.0)
                yield _box(way, place, (STEP * OVERLAP, width, 0.3), colour, ROLES[0])


def _beside(way: _Way, edges: tuple[float, float], draw: np.random.Generator) -> Iterator[Body]:
    """Houses, trees and posts on both sides."""
    for _ in range(int(draw.integers(6, 18))):
        side = int(draw.integers(0, 2))
        sign, along = (-1, 1)[side], draw.uniform(6, FAR)
        what = draw.choice(["house", "tree", "post"], p=[0.4, 0.4, 0.2])
        if what == "house":
            sides = (draw.uniform(6, 14), draw.uniform(6, 12), draw.uniform(4, 14))
            aside = edges[side] + sign * (draw.uniform(4, 14) + sides[1] / 2)
            yield _box(way, (along, aside, sides[2] / 2), sides, _tone(draw, (0.55, 0.5, 0.45), 0.2), ROLES[0])
        else:
            yield from _upright(str(what), way.point(along, edges[side] + sign * draw.uniform(3.2, 12)), draw)


def _upright(what: str, place: tuple[float, float], draw: np.random.Generator) -> Iterator[Body]:
    """A post, or a tree: a trunk and a crown."""
    tall = draw.uniform(2, 4) if what == "tree" else draw.uniform(4, 7)
    wide, dark = 0.2 if what == "tree" else 0.08, _tone(draw, (0.3, 0.25, 0.2), 0.08)
    yield Body("cylinder", (*place, tall / 2), (wide, wide, tall / 2), 0.0, dark, ROLES[0])
    if what == "tree":
        crown, green = draw.uniform(1.2, 2.5), _tone(draw, (0.2, 0.4, 0.15), 0.12)
        yield Body("ellipsoid", (*place, tall + crown / 2), (crown, crown, crown), 0.0, green, ROLES[0])


def _traffic(way: _Way, lane: int, width: float, draw: np.random.Generator) -> Iterator[Body]:
    """None to three vehicles of a lane, none of them in another."""
    along = draw.uniform(7, 30)
    for number in range(int(draw.integers(0, 4))):
        kind = "car" if draw.random() < 0.7 else "truck"
        length, wide, high = (side * draw.uniform(0.9, 1.1) for side in KINDS[kind])
        middle = along + length / 2
        if middle > FAR * 0.7:
            return
        place = (middle, lane * width + draw.normal(0, 0.15))
        yield from _vehicle(way, place, (length, wide, high), f"{kind} {lane} {number}", draw)
        along += length + GAP + draw.exponential(10)


def _vehicle(
    way: _Way, place: tuple[float, float], sides: tuple[float, float, float], role: str, draw: np.random.Generator
) -> Iterator[Body]:
    """A car (a body and a cabin), or a truck (a load and a cabin in front of it), on wheels."""
    (along, aside), (long, wide, high), colour = place, sides, _paintwork(draw)
    if role.startswith("car"):
        low, glass = high * 0.5, _tone(draw, (0.2, 0.25, 0.3), 0.08)
        yield _box(way, (along, aside, 0.3 + low / 2), (long, wide, low), colour, role)
        cabin = (long * 0.5, wide * 0.9, high * 0.4)
        yield _box(way, (along - 0.1 * long, aside, 0.3 + low + cabin[2] / 2), cabin, glass, role)
    else:
        load, front = (long * 0.75, wide, high * 0.85), (long * 0.2, wide * 0.95, high * 0.65)
        yield _box(way, (along - long / 8, aside, 0.5 + load[2] / 2), load, colour, role)
        yield _box(way, (along + long * 0.4, aside, 0.5 + front[2] / 2), front, _paintwork(draw), role)
    for end in (-0.32, 0.32):
        yield _box(way, (along + end * long, aside, 0.33), (0.65, wide * 1.02, 0.65), (0.08, 0.08, 0.1), role)


def _grey(draw: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    return _tone(draw, (draw.uniform(low, high),) * 3, 0.02)


def _paint(draw: np.random.Generator) -> tuple[float, float, float]:
    """White, or in one road of four yellow."""
    return _tone(draw, (0.85, 0.85, 0.85) if draw.random() < 0.75 else (0.85, 0.7, 0.2), 0.08)


def _paintwork(draw: np.random.Generator) -> tuple[float, float, float]:
    """Anything from black to white, or any colour."""
    if draw.random() < 0.4:
        return _grey(draw, 0.05, 0.95)
    return _tone(draw, (0.5, 0.5, 0.5), 0.45)


def _tone(draw: np.random.Generator, around: tuple[float, float, float], spread: float) -> tuple[float, float, float]:
    red, green, blue = np.clip(np.array(around) + draw.uniform(-spread, spread, 3), 0, 1).round(3).tolist()
    return red, green, blue
