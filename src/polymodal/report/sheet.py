"""A contact sheet: what was found, drawn or confused, side by side, as one page and as one picture."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Card", "contact_sheet", "sheet_picture"]

SIDE, GAP, LINE = 160, 16, 15
"""Pixels of a picture's longer side on the sheet, of what lies between, and of a line of text."""
MOST = 6
"""Lines that a text may take; what is longer is cut."""
INK, FAINT, PAPER = "#1c1c1c", "#666666", "#ffffff"


@dataclass(frozen=True)
class Card:
    """One thing on a sheet: its pictures side by side, if any, and lines of text below, the first one bold."""

    pictures: Sequence[Image.Image]
    lines: Sequence[str]


def contact_sheet(title: str, cards: Sequence[Card], place: Path, columns: int = 3) -> tuple[Path, Path]:
    """Write `place`.html, one offline page, and `place`.png beside it; gives both paths."""
    page, drawn = place.with_suffix(".html"), place.with_suffix(".png")
    page.parent.mkdir(parents=True, exist_ok=True)
    sheet_picture(title, cards, columns).save(drawn)
    figures = "\n".join(_figure(card) for card in cards)
    page.write_text(
        "<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{html.escape(title)}</h1>\n<main>\n{figures}\n</main></html>\n",
        encoding="utf-8",
    )
    return page, drawn


def sheet_picture(title: str, cards: Sequence[Card], columns: int = 3) -> Image.Image:
    """The sheet as one picture."""
    wide = max([len(card.pictures) for card in cards] + [1]) * (SIDE + 4)
    font, large = ImageFont.load_default(12), ImageFont.load_default(18)
    written = [
        [
            (part, FAINT if number else INK)
            for number, line in enumerate(card.lines)
            for part in _broken(line, font, wide)
        ]
        for card in cards
    ]
    lines = max([len(each) for each in written] + [1])
    high = (SIDE if any(card.pictures for card in cards) else 0) + lines * LINE + GAP
    rows = -(-len(cards) // columns)
    size = (columns * (wide + GAP) + GAP, rows * (high + GAP) + 2 * GAP + 2 * LINE)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), _fitting(title, large, size[0] - 2 * GAP), INK, large)
    for place, card in enumerate(cards):
        left = GAP + (place % columns) * (wide + GAP)
        top = 2 * GAP + 2 * LINE + (place // columns) * (high + GAP)
        for number, picture in enumerate(card.pictures):
            shown = _scaled(picture)
            sheet.paste(shown, (left + number * (SIDE + 4), top + (SIDE - shown.height) // 2))
        below = top + (SIDE + 4 if card.pictures else 0)
        for number, (line, colour) in enumerate(written[place]):
            pen.text((left, below + number * LINE), line, colour, font)
    return sheet


def _broken(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """A text in lines of this width, broken between words; the last of MOST lines says "…" where more follows."""
    made, words = [""], text.split(" ")
    for place, word in enumerate(words):
        longer = f"{made[-1]} {word}".strip()
        if font.getlength(longer) <= width or not made[-1]:
            made[-1] = longer
        elif len(made) == MOST:
            made[-1] = " ".join([made[-1], *words[place:]])
            break
        else:
            made.append(word)
    return [_fitting(line, font, width) for line in made]


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """As much of a text as fits into a width."""
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept and font.getlength(text[:kept] + "…") > width:
        kept -= 1
    return text[:kept] + "…"


def _scaled(picture: Image.Image) -> Image.Image:
    """The picture on white, as large as a card allows; small ones keep their pixels sharp."""
    bare = picture.convert("RGBA")
    ground = Image.new("RGBA", bare.size, "white")
    ground.alpha_composite(bare)
    share = SIDE / max(bare.size)
    size = (max(1, round(bare.width * share)), max(1, round(bare.height * share)))
    return ground.convert("RGB").resize(size, Image.Resampling.NEAREST if share > 2 else Image.Resampling.LANCZOS)


def _figure(card: Card) -> str:
    pictures = "".join(f"<img alt='' src='data:image/png;base64,{_encoded(each)}'>" for each in card.pictures)
    first, *rest = [html.escape(line) for line in card.lines] or [""]
    below = "".join(f"<br>{line}" for line in rest)
    return f"<figure>{pictures}<figcaption><b>{first}</b>{below}</figcaption></figure>"


def _encoded(picture: Image.Image) -> str:
    stream = io.BytesIO()
    _scaled(picture).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.4rem; font-weight: 600; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.25rem; }
figure { margin: 0; } img { max-width: 100%; image-rendering: auto; margin-right: 4px; }
figcaption { color: #666; overflow-wrap: anywhere; } figcaption b { color: #1c1c1c; font-weight: 600; }
"""
