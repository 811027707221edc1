"""Every folder has its page in the reference, and every page is in the navigation."""

import tomllib

from tests.architecture.source import ROOT, SOURCE


def test_every_folder_has_a_page():
    parts = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    pages = {path.stem for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert parts - {"__init__", "__main__"} <= pages


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "zensical.toml").read_text("utf-8")
    tomllib.loads(settings)
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert not [page for page in pages if f'"{page}"' not in settings]
