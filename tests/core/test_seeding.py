"""Random numbers depend on the seed and on names, on every one of them, and on nothing that happened before."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core.seeding import derive, numpy_generator, reseed, seeded, torch_generator

# Written down once: a run that is resumed, or repeated on another machine or in another year, draws the same numbers.
KNOWN = {
    (0,): 4761921975702974394,
    (0, "a"): 6612858177627257344,
    (1, "batches", 7): 347000742189891556,
    (123456789012345678901, "größe"): 1853815367506326021,
}
CALLS = st.tuples(st.integers(0, 2**64), st.lists(st.integers(0, 99) | st.text("abc", min_size=1), max_size=4))


def test_seeds_are_the_same_for_ever() -> None:
    assert {call: derive(*call) for call in KNOWN} == KNOWN


def test_seeds_are_the_same_in_another_process() -> None:
    code = f"from polymodal.core.seeding import derive; print([derive(*call) for call in {list(KNOWN)!r}])"
    told = dict(os.environ) | {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=told)
    assert done.stdout.strip() == str(list(KNOWN.values()))


def test_nothing_else_has_a_say() -> None:
    before = derive(3, "rows", 5)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    random.seed(99)
    numpy_generator(3, "rows", 5).random(10)
    assert derive(3, "rows", 5) == before
    assert derive(3, "rows", np.int64(5)) == before


@given(CALLS)
def test_a_seed_fits_every_generator(call: tuple[int, list[int | str]]) -> None:
    number = derive(call[0], *call[1])
    assert 0 <= number < 2**63
    assert torch_generator(call[0], *call[1]).initial_seed() == number


@given(CALLS, st.data())
def test_every_name_has_a_say(call: tuple[int, list[int | str]], data: st.DataObject) -> None:
    seed, names = call
    own = derive(seed, *names)
    place = data.draw(st.integers(0, len(names)))
    assert derive(seed + 1, *names) != own
    assert derive(seed, *names[:place], "more", *names[place:]) != own
    if place < len(names):
        assert derive(seed, *names[:place], f"{names[place]}x", *names[place + 1 :]) != own
        assert derive(seed, *names[:place], *names[place + 1 :]) != own


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, 1, 11), (0, 11, 1)),
        ((0, "a", "b"), (0, "b", "a")),
        ((0, "ab"), (0, "a", "b")),
        ((1, 2), (12,)),
        ((1,), (-1,)),
    ],
)
def test_order_and_borders_of_names_have_a_say(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert derive(*one) != derive(*other)


def test_a_hundred_thousand_names_give_as_many_seeds() -> None:
    made = [derive(seed, "batches", step) for seed in range(10) for step in range(5000)]
    made += [derive(0, purpose, row) for purpose in ("rows", "dropout", "folds", "model", "x") for row in range(10_000)]
    assert len(set(made)) == len(made) == 100_000
    bits = np.array(made)[:, None] >> np.arange(63) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.01


def test_generators_are_of_their_own() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    first, second = numpy_generator(0, "a"), numpy_generator(0, "a")
    third, fourth = torch_generator(0, "a"), torch_generator(0, "a")
    alike = first.random(1000)
    assert np.array_equal(alike, second.random(1000))
    assert abs(np.corrcoef(alike, numpy_generator(0, "b").random(1000))[0, 1]) < 0.15
    assert torch.equal(torch.rand(5, generator=third), torch.rand(5, generator=fourth))
    assert not torch.equal(torch.rand(5, generator=third), torch.rand(5, generator=torch_generator(0, "b")))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_a_seeded_block_draws_what_its_names_say_whatever_came_before() -> None:
    found = []
    for before in (0, 7):
        torch.rand(before)
        with seeded(4, "step", 12):
            found.append(torch.rand(5))
    wanted = torch.rand(5, generator=torch_generator(4, "step", 12))
    assert all(torch.equal(drawn, wanted) for drawn in found)
    with seeded(4, "step", 13):
        assert not torch.equal(torch.rand(5), wanted)


def test_the_caller_gets_its_state_back() -> None:
    state = torch.get_rng_state()
    with seeded(0, "outer"):
        torch.rand(3)
        inner = torch.get_rng_state()
        with seeded(0, "inner"):
            torch.rand(100)
        assert torch.equal(torch.get_rng_state(), inner)
        assert not torch.equal(inner, state)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_the_caller_gets_its_state_back_when_the_block_raises(raised: type[BaseException]) -> None:
    state = torch.get_rng_state()
    with pytest.raises(raised), seeded(0, "block"):
        raise raised(str(torch.rand(3)))
    assert torch.equal(torch.get_rng_state(), state)


def test_seeding_anew_is_what_torch_does() -> None:
    reseed(5, "epoch", 2)
    found = torch.rand(4)
    torch.manual_seed(derive(5, "epoch", 2))
    assert torch.equal(found, torch.rand(4))


def test_the_borders_between_names_count_and_every_name_is_taken() -> None:
    assert len({derive(0, "a/b"), derive(0, "a", "b"), derive(0, "a~1b"), derive(0, "a~b")}) == 4
    assert derive(0, "\ud800") >= 0
