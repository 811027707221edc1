"""The page is whole, safe, small, in order, and says the same without its examples."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from polymodal.report import Example, build_report
from tests.report.fake_run import HOSTILE, fake_examples

VOID = {"meta", "img", "br", "hr", "link", "line", "circle", "rect", "polyline"}


class Reader(HTMLParser):
    """Collects tags and text, and checks that every tag that opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_every_tag_closes(read: Reader) -> None:
    assert read.open == []


def test_nothing_runs_and_nothing_is_fetched(read: Reader, page: str) -> None:
    assert not read.all("script", "link", "iframe", "object", "embed", "form", "base")
    links = [
        attributes[name] for _, attributes in read.tags for name in ("src", "href", "srcset") if name in attributes
    ]
    assert all(link is not None and link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on") or name == "style"]
    assert not re.search(r"url\(|@import|https?:", page)


def test_the_policy_allows_this_style_and_pictures_only(read: Reader, page: str) -> None:
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    style = re.search("<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")


def test_hostile_words_are_shown_as_words(read: Reader, page: str) -> None:
    assert "<script" not in page
    assert HOSTILE in "".join(read.text)
    assert "Jackets & <b>" in "".join(read.text)


def test_headings_come_in_order(read: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_tables_and_pictures_speak(read: Reader) -> None:
    assert len(read.all("caption")) == len(read.all("table"))
    assert all("scope" in heading for heading in read.all("th"))
    assert all(picture.get("alt") for picture in read.all("img"))
    assert all(drawing.get("role") == "img" for drawing in read.all("svg"))
    assert len(read.all("main")) == len(read.all("nav")) == 1


def test_names_are_unique_and_references_lead_somewhere(read: Reader) -> None:
    names = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(names) == len(set(names))
    spoken = [part for _, a in read.tags for part in (a.get("aria-labelledby") or "").split()]
    links = [link["href"][1:] for link in read.all("a") if link["href"]]
    assert set(spoken) | set(links) <= set(names)


def test_the_three_questions_come_first(read: Reader) -> None:
    words = "".join(read.text)
    places = [words.index(question) for question in ("Is it better", "Can it be trusted", "What next", "Metrics of")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "wanted",
    ["Commonest answer", "Linear model", "Boosted trees", "What each modality adds", "Each modality alone",
     "Which modalities rows have", "Row ledger", "truncated after 1,024 bytes", "polymodal fit reviews.yaml",
     "surest, and wrong", "nearest", "The split", "Rows of one item", "stated against observed",
     "truth minus prediction"],
)  # fmt: skip
def test_every_part_is_there(read: Reader, wanted: str) -> None:
    assert wanted in "".join(read.text)


def test_the_trivial_answer_to_a_number_is_headed_mean(page: str) -> None:
    heads = re.findall(r'<th scope="col" class="n">(Commonest answer|Mean)</th>', page)
    assert heads == ["Commonest answer"] * 3 + ["Mean"]


def test_it_stays_small(run: Path) -> None:
    assert (run / "report.html").stat().st_size <= 5 * 2**20


def test_too_many_pictures_are_left_out(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    heavy = bytes(700_000)
    many = [Example("price", row, str(row), "1", "2", None, False, {}, {"x": heavy}) for row in range(9)]
    report = build_report(tmp_path / "run", many)
    assert report.stat().st_size <= 5 * 2**20
    assert report.read_text().count("<img") >= 1


def test_the_same_run_gives_the_same_bytes(run: Path, page: str) -> None:
    assert build_report(run, fake_examples()).read_text() == page


def told(run: Path, folder: Path, findings: list[dict[str, object]] | None) -> str:
    """The words of the page of the same run with other findings."""
    shutil.copytree(run, folder / "run")
    kept = folder / "run" / "findings.json"
    kept.unlink() if findings is None else kept.write_text(json.dumps(findings))
    reader = Reader()
    reader.feed(build_report(folder / "run", ()).read_text(encoding="utf-8"))
    return " ".join("".join(reader.text).split())


def test_an_accepted_leak_runs_through_the_page(run: Path, tmp_path: Path) -> None:
    leak: dict[str, object] = {
        "code": "group-on-both-sides", "severity": "error", "where": 'group column "item"', "accepted": True,
        "message": "4 groups stand in training and in test (31 rows of test)", "remedy": "keep them on one side",
    }  # fmt: skip
    words = told(run, tmp_path, [leak])
    assert "Not as it stands: group-on-both-sides was accepted on purpose." in words
    assert "4 groups stand in training and in test (31 rows of test) (accepted on purpose)." in words
    assert "Accepted on purpose (group-on-both-sides)." in words
    for praise in ("found none", "No item", "never on both sides", "took no part"):
        assert praise not in words


def test_a_run_without_findings_is_not_praised(run: Path, tmp_path: Path) -> None:
    assert "The checks for leaks found none" in told(run, tmp_path / "clean", [])
    words = told(run, tmp_path / "lost", None)
    assert "The checks for leaks found none" not in words
    assert "It is not known whether the checks for leaks found anything" in words
    assert "What the checks found is not known" in words


def test_a_group_named_in_the_spec_is_not_enough(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    names = {f"item {at}": 550 for at in range(6)}
    metrics["missing"] |= {"groups": {}, "group_rows": names}
    metrics["groups"] = {part: sizes | {"count": 6} for part, sizes in metrics["groups"].items()}
    metrics["rows"] = {"train": 2700, "validation": 300, "test": 300}
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    words = told(tmp_path / "run", tmp_path / "copy", [])
    assert "Rows of one item are both in the test and in what was learned from." in words
    assert "No item" not in words


def test_bare_metrics_make_a_page(run: Path, tmp_path: Path) -> None:
    """A run without floors, missing map, predictions or spec: everything that is not known is left out, or said."""
    told = json.loads((run / "metrics.json").read_text())
    kept = {"type", "n", "headline", "higher_is_better", "classes", "metrics", "intervals"}
    tasks = {name: {key: entry[key] for key in kept} for name, entry in told["tasks"].items()}
    (tmp_path / "metrics.json").write_text(json.dumps({"version": 1, "run": "bare", "rows": {}, "tasks": tasks}))
    page = build_report(tmp_path, ()).read_text()
    assert "no plain model was fitted" in page
    assert "Not counted for this run" in page


def test_a_task_without_test_rows_makes_a_page(tmp_path: Path) -> None:
    task = {"type": "binary", "n": 0, "headline": "auroc", "higher_is_better": True, "classes": ["a", "b"]}
    told = {"version": 1, "run": "x", "rows": {}, "tasks": {"t": task | {"metrics": {}, "intervals": {}}}}
    (tmp_path / "metrics.json").write_text(json.dumps(told))
    assert "0 labelled test rows" in build_report(tmp_path, ()).read_text()


def test_controls_of_questions_stand_on_the_page(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    name, entry = next((name, entry) for name, entry in metrics["tasks"].items() if "accuracy" in entry["metrics"])
    entry["controls"] = {"question_alone": 0.123, "swapped": 0.234}
    entry["by"] = {HOSTILE: {"n": 7, "accuracy": 0.345}}
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    reader = Reader()
    reader.feed(build_report(tmp_path / "run", fake_examples()).read_text())
    words = "".join(reader.text)
    assert reader.open == []
    assert words.count("Looked up, or guessed?") == 1
    for wanted in ("The question alone", "0.123", "With what belongs to another row", "0.234", HOSTILE, "0.345"):
        assert wanted in words[words.index("Looked up") :], name
