"""Every recipe can be tasted: it runs from data to figures and pictures, and is short."""

import json
from math import isfinite
from pathlib import Path

import pytest

from polymodal import recipes
from polymodal.core import DataError, UsageProblem
from polymodal.data import sets

SOURCE = Path(recipes.__file__).parent


@pytest.mark.parametrize("name", [each.name for each in recipes.listed()])
def test_a_taste_of_every_recipe(name: str, tmp_path: Path) -> None:
    recipe = recipes.named(name)
    for needed in recipe.sets:
        if not sets.named(needed).is_there():
            pytest.skip(f"the data set {needed} is not here")
    told = recipes.cooked(recipe, recipes.Kitchen(tmp_path / "out", tiny=True))
    assert told.findings
    for found in told.findings:
        assert isfinite(found.value), found.what
        assert found.interval is None or found.interval[0] <= found.value <= found.interval[1]
    assert told.files
    for file in told.files:
        assert (tmp_path / "out" / file).stat().st_size > 0
    kept = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert kept["recipe"] == name
    assert kept["tiny"] is True
    assert len(kept["findings"]) == len(told.findings)


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.stem)
def test_a_recipe_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_an_unknown_recipe_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UsageProblem, match="touch_slip"):
        recipes.named("touch_slipp")


def test_a_data_set_that_is_not_there_is_missed_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYMODAL_DATA", str(tmp_path))

    def cook(_: recipes.Kitchen) -> recipes.Told:
        raise AssertionError("too early")

    with pytest.raises(DataError, match="camvid"):
        recipes.cooked(recipes.Recipe("own", "My own", ("glyphs", "camvid"), cook), recipes.Kitchen(tmp_path / "out"))


def test_a_recipe_finds_its_folder_made(tmp_path: Path) -> None:
    def cook(kitchen: recipes.Kitchen) -> recipes.Told:
        (kitchen.out / "first.txt").write_text("before any run", encoding="utf-8")
        return recipes.Told([recipes.Finding("one", 1.0)], ["first.txt"])

    told = recipes.cooked(recipes.Recipe("own", "My own", (), cook), recipes.Kitchen(tmp_path / "not" / "there"))
    assert told.files == ["first.txt", "findings.png"]
