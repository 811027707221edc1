import numpy as np
import pandas as pd
import pytest

from polymodal.data.copies import give_aways
from polymodal.data.tables import from_frame

GENERATOR = np.random.default_rng(0)
LABEL = GENERATOR.choice(["a", "b", "c"], 200)
SCORE = GENERATOR.normal(size=200).round(4)


@pytest.mark.parametrize(
    ("column", "target", "how"),
    [(LABEL, LABEL, "equal"), (pd.Series(LABEL).astype("category"), LABEL, "equal"),
     (pd.Series(LABEL).map({"a": 3, "b": 1, "c": 2}), LABEL, "renamed"), (np.exp(SCORE), SCORE, "rescaled"),
     ([f"{-number:.4f}" for number in SCORE], SCORE, "rescaled"), (SCORE.round(1), SCORE, "rounded"),
     (np.char.add(LABEL, GENERATOR.choice(["1", "2"], 200)), LABEL, "decides"), (SCORE, SCORE.astype(str), "equal"),
     (GENERATOR.normal(size=200), SCORE, None), (GENERATOR.permutation(LABEL), LABEL, None),
     (SCORE + GENERATOR.normal(size=200) * 0.01, SCORE, None), (np.arange(200), LABEL, None),
     (np.where(LABEL == "a", "x", "y"), LABEL, None), (["x"] * 200, LABEL, None)],
)  # fmt: skip
def test_a_column_that_gives_the_target_away_is_found(column, target, how):
    table = from_frame(pd.DataFrame({"column": column, "target": target}))
    found = give_aways(table, ["column"], {"task": "target"})
    assert [one.how for one in found] == ([] if how is None else [how])
    assert all(one.sentence for one in found)


def test_gaps_on_either_side_hide_nothing():
    column, target = pd.Series(LABEL), pd.Series(LABEL)
    column[::5] = None
    target[::7] = None
    table = from_frame(pd.DataFrame({"column": column, "target": target}))
    assert give_aways(table, ["column"], {"task": "target"})[0].how == "equal"


def test_few_rows_prove_nothing():
    table = from_frame(pd.DataFrame({"column": [1, 2, 1, 2], "target": [0, 1, 0, 1]}))
    assert give_aways(table, ["column"], {"task": "target"}) == []


def test_the_target_itself_is_not_its_own_copy():
    table = from_frame(pd.DataFrame({"target": LABEL}))
    assert give_aways(table, ["target"], {"task": "target"}) == []
