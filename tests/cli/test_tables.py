"""Results as columns of text."""

from polymodal.cli.tables import aligned, scores


def test_cells_stand_below_one_another_without_trailing_space():
    assert aligned([("a", "bcd", ""), ("efg", "h", "i")]) == "a    bcd\nefg  h    i"
    assert aligned([]) == ""


def test_scores_show_figures_intervals_and_floors():
    task = {
        "n": 12,
        "headline": "auroc",
        "metrics": {"auroc": 0.91234, "ece": None},
        "intervals": {"auroc": [0.9, 0.95]},
        "baselines": {"linear": {"metrics": {"auroc": 0.8}}, "trivial": {"metrics": {}}},
    }
    lines = scores({"tasks": {"ill": task}}).splitlines()
    assert lines[0] == "ill  (n = 12)"
    assert lines[1].split() == ["auroc", "0.912", "[0.900,", "0.950]"]
    assert lines[2].split() == ["ece", "–"]
    assert lines[3].split() == ["auroc,", "linear", "0.800"]
    assert lines[4].split() == ["auroc,", "trivial", "–"]


def test_what_cannot_be_judged_says_why():
    task = {"n": 0, "headline": "auroc", "metrics": {}}
    assert "no row has a label" in scores({"tasks": {"ill": task}})
    assert "rows are alike" in scores({"tasks": {"ill": task | {"n": 4, "metrics": {"accuracy": 1.0}}}})


def test_a_run_without_tasks_shows_nothing():
    assert scores({}) == ""
