"""Retrieval: both ways between all pairs, only rows that have both, right answers by value, several models."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import Representation, Tokens, Values
from polymodal.data.base import DataTable
from polymodal.tasks import Decoded, Retrieval
from polymodal.tasks.info_nce import info_nce

ROWS, WIDTH = 6, 8


def tokens(seed: int, absent: tuple[int, ...] = ()) -> Tokens:
    values = torch.randn(ROWS, 2, WIDTH, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(ROWS, 2, dtype=torch.bool)
    mask[list(absent)] = False
    return Tokens(torch.where(mask.unsqueeze(-1), values, 0.0), mask)


def representation(**unfused: Tokens) -> Representation:
    pooled = torch.zeros(ROWS, 1, WIDTH)
    return Representation(pooled, torch.ones(ROWS, 1, dtype=torch.bool), "single", {}, unfused)


def identity(numbers: list[int] | None = None) -> Values:
    return Values({"target": torch.tensor(numbers or list(range(ROWS)))}, torch.arange(ROWS))


def decoded(*sides: torch.Tensor) -> Decoded:
    vectors = torch.stack([torch.nn.functional.normalize(side, dim=1) for side in sides], dim=1)
    return Decoded(vectors.numpy())


def test_what_is_learned_is_info_nce_over_the_rows_that_have_both() -> None:
    head = Retrieval(["a", "b"]).head(1, WIDTH, "single").eval()
    seen = representation(a=tokens(0, absent=(1,)), b=tokens(1, absent=(4,)))
    losses = head.teach(seen, identity())
    both = torch.tensor([0, 2, 3, 5])
    places = {name: head.alignment.place(name, part)[both] for name, part in seen.unfused.items()}
    torch.testing.assert_close(losses.mean(), info_nce(places["a"], places["b"], head.temperature()))
    assert len(losses) == len(both)


def test_rows_of_one_value_are_right_for_each_other_and_alone_they_teach_nothing() -> None:
    head = Retrieval(["a", "b"]).head(1, WIDTH, "single").eval()
    seen = representation(a=tokens(0), b=tokens(1))
    assert len(head.teach(seen, identity([7] * ROWS))) == 0
    apart, pairs = head.teach(seen, identity()), head.teach(seen, identity([0, 0, 1, 1, 2, 2]))
    assert not torch.allclose(apart.mean(), pairs.mean())


def test_ranks_are_given_for_each_direction_of_each_pair() -> None:
    task = Retrieval(["a", "b", "c"])
    basis = torch.eye(ROWS)
    aspects = task.aspects(decoded(basis, basis, basis.flip(0)), np.arange(ROWS))
    found = {aspect.name: aspect for aspect in aspects}
    assert set(found) == {"a_to_b", "b_to_a", "a_to_c", "c_to_a", "b_to_c", "c_to_b"}
    assert task.metrics(found["a_to_b"].decoded, found["a_to_b"].truth)["recall_at_1"] == 1.0
    assert task.metrics(found["c_to_a"].decoded, found["c_to_a"].truth)["recall_at_1"] == 0.0


def test_a_row_that_lacks_one_side_is_neither_asked_nor_found() -> None:
    task = Retrieval(["a", "b"])
    made = decoded(torch.eye(ROWS), torch.eye(ROWS))
    made.prediction[2, 1] = 0.0
    aspect = task.aspects(made, np.arange(ROWS))[0]
    assert aspect.rows.tolist() == [True, True, False, True, True, True]
    assert len(aspect.decoded.prediction) == ROWS - 1


def test_several_models_are_the_mean_of_their_likenesses() -> None:
    task = Retrieval(["a", "b"])
    heads = [task.head(1, WIDTH, "single").eval() for _ in range(2)]
    seen = representation(a=tokens(0), b=tokens(1))
    made = [head(seen).detach() for head in heads]
    whole = task.decode(task.joined(made)).prediction
    parts = [task.decode(each).prediction for each in made]
    likeness = whole[:, 0] @ whole[:, 1].T
    np.testing.assert_allclose(likeness, np.mean([part[:, 0] @ part[:, 1].T for part in parts], axis=0), atol=1e-5)


def test_the_column_of_right_answers_keeps_rows_without_a_value_apart() -> None:
    task = Retrieval(["a", "b"], same="thing")
    table = DataTable(pd.DataFrame({"thing": ["cat", "", "cat", "dog", ""]}))
    task.reader.fit(table, np.arange(5))
    values = task.reader.read(table).values
    assert values[0] == values[2] != values[3]
    assert len(set(values.tolist())) == 4


def test_it_learns_an_obvious_pairing() -> None:
    torch.manual_seed(0)
    head = Retrieval(["a", "b"], space=16).head(1, WIDTH, "single")
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    first = tokens(0)
    second = Tokens(first.values.flip(-1), first.mask)
    seen = representation(a=first, b=second)
    for _ in range(60):
        optimiser.zero_grad()
        head.teach(seen, identity()).mean().backward()
        optimiser.step()
    task = Retrieval(["a", "b"], space=16)
    aspect = task.aspects(task.decode(head.eval()(seen).detach()), np.arange(ROWS))[0]
    assert task.metrics(aspect.decoded, aspect.truth)["mrr"] == pytest.approx(1.0)


def test_names_of_one_picture_do_not_fill_the_gallery_with_it() -> None:
    pictures = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    names = pictures.roll(1, 0).repeat_interleave(8, 0)  # each name is nearest to the picture before its own
    outputs = torch.cat([names, pictures.repeat_interleave(8, 0)], dim=1)
    task = Retrieval(["name", "picture"], same="image", space=4)
    aspects = task.aspects(task.decode(outputs), np.repeat(np.arange(6), 8))
    found = {aspect.name: aspect.decoded.prediction for aspect in aspects}
    assert found["name_to_picture"].min() >= 2
    assert found["name_to_picture"].max() <= 6
