"""The sets by name."""

import pytest

from polymodal.core import UsageProblem
from polymodal.data import sets
from polymodal.data.sets import DataSet

NAMES = [
    "ad_csf",
    "biotac_sp",
    "camvid",
    "chebi20",
    "davis",
    "dlpfc",
    "drawn_roads",
    "drawn_volumes",
    "drawn_world",
    "easy_vqa",
    "emodb",
    "emoji_noto",
    "fsdd",
    "gas_drift",
    "glyphs",
    "impac_autism",
    "iwpc_warfarin",
    "nlvr_small",
    "protein",
    "senses_digits",
    "simulated_doses",
    "tcga_gbmlgg",
    "toxcast",
    "turned_digits",
    "tuxpaint_stamps",
    "video_digits",
    "womens_clothing",
    "xtb_ethanol",
]
BY_HAND = {
    "camvid", "davis", "dlpfc", "emodb", "gas_drift", "iwpc_warfarin", "protein", "simulated_doses", "tcga_gbmlgg",
    "tuxpaint_stamps", "xtb_ethanol"
}  # fmt: skip
"""Sets that no command fetches."""


def test_every_module_with_a_set_is_listed():
    listed = sets.list()
    assert [entry["name"] for entry in listed] == NAMES
    assert all(set(entry) == {"name", "title", "licence", "origin", "rows", "there"} for entry in listed)
    assert next(entry for entry in listed if entry["name"] == "glyphs")["there"] is True


@pytest.mark.parametrize("name", NAMES)
def test_each_set_says_who_it_is(name):
    known = sets.named(name)
    assert isinstance(known, DataSet)
    assert known.name == name
    assert known.title
    assert known.licence
    assert known.origin
    assert known.tables
    assert known.rows > 0
    assert all(len(value) == 64 for value in known.files.values())
    assert known.embedded or bool(known.fetched) == (name not in BY_HAND)
    assert all(any(name.startswith(f"{folder}/") for name in known.files) for folder in known.folders)


def test_an_unknown_name_meets_its_neighbour():
    with pytest.raises(UsageProblem, match='did you mean "glyphs"'):
        sets.find("glyph")


def test_an_embedded_set_is_there_after_get(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = DataSet(
        "dot",
        "A dot",
        "here",
        "free",
        1,
        {"dot.csv": "a dot"},
        lambda _source, target: {"data": str(target)},
        derive=dot,
    )
    assert (made.get() / "dot.csv").exists()
    assert made.find() == made.ready()


def dot(_source, target):
    (target / "dot.csv").write_text("x\n1\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_originals_that_are_here_are_those_that_are_named(name):
    known = sets.named(name)
    if known.embedded or not known.is_there():
        pytest.skip(f"the originals of {name} are not here")
    assert known.find().is_dir()
