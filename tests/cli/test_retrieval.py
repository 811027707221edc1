"""`retrieve`: finds by words and by pictures, writes the sheet, and says what is wrong with a query."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from polymodal.cli import main

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "green": (30, 180, 30), "black": (10, 10, 10)}
SPEC = """
data: {table: things.parquet, files: ., id: key, split: {column: part, test: [test]}}
modalities:
  picture: {type: image, column: picture, size: 8, augment: 0}
  words: {type: text, columns: [words]}
  size: {type: table, columns: [size]}
tasks:
  find: {type: retrieval, between: [picture, words], same: words}
train: {epochs: 12, members: 1, batch_size: 16, lr: 1e-2, modality_dropout: 0.0}
"""


def picture(colour: str, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(-10, 11, (8, 8, 3))
    stream = io.BytesIO()
    Image.fromarray((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run that knows four colours."""
    place = tmp_path_factory.mktemp("shop")
    names = list(COLOURS) * 20
    frame = pd.DataFrame({"key": [f"thing-{at}" for at in range(80)], "words": [f"a {name} thing" for name in names]})
    frame["picture"] = [f"{at}.png" for at in range(80)]
    for at, name in enumerate(names):
        (place / f"{at}.png").write_bytes(picture(name, at))
    frame["size"] = np.arange(80) % 5
    frame["part"] = np.where(np.arange(80) < 60, "train", "test")
    frame.to_parquet(place / "things.parquet", index=False)
    (place / "spec.yaml").write_text(SPEC)
    (place / "query.png").write_bytes(picture("blue", 500))
    assert main(["fit", str(place / "spec.yaml"), "--out", str(place / "run"), "-q"]) == 0
    return place


def test_words_find_pictures_and_a_sheet_shows_them(shop: Path, call) -> None:
    words = ("retrieve", shop / "run", "--query", "a red thing", "--from", "words", "--to", "picture", "-k", 5)
    told = call(*words, "--json").document
    assert [hit["rank"] for hit in told["results"]] == [1, 2, 3, 4, 5]
    assert all(int(hit["id"].split("-")[1]) % 4 == 0 for hit in told["results"])
    likeness = [hit["likeness"] for hit in told["results"]]
    assert likeness == sorted(likeness, reverse=True)
    assert max(likeness) <= 1.0001
    assert (told["gallery"], told["search"]) == (80, "exact")
    with Image.open(told["picture"]) as sheet:
        reds = [many for many, (red, green, blue) in sheet.getcolors(1 << 24) or [] if red > 190 and green + blue < 120]
    assert sum(reds) > 1000
    assert "a red thing" in Path(told["page"]).read_text(encoding="utf-8")


def test_a_picture_finds_words(shop: Path, call) -> None:
    answer = call(
        "retrieve", shop / "run", "--query", shop / "query.png", "--from", "picture", "--to", "words", "-k", 3
    )
    assert answer.code == 0
    assert "1  thing-1 " in answer.out
    assert answer.out.count(" thing\n") == 3  # four texts are in the gallery, each of them once
    assert (shop / "run" / "retrieved-query.html").is_file()


def test_each_query_has_a_sheet_of_its_own(shop: Path, call) -> None:
    words = ("retrieve", shop / "run", "--from", "words", "--to", "picture", "-k", 2, "--json", "--query")
    pages = [Path(call(*words, query).document["page"]) for query in ("a blue thing", "Где: что? " * 20, "!!")]
    assert [page.parent for page in pages] == [shop / "run"] * 3
    assert pages[0].name == "retrieved-a-blue-thing.html"
    assert pages[2].name == "retrieved-query.html"
    assert all(page.is_file() and len(page.name) < 90 for page in pages)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--query", "", "--from", "words", "--to", "picture"), "no-query"),
        (("--query", "nowhere.png", "--from", "picture", "--to", "words"), "no-query"),
        (("--query", "a", "--from", "wrds", "--to", "picture"), "words"),
        (("--query", "a", "--from", "words", "--to", "size"), "no-such-retrieval"),
        (("--query", "a", "--from", "words"), "--to"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(shop: Path, call, words: tuple[str, ...], told: str) -> None:
    answer = call("retrieve", shop / "run", *words)
    assert answer.code == 2
    assert told in answer.err


def test_a_run_without_a_retrieval_says_so(spec_file: Path, call) -> None:
    assert call("fit", spec_file, "--out", "run", "-q", "--set", "train.epochs=1").code == 0
    answer = call("retrieve", "run", "--query", "a", "--from", "labs", "--to", "labs")
    assert answer.code == 2
    assert "retrieval" in answer.err


def test_another_table_can_be_looked_in(shop: Path, call) -> None:
    few = pd.read_parquet(shop / "things.parquet").iloc[:8]
    few.to_parquet(shop / "few.parquet", index=False)
    words = ("--query", "a green thing", "--from", "words", "--to", "picture", "-k", 20, "--data", shop / "few.parquet")
    told = call("retrieve", shop / "run", *words, "--json").document
    assert told["gallery"] == len(told["results"]) == 8
    assert {hit["id"] for hit in told["results"][:2]} == {"thing-2", "thing-6"}
