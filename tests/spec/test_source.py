"""A value is found by its path, and so is the place where it was written."""

from polymodal.spec.source import Source, dotted

SOURCE = Source(
    "s.yaml",
    {"train": {"lr": 0.1}, "tasks": [{"a": 1}]},
    {("train",): ("s.yaml:1:1", "s.yaml:2:3"), ("train", "lr"): ("s.yaml:2:3", "s.yaml:2:7")},
)


def test_values_are_found_by_keys_and_numbers():
    assert SOURCE.get(("train", "lr")) == 0.1
    assert SOURCE.get(("tasks", 0, "a")) == 1
    assert SOURCE.get(()) == SOURCE.data
    for path in (("none",), ("tasks", 3), ("tasks", "a"), ("train", "lr", "deeper")):
        assert SOURCE.get(path) is None


def test_the_nearest_place_stands_for_one_that_was_not_written():
    assert SOURCE.key_place(("train", "lr")) == "s.yaml:2:3"
    assert SOURCE.value_place(("train", "lr")) == "s.yaml:2:7"
    assert SOURCE.value_place(("train", "epochs")) == "s.yaml:2:3"
    assert SOURCE.key_place(("model",)) == "s.yaml"


def test_paths_read_as_after_set():
    assert dotted(("tasks", 0, "a")) == "tasks.0.a"
