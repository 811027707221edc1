"""Glyphs: a picture, a name and shape numbers of characters, made on the spot from fonts that Matplotlib ships.

Each row is one character in one font face. The picture is the ink alone, scaled to fill its frame, so that size and
place on the line are left to the shape numbers; the name is the Unicode name without its telling words; the shape
numbers are measured in units of the font size. Tasks: `script` (eight scripts or groups of symbols; not labelled for
digits and punctuation), `category` (the Unicode general category, rare ones pooled), `bold` (not labelled where bold
and regular look the same).

Fonts *and* characters are held out: each font family and each character belongs to one fold, and a row whose font and
character belong to different folds is left out. Some characters share a picture for good (Latin A, Greek Alpha,
Cyrillic A): that ambiguity is real and stays, but characters with an identical picture in any row, or with the same
words left of their names, are one group and lie in one fold.

Telling words: a fixed list (GIVEAWAYS), and every word that occurs in two or more of the characters and of whose
labelled characters at least 95 % share a script, or share a category. Nothing is left of some names: then the name is
absent. Beside that, absence is synthetic: in 10 % of rows each, drawn by a seeded rule, the picture, the name or the
shape numbers are taken away (never two of them).

What plain models reach on the 1,580 test rows (4,692 training rows; AUROC, for several classes the mean of one against
the rest, then balanced accuracy): a logistic model on n-grams of the name, 150 extra trees on the shape numbers, as
many on 60 principal components of the picture, and the product of the three.

| task | n | name | shape | picture | product |
|---|---|---|---|---|---|
| script, 8 classes | 1,372 | .793 / .404 | .804 / .495 | .775 / .365 | .888 / .541 |
| category, 6 classes | 1,580 | .729 / .368 | .915 / .618 | .807 / .423 | .941 / .611 |
| bold or not | 1,472 | .497 / .499 | .912 / .787 | .912 / .806 | .950 / .855 |

Each modality carries part of the signal and none carries all of it, with one exception by nature: a name knows nothing
of boldness.
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont, features
from scipy import ndimage
from scipy.cluster.hierarchy import DisjointSet

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.base import DataSet

__all__ = ["SET", "SHAPE_COLUMNS", "make", "plain_names", "script_of"]

FACES = {
    "train": (
        ("DejaVuSans", "DejaVuSans-Bold"),
        ("DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
        ("STIXGeneral", "STIXGeneralBol"),
        ("STIXGeneralItalic", "STIXGeneralBolIta"),
    ),
    "validation": (
        ("DejaVuSansMono", "DejaVuSansMono-Bold"),
        ("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    ),
    "test": (("DejaVuSerif", "DejaVuSerif-Bold"), ("DejaVuSerif-Italic", "DejaVuSerif-BoldItalic")),
}
"""Per fold, pairs of font files: the regular and the bold face of one slant. No family is in two folds."""
FOLD_SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""Share of the characters of each script."""
CHARACTERS_PER_SCRIPT = 420
PAIRS_PER_CHARACTER = 2

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN")
"""First words of Unicode names that name a script with enough characters in every fold's fonts."""
BLOCKS = {
    "arrow": ((0x2190, 0x21FF), (0x27F0, 0x27FF), (0x2900, 0x297F)),
    "operator": ((0x2200, 0x22FF), (0x27C0, 0x27EF), (0x2980, 0x2AFF)),
    "geometric": ((0x2580, 0x25FF),),
}
"""Groups of symbols by Unicode blocks (first and last code point)."""
CATEGORIES = {
    "Lu": "uppercase letter",
    "Ll": "lowercase letter",
    "Sm": "mathematical symbol",
    "So": "other symbol",
    **dict.fromkeys(("Nd", "Nl", "No"), "number"),
    **dict.fromkeys(("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"), "punctuation"),
}
STYLED_LETTERS = range(0x1D400, 0x1D800)
"""Mathematical bold, italic … letters: their style belongs to the character, not to the font."""
GIVEAWAYS = frozenset(SCRIPTS) | frozenset(
    {"ARROW", "ARROWS", "CAPITAL", "DIGIT", "FRACTION", "LETTER", "LIGATURE", "MARK", "MODIFIER", "NUMBER", "NUMERAL"}
    | {"OPERATOR", "PUNCTUATION", "SIGN", "SMALL", "SYMBOL"}
)
TELLING_SHARE = 0.95

ABSENT_RATE = 0.1
EM = 72
"""Pixels to the font size while shapes are measured."""
SIZE = 28
"""Pixels along each side of a picture, of which MARGIN on every side stay white."""
MARGIN = 2
SHAPE_COLUMNS = (
    "advance",
    "width",
    "height",
    "top",
    "bottom",
    "ink_share",
    "centre_x",
    "centre_y",
    "parts",
    "holes",
    "contour",
)
"""Lengths in units of the font size, `top` and `bottom` counted from the base line; centres in shares of the box."""


class Face:
    """One font file, ready to draw from."""

    def __init__(self, name: str) -> None:
        path = str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf")
        self.name = name
        # The basic layout engine gives the same pictures whether or not the machine has libraqm.
        self.font = ImageFont.truetype(path, EM, layout_engine=ImageFont.Layout.BASIC)
        self.characters = frozenset(map(chr, FT2Font(path).get_charmap()))

    def ink(self, character: str) -> Image.Image | None:
        """The character in its tight box, white on black; None where there is no ink."""
        left, top, right, bottom = self.font.getbbox(character, anchor="ls")
        size = (int(right - left), int(bottom - top))
        if min(size) <= 0:
            return None
        canvas = Image.new("L", size)
        ImageDraw.Draw(canvas).text((-left, -top), character, fill=255, font=self.font, anchor="ls")
        return canvas if canvas.getextrema()[1] else None

    def shape(self, character: str) -> dict[str, float]:
        """The shape numbers of a character that has ink, by the names of SHAPE_COLUMNS."""
        left, top, right, bottom = self.font.getbbox(character, anchor="ls")
        canvas = self.ink(character)
        ink = np.asarray(canvas) >= 128
        framed = np.pad(ink, 1)
        edges = np.count_nonzero(framed[1:] != framed[:-1]) + np.count_nonzero(framed[:, 1:] != framed[:, :-1])
        rows, columns = np.nonzero(ink)
        numbers = (
            self.font.getlength(character) / EM,
            (right - left) / EM,
            (bottom - top) / EM,
            -top / EM,
            -bottom / EM,
            ink.mean(),
            (columns.mean() + 0.5) / ink.shape[1] if len(columns) else 0.5,
            (rows.mean() + 0.5) / ink.shape[0] if len(rows) else 0.5,
            ndimage.label(framed, np.ones((3, 3)))[1],
            ndimage.label(~framed)[1] - 1,
            edges / EM,
        )
        return {name: float(number) for name, number in zip(SHAPE_COLUMNS, numbers, strict=True)}


def script_of(character: str) -> str | None:
    """The script, or the group of symbols, of a named character; None for digits, punctuation and the rest."""
    first = unicodedata.name(character).split(" ")[0]
    if first in SCRIPTS:
        return first.lower()
    point = ord(character)
    return next((label for label, spans in BLOCKS.items() if any(low <= point <= high for low, high in spans)), None)


def plain_names(labels: Mapping[str, Sequence[str | None]]) -> dict[str, str]:
    """The Unicode name of each character without its telling words; `labels` gives its script and category.

    A word is telling if it is in GIVEAWAYS, or if it occurs in two or more of these characters and one script, or one
    category, holds at least TELLING_SHARE of those that are labelled.
    """
    words = {character: unicodedata.name(character).replace("-", " ").split() for character in labels}
    holders: dict[str, list[str]] = defaultdict(list)
    for character, parts in words.items():
        for word in set(parts):
            holders[word].append(character)
    telling = GIVEAWAYS | {
        word for word, where in holders.items() if len(where) > 1 and _tells([labels[one] for one in where])
    }
    return {character: " ".join(word for word in parts if word not in telling) for character, parts in words.items()}


def make(target: Path, characters_per_script: int = CHARACTERS_PER_SCRIPT) -> None:
    """Write `glyphs.parquet` and the folder `pictures` into `target`; fewer characters make a smaller set."""
    faces = {name: Face(name) for pairs in FACES.values() for pair in pairs for name in pair}
    labels = _choose(_shared(faces), characters_per_script)
    names = plain_names(labels)
    rows, pictures = _draw_all(faces, labels)
    frame = pd.DataFrame(rows, columns=["character", "face", "face_fold", "bold", "picture"])
    frame["name"] = frame["character"].map(names)
    frame["script"] = [labels[character][0] for character in frame["character"]]
    frame["category"] = [labels[character][1] for character in frame["character"]]
    frame = _hold_out(frame)
    shapes = [faces[face].shape(character) for face, character in zip(frame["face"], frame["character"], strict=True)]
    frame = _take_away(pd.concat([frame, pd.DataFrame(shapes)], axis=1))
    (target / "pictures").mkdir()
    for key in frame["picture"].dropna().unique():
        Image.fromarray(pictures[key]).save(target / "pictures" / key)
    frame.to_parquet(target / "glyphs.parquet", index=False)


def _shared(faces: Mapping[str, Face]) -> set[str]:
    """The characters that the faces of at least two folds have: those of one fold would mostly be left out later."""
    folds = Counter(
        character
        for pairs in FACES.values()
        for character in set().union(*(faces[regular].characters & faces[bold].characters for regular, bold in pairs))
    )
    return {character for character, count in folds.items() if count > 1}


def _tells(labels: Iterable[Sequence[str | None]]) -> bool:
    for kind in zip(*labels, strict=True):
        counts = Counter(label for label in kind if label is not None)
        if counts and max(counts.values()) >= TELLING_SHARE * counts.total():
            return True
    return False


def _choose(characters: Iterable[str], per_script: int) -> dict[str, tuple[str | None, str]]:
    """Script and category of the characters that take part, at most `per_script` of each script."""
    by_script: dict[str | None, list[str]] = defaultdict(list)
    for character in sorted(characters):
        if not unicodedata.name(character, "") or ord(character) in STYLED_LETTERS:
            continue
        category, script = CATEGORIES.get(unicodedata.category(character)), script_of(character)
        if category is not None and (script is not None or category in ("number", "punctuation")):
            by_script[script].append(character)
    chosen: dict[str, tuple[str | None, str]] = {}
    for script, members in by_script.items():
        order = numpy_generator(0, "glyphs", "characters", str(script)).permutation(len(members))
        for place in sorted(order[:per_script]):
            chosen[members[place]] = (script, CATEGORIES[unicodedata.category(members[place])])
    return chosen


def _draw_all(
    faces: Mapping[str, Face], characters: Iterable[str]
) -> tuple[list[tuple[str, str, str, str | None, str]], dict[str, np.ndarray]]:
    """Rows (character, face, fold of the face, bold, picture file), and the pictures by file."""
    rows: list[tuple[str, str, str, str | None, str]] = []
    pictures: dict[str, np.ndarray] = {}
    for character, fold in product(characters, FACES):
        for pair in _pick(faces, character, fold):
            inks = [faces[name].ink(character) for name in pair]
            drawn = [_picture(ink) for ink in inks if ink is not None]
            keys = [f"{hashlib.sha256(picture.tobytes()).hexdigest()[:20]}.png" for picture in drawn]
            bold = ("regular", "bold") if len(set(keys)) == 2 else (None, None)
            if len(keys) == 2:
                rows += [(character, *row) for row in zip(pair, (fold, fold), bold, keys, strict=True)]
                pictures |= dict(zip(keys, drawn, strict=True))
    return rows, pictures


def _pick(faces: Mapping[str, Face], character: str, fold: str) -> list[tuple[str, str]]:
    """Some pairs of the fold's faces that both have the character."""
    whole = [pair for pair in FACES[fold] if all(character in faces[name].characters for name in pair)]
    order = numpy_generator(0, "glyphs", "faces", fold, character).permutation(len(whole))
    return [whole[place] for place in order[:PAIRS_PER_CHARACTER]]


def _picture(ink: Image.Image) -> np.ndarray:
    """(SIZE, SIZE) uint8, black on white: the ink scaled to fill the frame, its proportions kept."""
    scale = (SIZE - 2 * MARGIN) / max(ink.size)
    size = (max(1, round(ink.width * scale)), max(1, round(ink.height * scale)))
    picture = Image.new("L", (SIZE, SIZE))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    picture.paste(ink.resize(size, method), ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return 255 - np.asarray(picture)


def _hold_out(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows whose font and character are in the same fold, with columns `fold` and `group`.

    Characters that share a picture or a plain name are one group. Groups are dealt out script by script.
    """
    together: DisjointSet[str] = DisjointSet(sorted(frame["character"].unique()))
    for column in ("picture", "name"):
        for members in frame[frame[column] != ""].groupby(column)["character"].unique():
            for other in members[1:]:
                together.merge(members[0], other)
    script = frame.fillna({"script": ""}).drop_duplicates("character").set_index("character")["script"]
    groups: dict[str, list[list[str]]] = defaultdict(list)
    for group in sorted(map(sorted, together.subsets())):
        groups[script[group[0]]].append(group)
    fold: dict[str, str] = {}
    for name, members in groups.items():
        order = numpy_generator(0, "glyphs", "folds", name).permutation(len(members))
        fold |= _deal([members[place] for place in order])
    number = {member: place for place, group in enumerate(sorted(map(sorted, together.subsets()))) for member in group}
    frame = frame.assign(fold=frame["character"].map(fold), group=frame["character"].map(number))
    return frame[frame["fold"] == frame.pop("face_fold")].reset_index(drop=True)


def _deal(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Fold of each character: each group in turn goes to the fold that lacks most of its share."""
    dealt = dict.fromkeys(FOLD_SHARES, 0)
    fold: dict[str, str] = {}
    for group in groups:
        total = sum(dealt.values()) + len(group)
        poorest = max(FOLD_SHARES, key=lambda name: FOLD_SHARES[name] * total - dealt[name])
        dealt[poorest] += len(group)
        fold |= dict.fromkeys(group, poorest)
    return fold


def _take_away(frame: pd.DataFrame) -> pd.DataFrame:
    """Synthetic absence: in ABSENT_RATE of rows each, picture, name or shape numbers go; never two of them."""
    draws = numpy_generator(0, "glyphs", "absent").random(len(frame))
    parts: tuple[list[str], ...] = (["picture"], ["name"], list(SHAPE_COLUMNS))
    for place, columns in enumerate(parts):
        gone = (draws >= place * ABSENT_RATE) & (draws < (place + 1) * ABSENT_RATE)
        frame.loc[gone, columns] = None
    return frame.assign(name=frame["name"].replace("", None))


def _derive(_source: Path, target: Path) -> None:
    make(target)


def _describe(_source: Path, target: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "data": {
            "table": str(target / "glyphs.parquet"),
            "files": str(target / "pictures"),
            "group": "group",
            "split": {"column": "fold", "validation": ["validation"], "test": ["test"]},
        },
        "modalities": {
            "picture": {"type": "image", "column": "picture", "size": SIZE},
            "name": {"type": "text", "columns": ["name"]},
            "shape": {"type": "table", "columns": list(SHAPE_COLUMNS)},
        },
        "tasks": {
            "script": {"type": "multiclass", "target": "script"},
            "category": {"type": "multiclass", "target": "category"},
            "bold": {"type": "binary", "target": "bold", "positive": "bold"},
        },
        # Fonts are held out by family: more passes only learn the training fonts by heart. A minute on two cores.
        "train": {"epochs": 12},
    }


SET = DataSet(
    name="glyphs",
    title="Characters in fonts that are shipped with Matplotlib: picture, Unicode name, shape numbers",
    origin="made on this machine from DejaVu and STIX fonts and Python's unicodedata",
    licence="fonts: Bitstream Vera and Arev licences, changes in the public domain (DejaVu); STIX Font License",
    rows=7_058,
    tables={"glyphs.parquet": "one row for each character in a font face, with the files of the folder pictures"},
    describe=_describe,
    derive=_derive,
    made_with=(
        f"matplotlib {mpl.__version__}",
        f"Pillow {PIL.__version__}",
        f"freetype {features.version('freetype2')}",
        f"Unicode {unicodedata.unidata_version}",
    ),
)
