"""A page is whole or not there, and what a user wrote is never markup."""

from polymodal.evaluation.effects import Effect
from polymodal.evaluation.transfer import Transfer
from polymodal.report.rendering import rendered, written


def test_words_of_the_user_are_escaped_and_nothing_is_loaded():
    even = Effect(0.0, -0.1, 0.1)
    own = {"a": "a"}
    found = Transfer(
        own, {"a": "mae"}, {"a": 1.0}, {"a": 1.0}, {"a": even}, even, {"a": {}}, {}, None, {}, {}, 10, 1, 1
    )
    given = {
        "title": "<b>",
        "found": found,
        "gains": "",
        "matrix": "",
        "cosines": [],
        "shared": [],
        "spread": [],
        "named": {"a": "<i>"},
    }
    page = rendered("transfer.html", given | {"mood": "unsure", "verdict": "even", "shown": str, "signed": str})
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page


def test_what_is_put_in_place_replaces_what_was_there(tmp_path):
    target = tmp_path / "page.html"
    target.write_text("old")
    assert written("néw", target) == target
    assert target.read_text("utf-8") == "néw"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
