"""A usable name is one that a network can give to a part, and every proposal is one."""

import pandas as pd
import pytest
from torch import nn

from polymodal.data.inference import propose
from polymodal.data.naming import usable_name
from polymodal.data.tables import from_frame


@pytest.mark.parametrize("name", ["review", "x1", "größe", "Picture_2"])
def test_a_network_takes_every_usable_name(name: str) -> None:
    assert usable_name(name)
    assert name in nn.ModuleDict({name: nn.Identity()})


@pytest.mark.parametrize("name", ["values", "train", "a.b", "_own", "class", "", "1st", "²"])
def test_the_others_are_not_usable(name: str) -> None:
    assert not usable_name(name)


@pytest.mark.parametrize("target", ["values", "class", "²", "1st", "a.b c", "größe", "__"])
def test_whatever_a_target_is_called_its_task_has_a_usable_name(target: str) -> None:
    table = from_frame(pd.DataFrame({"x": [0.5, 1.5, 2.5, 3.5] * 5, target: ["a", "b"] * 10}), source="t")
    ((name, task),) = propose(table, [target])["tasks"].items()
    assert usable_name(name)
    assert task["target"] == target
