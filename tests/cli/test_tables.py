"""Results as columns of text."""

from polymodal.cli.tables import aligned, probed, scores


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


def test_what_probes_read_stands_beside_chance():
    entry = {"metrics": {"accuracy": 0.412}, "intervals": {"accuracy": [0.35, 0.47]}}
    layers = {"pooled": {"linear": entry, "mlp": entry}}
    told = {"kind": "classes", "n": 40, "layers": layers, "chance": {"accuracy": 1 / 3}}
    lines = probed({"probes": {"site": told}}).splitlines()
    assert lines[0] == "site, to be kept out  (n = 40)"
    assert lines[1].split() == ["accuracy,", "linear", "on", "pooled", "0.412", "[0.350,", "0.470]"]
    assert lines[-1].split() == ["accuracy,", "by", "chance", "0.333"]
    assert probed({}) == ""
