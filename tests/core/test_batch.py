"""Distinct values and an index say the same as values laid out by row, at the cost of each value once."""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polymodal.core import Batch, Grid, Refusal, Tokens, Values


@st.composite
def drawn_values(draw: st.DrawFn, fewest: int = 0, rows: int | None = None) -> Values:
    """Up to five distinct values in two parts; rows hold any of them, some hold none, some values nobody holds."""
    count = draw(st.integers(fewest, 5))
    size = draw(st.integers(0, 8)) if rows is None else rows
    index = draw(st.lists(st.integers(-1, count - 1), min_size=size, max_size=size))
    data = {"number": torch.arange(count) + 100, "vector": torch.randn(count, 2, 3)}
    return Values(data, torch.tensor(index, dtype=torch.int64))


@st.composite
def drawn_tokens(draw: st.DrawFn) -> Tokens:
    """One to five sets of up to three tokens; NaN lies under the mask, in values and in positions."""
    count, length = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    seen = draw(st.lists(st.booleans(), min_size=count * length, max_size=count * length))
    mask = torch.tensor(seen).reshape(count, length)
    values, positions = torch.randn(count, length, 4), torch.randn(count, length, 2)
    hidden = ~mask.unsqueeze(-1)
    return Tokens(values.masked_fill(hidden, torch.nan), mask, positions.masked_fill(hidden, torch.nan))


def by_row(values: Values) -> list[tuple[int, list[float]] | None]:
    """What each row holds, written out."""
    number, vector = values.data["number"], values.data["vector"]
    return [
        None if place < 0 else (int(number[place]), vector[place].flatten().tolist()) for place in values.index.tolist()
    ]


@given(drawn_values())
def test_a_row_is_present_where_it_holds_a_value(values: Values) -> None:
    assert values.present.tolist() == [held is not None for held in by_row(values)]
    assert values.count == len(values.data["number"]) == len(values.data["vector"])


@given(drawn_values(fewest=1))
def test_a_part_is_laid_out_by_row_and_absent_rows_repeat_the_first_value(values: Values) -> None:
    number, vector = values.part("number"), values.part("vector")
    assert vector.shape == (len(values.index), 2, 3)
    first = (int(values.data["number"][0]), values.data["vector"][0].flatten().tolist())
    found = [(int(one), other.flatten().tolist()) for one, other in zip(number, vector, strict=True)]
    assert found == [held or first for held in by_row(values)]


@given(drawn_values(), st.data())
def test_dropped_rows_turn_absent_and_the_others_keep_what_they_hold(values: Values, data: st.DataObject) -> None:
    size = len(values.index)
    chosen = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    before, dropped = by_row(values), torch.tensor(chosen, dtype=torch.bool)
    fewer = values.without(dropped)
    assert by_row(fewer) == [None if gone else held for gone, held in zip(chosen, before, strict=True)]
    assert by_row(values) == before
    assert fewer.data is values.data
    assert torch.equal(fewer.without(dropped).index, fewer.index)


@given(drawn_values())
def test_values_that_nobody_holds_are_left_out_and_no_row_notices(values: Values) -> None:
    held = values.held()
    assert by_row(held) == by_row(values)
    wanted = sorted(set(values.index[values.present].tolist()))
    assert torch.equal(held.data["number"], values.data["number"][wanted])
    assert torch.equal(held.data["vector"], values.data["vector"][wanted])
    assert set(held.index.tolist()) - {-1} == set(range(held.count))
    assert held.held() is held


def test_a_value_that_many_rows_share_is_stored_once() -> None:
    values = Values({"x": torch.tensor([7.0, 8.0, 9.0])}, torch.tensor([2, 2, -1, 0, 2]))
    held = values.held()
    assert held.data["x"].tolist() == [7.0, 9.0]
    assert held.index.tolist() == [1, 1, -1, 0, 1]


def test_nothing_is_copied_where_every_value_is_held() -> None:
    values = Values({"x": torch.randn(3)}, torch.tensor([2, 0, 1, -1]))
    assert values.held() is values


def test_nothing_in_a_value_that_nobody_holds_can_reach_a_gradient() -> None:
    data = torch.tensor([[1.0], [torch.nan], [3.0]], requires_grad=True)
    weight = torch.tensor([2.0], requires_grad=True)
    held = Values({"x": data}, torch.tensor([2, 0, -1, 0])).held()
    (held.data["x"] * weight).sum().backward()
    assert weight.grad.tolist() == [4.0]
    assert data.grad.flatten().tolist() == [2.0, 0.0, 2.0]


@pytest.mark.parametrize("whole", [torch.int32, torch.int64])
def test_an_index_of_either_size_serves(whole: torch.dtype) -> None:
    values = Values({"x": torch.tensor([7.0, 8.0])}, torch.tensor([1, -1, 1], dtype=whole))
    assert values.part("x").tolist() == [8.0, 7.0, 8.0]
    assert values.held().part("x").tolist() == [8.0, 8.0, 8.0]
    assert values.without(torch.tensor([True, False, False])).index.dtype == whole


def batch_of(parts: Sequence[Values]) -> Batch:
    """Two modalities and one task."""
    first, second, target = parts
    rows = torch.arange(len(first.index)) * 3 + 11
    return Batch({"first": first, "second": second}, {"target": target}, rows, (Refusal(11, "scan", "torn"),))


PARTS = st.integers(0, 6).flatmap(lambda rows: st.tuples(*[drawn_values(rows=rows)] * 3))
NAMES = st.sets(st.sampled_from(["first", "second", "nobody"]))


@given(PARTS, NAMES)
def test_only_the_named_modalities_stay_lit(parts: Sequence[Values], names: set[str]) -> None:
    batch = batch_of(parts)
    part = batch.only(names)
    assert list(part.inputs) == list(batch.inputs)
    for name, values in part.inputs.items():
        assert by_row(values) == (by_row(batch.inputs[name]) if name in names else [None] * len(batch))
    assert by_row(part.targets["target"]) == by_row(batch.targets["target"])
    assert torch.equal(part.rows, batch.rows)
    assert part.refusals == batch.refusals
    assert len(part) == len(batch) == len(batch.rows)


@given(PARTS, NAMES, NAMES)
def test_what_is_lit_twice_is_what_both_name(parts: Sequence[Values], one: set[str], other: set[str]) -> None:
    batch = batch_of(parts)
    twice, once = batch.only(one).only(frozenset(other)), batch.only(one & other)
    assert all(torch.equal(twice.inputs[name].index, once.inputs[name].index) for name in batch.inputs)


def tensors(batch: Batch) -> list[Tensor]:
    """Every tensor of a batch."""
    held = [*batch.inputs.values(), *batch.targets.values()]
    return [batch.rows, *(values.index for values in held), *(part for values in held for part in values.data.values())]


@given(PARTS)
def test_a_batch_moves_as_a_whole(parts: Sequence[Values]) -> None:
    batch = batch_of(parts)
    before = [(part.shape, part.dtype) for part in tensors(batch)]
    moved = batch.to("meta")
    assert {part.device.type for part in tensors(moved)} == {"meta"}
    assert [(part.shape, part.dtype) for part in tensors(moved)] == before
    assert moved.refusals == batch.refusals
    assert {part.device.type for part in tensors(batch)} == {"cpu"}
    stayed = batch.to(torch.device("cpu"))
    assert list(stayed.inputs) == list(batch.inputs)
    assert all(torch.equal(one, other) for one, other in zip(tensors(stayed), tensors(batch), strict=True))


def test_what_travels_cannot_be_written_to() -> None:
    values, tokens = Values({"x": torch.zeros(1)}, torch.tensor([0])), Tokens.absent(1, 2, like=torch.zeros(1))
    batch, refusal = Batch({}, {}, torch.tensor([0])), Refusal(0, "x", "y")
    for carrier, name in [(values, "index"), (tokens, "mask"), (batch, "rows"), (refusal, "row")]:
        with pytest.raises(FrozenInstanceError):
            setattr(carrier, name, None)


@given(drawn_tokens(), st.data())
def test_tokens_are_laid_out_by_row(tokens: Tokens, data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(-1, len(tokens.mask) - 1), max_size=7))
    found = tokens.gather(torch.tensor(index, dtype=torch.int64))
    length, width = tokens.values.shape[1:]
    assert found.values.shape == (len(index), length, width)
    assert found.positions.shape == (len(index), length, 2)
    for row, place in enumerate(index):
        mask = tokens.mask[place] if place >= 0 else torch.zeros(length, dtype=torch.bool)
        assert torch.equal(found.mask[row], mask)
        assert torch.equal(found.values[row][mask], tokens.values[place][mask])
        assert torch.equal(found.positions[row][mask], tokens.positions[place][mask])
        assert not found.values[row][~mask].any()
        assert not found.positions[row][~mask].any()
    assert found.present.tolist() == [place >= 0 and bool(tokens.mask[place].any()) for place in index]


@given(drawn_tokens(), st.randoms(use_true_random=False))
def test_there_and_back_again(tokens: Tokens, random: Random) -> None:
    count = len(tokens.mask)
    order = torch.tensor(random.sample(range(count), count))
    back, still = tokens.gather(order).gather(order.argsort()), tokens.gather(torch.arange(count))
    assert torch.equal(back.values, still.values)
    assert torch.equal(back.mask, tokens.mask)
    assert torch.equal(back.positions, still.positions)


@given(drawn_tokens(), st.data())
def test_gathering_twice_is_gathering_once(tokens: Tokens, data: st.DataObject) -> None:
    first = data.draw(st.lists(st.integers(-1, len(tokens.mask) - 1), min_size=1, max_size=6))
    second = data.draw(st.lists(st.integers(-1, len(first) - 1), min_size=1, max_size=6))
    joined = [first[place] if place >= 0 else -1 for place in second]
    twice = tokens.gather(torch.tensor(first)).gather(torch.tensor(second))
    once = tokens.gather(torch.tensor(joined))
    assert torch.equal(twice.values, once.values)
    assert torch.equal(twice.mask, once.mask)


def test_tokens_without_positions_stay_without() -> None:
    tokens = Tokens(torch.randn(2, 1, 3), torch.ones(2, 1, dtype=torch.bool))
    assert tokens.gather(torch.tensor([1, -1])).positions is None


def test_a_shared_token_is_moved_by_every_row_and_a_masked_one_by_none(dtype: torch.dtype) -> None:
    mask = torch.tensor([[True, False], [True, True], [True, True]])
    values = torch.ones(3, 2, 1, dtype=dtype).masked_fill(~mask.unsqueeze(-1), torch.nan).requires_grad_()
    found = Tokens(values, mask).gather(torch.tensor([0, 1, 0, -1, 0]))
    found.values.sum().backward()
    assert found.values.dtype == dtype
    assert values.grad[..., 0].tolist() == [[3.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_absent_tokens_are_masked_zeros_like_the_rest(rows: int, dtype: torch.dtype) -> None:
    absent = Tokens.absent(rows, 4, like=torch.full((2,), torch.nan, dtype=dtype))
    assert (absent.values.shape, absent.values.dtype) == ((rows, 1, 4), dtype)
    assert not absent.values.any()
    assert absent.mask.shape == (rows, 1)
    assert not absent.present.any()
    away = Tokens.absent(rows, 4, like=torch.zeros(1, device="meta"))
    assert (away.values.device.type, away.mask.device.type) == ("meta", "meta")


def encoded(vectors: Tensor, index: Tensor) -> Tokens:
    """Six numbers become two tokens by row, the second real where its sum is positive."""
    values = vectors.flatten(1).unflatten(1, (2, 3))
    seen = torch.stack([torch.ones(len(values), dtype=torch.bool), values[:, 1].sum(dim=-1) > 0], dim=1)
    return Tokens(torch.where(seen.unsqueeze(-1), values, 0.0), seen, values[..., :1].detach()).gather(index)


@given(drawn_values(fewest=1, rows=6))
def test_encoding_each_value_once_equals_encoding_each_row(values: Values) -> None:
    rows, held = torch.where(values.present, torch.arange(6), -1), values.held()
    ways = [(values.part("vector"), rows), (values.data["vector"], values.index)]
    ways += [(held.data["vector"], held.index)] if held.count else []
    found, slopes = [], []
    for vectors, index in ways:
        weight = torch.eye(3, requires_grad=True)
        found.append(encoded(vectors @ weight, index))
        (found[-1].values ** 2).sum().backward()
        slopes.append(weight.grad)
    assert torch.equal(found[0].present, values.present)
    for tokens, slope in zip(found[1:], slopes[1:], strict=True):
        torch.testing.assert_close(tokens.values, found[0].values)
        torch.testing.assert_close(tokens.positions, found[0].positions)
        assert torch.equal(tokens.mask, found[0].mask)
        torch.testing.assert_close(slope, slopes[0])


def test_the_content_of_what_no_row_holds_changes_nothing() -> None:
    clean = Values({"vector": torch.randn(3, 2, 3)}, torch.tensor([0, -1, 2, 0]))
    rows = torch.tensor([True, False, True]).reshape(3, 1, 1)
    spoiled = replace(clean, data={"vector": torch.where(rows, clean.data["vector"], torch.nan)})
    wanted, found = (encoded(one.data["vector"], one.index) for one in (clean.held(), spoiled.held()))
    assert torch.equal(wanted.values, found.values)
    assert torch.equal(wanted.positions, found.positions)
    assert found.values.isfinite().all()


def test_values_that_nobody_holds_are_laid_out_as_absent() -> None:
    nobody = Values({"x": torch.ones(2, 3)}, torch.tensor([-1, -1, -1])).held()
    assert nobody.part("x").shape == (3, 3)
    tokens = Tokens(torch.ones(0, 2, 4), torch.ones(0, 2, dtype=torch.bool)).gather(nobody.index)
    assert tokens.values.shape[::2] == (3, 4)
    assert not tokens.present.any()


def test_finer_maps_go_with_their_tokens():
    maps = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 4, 6).clone()
    maps[1] = torch.nan
    edges = torch.arange(10.0, 13.0).view(3, 1, 1, 1).expand(3, 5, 8, 12)
    held = Tokens(torch.randn(3, 6, 4), torch.ones(3, 6, dtype=torch.bool), None, Grid(2, 3, (maps,), edges))
    found = held.gather(torch.tensor([2, -1, 0, 2])).grid
    assert found is not None
    assert (found.height, found.width) == (2, 3)
    assert found.finer[0][:, 0, 0, 0].tolist() == [2, 0, 0, 2]
    assert found.edges is not None
    assert found.edges[:, 0, 0, 0].tolist() == [12, 0, 10, 12]
    same = held.gather(torch.tensor([0, 1, 2])).grid
    assert same is held.grid
    some = held.only(torch.tensor([True, False, True])).grid
    assert some is not None
    assert some.finer[0][:, 0, 0, 0].tolist() == [0, 0, 2]
    assert some.edges is not None
    assert some.edges[:, 0, 0, 0].tolist() == [10, 0, 12]
    alone = Grid(2, 3, (), edges).gather(torch.tensor([1, -1, 1])).edges
    assert alone is not None
    assert alone[:, 0, 0, 0].tolist() == [11, 0, 11]


def test_a_map_that_several_rows_share_learns_from_all_of_them():
    maps = torch.ones(2, 1, 2, 2, requires_grad=True)
    grid = Grid(1, 1, (maps,)).gather(torch.tensor([1, 1, -1, 0]))
    grid.finer[0].sum().backward()
    assert maps.grad is not None
    assert maps.grad[:, 0, 0, 0].tolist() == [1, 2]


def test_followed_values_are_one_for_each_row_and_ask_for_gradients():
    shared = Values(
        {"codes": torch.tensor([1, 2]), "places": torch.tensor([[0.5], [1.5]])}, torch.tensor([1, -1, 1, 0])
    )
    own = shared.followed()
    assert own.index.tolist() == [0, -1, 1, 2]
    assert own.data["codes"].tolist() == [2, 2, 1]
    assert own.data["places"].requires_grad
    assert not shared.data["places"].requires_grad
    (2 * own.part("places") * torch.tensor([[1.0], [0.0], [10.0], [100.0]])).sum().backward()
    assert own.data["places"].grad.flatten().tolist() == [2.0, 20.0, 200.0]
