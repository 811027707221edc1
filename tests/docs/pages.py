"""The snippets of the documentation. `<!-- run -->` on the line before a fence marks one that is run."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"(?P<mark><!-- run -->\n)?^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page; `line` is that of its first line of code."""

    page: str
    line: int
    language: str
    code: str
    runs: bool


def pages() -> list[Path]:
    """Every page a user may read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def snippets(path: Path) -> list[Snippet]:
    """The fenced blocks of one page, in order."""
    text, page = path.read_text("utf-8"), str(path.relative_to(ROOT))
    return [
        Snippet(
            page, text.count("\n", 0, found.start("code")) + 1, found["language"], found["code"], bool(found["mark"])
        )
        for found in FENCE.finditer(text)
    ]
