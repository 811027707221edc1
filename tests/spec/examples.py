"""Specs for the tests of this folder: a small good one, and a strategy that draws many."""

from typing import Any

from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "version": 1,
    "data": {"table": "cohort.csv", "split": {"test": 0.2}},
    "modalities": {"labs": {"type": "table", "columns": ["age", "csf_*"]}},
    "tasks": {"diagnosis": {"type": "binary", "target": "diagnosis"}},
}

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z]{2}_[a-z0-9]{1,5}", fullmatch=True)
COLUMNS = st.lists(TEXTS, min_size=1, max_size=30)
MODALITY = st.fixed_dictionaries(
    {"type": st.just("table"), "columns": COLUMNS},
    optional={"layers": st.integers(1, 4), "dropout": st.floats(0, 0.9), "bins": st.none() | st.integers(1, 9)},
)
TASK = st.fixed_dictionaries(
    {"type": st.sampled_from(["regression", "multiclass", "auto"]), "target": TEXTS},
    optional={"weight": st.floats(0, 10)},
)
SPLIT = st.fixed_dictionaries({"column": TEXTS, "test": st.lists(TEXTS | st.integers(-9, 9), min_size=1)}) | (
    st.fixed_dictionaries({"test": st.floats(0.1, 0.9)}, optional={"seed": st.integers(0, 2**31)})
)
SPECS = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"table": TEXTS, "split": SPLIT}, optional={"missing": st.lists(TEXTS), "id": TEXTS}
        ),
        "modalities": st.dictionaries(NAMES, MODALITY, min_size=1, max_size=3),
        "tasks": st.dictionaries(NAMES, TASK, min_size=1, max_size=3),
    },
    optional={
        "version": st.just(1),
        "model": st.fixed_dictionaries({"width": st.just(32)}, optional={"fusion": st.just({"type": "bottleneck"})}),
        "train": st.fixed_dictionaries({"lr": st.floats(1e-9, 1e3), "epochs": st.integers(1, 10**6)}),
    },
)
