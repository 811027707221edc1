"""Small static pictures in SVG: text stays text, colours come from the page's theme, nothing moves."""

import html
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

__all__ = ["Scale", "Svg", "ticks"]


class Scale:
    """Maps numbers from `low` … `high` to places from `start` … `stop`."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        if not high > low:
            low, high = low - 0.5 * (abs(low) or 1), low + 0.5 * (abs(low) or 1)
        self.low, self.high, self.start, self.stop = low, high, start, stop

    def __call__(self, value: float) -> float:
        """The place of a number; beyond the ends it stays at the end."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.stop - self.start)


class Svg:
    """A drawing that grows by calls and ends as markup.

    `title` is its name for a screen reader and `description` what it shows in words. `name` is unique in the page.
    Looks come from classes that the page's style sheet defines for both themes.
    """

    def __init__(self, name: str, width: float, height: float, title: str, description: str) -> None:
        self.name, self.width, self.height = name, width, height
        self.title, self.description = title, description
        self.parts: list[str] = []

    def line(self, start: tuple[float, float], end: tuple[float, float], look: str = "axis") -> None:
        """A straight line."""
        ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
        self.parts.append(f'<line class="{look}" {ends}/>')

    def path(self, points: Sequence[tuple[float, float]], look: str) -> None:
        """A line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{look}" points="{places}"/>')

    def dot(self, x: float, y: float, radius: float, look: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle class="{look}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>')

    def box(self, corner: tuple[float, float], size: tuple[float, float], look: str, strength: float = 1.0) -> None:
        """A filled rectangle; `strength` from 0 to 1 is its opacity."""
        place = f'x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{max(size[0], 0):.1f}" height="{max(size[1], 0):.1f}"'
        self.parts.append(f'<rect class="{look}" {place} fill-opacity="{strength:.2f}"/>')

    def text(self, x: float, y: float, words: str, look: str = "small", anchor: str = "start") -> None:
        """Words; `anchor` is start, middle or end."""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.parts.append(f'<text class="{look}" {place}>{html.escape(words)}</text>')

    def upright(self, x: float, y: float, words: str, look: str = "small") -> None:
        """Words that run upwards, ending at the place given."""
        place = f'transform="translate({x:.1f} {y:.1f}) rotate(-50)" text-anchor="start"'
        self.parts.append(f'<text class="{look}" {place}>{html.escape(words)}</text>')

    def markup(self) -> Markup:
        """The finished drawing."""
        title, description = f"{self.name}-title", f"{self.name}-description"
        head = (
            f'<svg class="figure" viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" '
            f'height="{self.height:g}" role="img" aria-labelledby="{title} {description}">'
            f'<title id="{title}">{html.escape(self.title)}</title>'
            f'<desc id="{description}">{html.escape(self.description)}</desc>'
        )
        return Markup(head + "".join(self.parts) + "</svg>")  # noqa: S704 - every word in it was escaped above


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers between two others, at steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    found = [float(np.round(at * step, 10)) for at in range(first, math.floor(high / step + 1e-9) + 1)]
    return found if len(found) > 1 or most > 8 else ticks(low, high, most + 2)
