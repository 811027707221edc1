"""Contact sheets: every card is on them, text is never markup, and small pictures stay sharp."""

from pathlib import Path

from PIL import Image

from polymodal.report import Card, contact_sheet
from polymodal.report.sheet import LINE, MOST, SIDE, sheet_picture


def square(colour: str, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_a_sheet_is_one_offline_page_and_one_picture(tmp_path: Path) -> None:
    cards = [Card([square("red")], ["1. first", "likeness 0.9"]), Card([], ["2. <b>no markup</b>"])]
    page, picture = contact_sheet("“a & b”", cards, tmp_path / "deep" / "sheet")
    text = page.read_text(encoding="utf-8")
    assert "http" not in text
    assert "&lt;b&gt;no markup&lt;/b&gt;" in text
    assert "“a &amp; b”" in text
    assert text.count("data:image/png;base64,") == 1
    with Image.open(picture) as shown:
        assert shown.width > 2 * SIDE


def test_every_picture_is_drawn_in_its_place_and_on_white() -> None:
    clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    sheet = sheet_picture("two", [Card([square("red"), square("blue")], ["one"]), Card([clear], ["none"])], columns=2)
    colours = {colour for _, colour in sheet.getcolors(1 << 20) or []}
    assert {(255, 0, 0), (0, 0, 255), (255, 255, 255)} <= colours
    counts = {colour: many for many, colour in sheet.getcolors(1 << 20) or []}
    assert counts[(255, 0, 0)] == counts[(0, 0, 255)] == SIDE * SIDE


def test_sentences_are_broken_between_words_and_end_somewhere() -> None:
    sentence = "a large purple triangle at the bottom left and a large blue cross at the top"
    short = sheet_picture("one", [Card([square("red")], ["a"])], columns=1)
    whole = sheet_picture("one", [Card([square("red")], [sentence])], columns=1)
    endless = sheet_picture("one", [Card([square("red")], [sentence * 20])], columns=1)
    assert short.width == whole.width == endless.width
    assert short.height + 2 * LINE <= whole.height < endless.height == short.height + (MOST - 1) * LINE


def test_long_lines_are_cut_and_an_empty_sheet_is_a_sheet(tmp_path: Path) -> None:
    wide = sheet_picture("x" * 500, [Card([square("red")], ["y" * 500])], columns=1)
    assert wide.width < 3 * SIDE
    page, _ = contact_sheet("nothing found", [], tmp_path / "empty")
    assert "nothing found" in page.read_text(encoding="utf-8")
