"""Which rows a step sees depends on the seed and the step alone, and every row comes once an epoch."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polymodal.core import Batch
from polymodal.data.samples import Samples
from polymodal.training import Settings
from polymodal.training.batches import Plan, load, sweep
from tests.training.conftest import Small, make_small

COUNTS = st.integers(1, 60)
SEEDS = st.integers(0, 1000)


def bare(rows: int, batch_size: int, seed: int = 0) -> Plan:
    """A plan over rows of which nothing is known; their numbers are neither in order nor without gaps."""
    return Plan(Samples({}, {}, 3 * rows), np.arange(rows)[::-1] * 3, batch_size, seed)


def epoch(plan: Plan, number: int) -> np.ndarray:
    steps = range(number * plan.per_epoch, (number + 1) * plan.per_epoch)
    return np.concatenate([plan.rows_of(step) for step in steps])


def same(first: Batch, second: Batch) -> bool:
    """Whether two batches hold the same rows, values and targets, bit for bit."""
    assert torch.equal(first.rows, second.rows)
    for ours, theirs in ((first.inputs, second.inputs), (first.targets, second.targets)):
        assert list(ours) == list(theirs)
        for name, values in ours.items():
            assert torch.equal(values.index, theirs[name].index)
            for part, content in values.data.items():
                torch.testing.assert_close(content, theirs[name].data[part], rtol=0, atol=0, equal_nan=True)
    return True


@pytest.fixture(scope="module")
def small() -> Small:
    """The small table, which nothing here changes."""
    return make_small(Settings())


@given(rows=COUNTS, batch_size=COUNTS, seed=SEEDS, blocks=st.integers(1, 8))
def test_rows_of_a_block_follow_one_another(rows: int, batch_size: int, seed: int, blocks: int) -> None:
    own = np.arange(3 * rows) % blocks
    plan = Plan(Samples({}, {}, 3 * rows, blocks=own), np.arange(rows)[::-1] * 3, batch_size, seed)
    for number in range(2):
        drawn = epoch(plan, number)
        assert sorted(drawn) == sorted(plan.rows)
        changes = np.count_nonzero(np.diff(own[drawn]))
        assert changes == len(np.unique(own[plan.rows])) - 1


def test_steps_that_are_mixed_share_their_blocks_and_no_others() -> None:
    rows, own = np.arange(400), np.arange(400) // 10
    plan = Plan(Samples({}, {}, 400, blocks=own), rows, 20, seed=0, mix=5)
    for number in range(2):
        drawn = epoch(plan, number)
        assert sorted(drawn) == rows.tolist()
        # Five steps of twenty rows hold ten blocks, and each of the steps most of these.
        assert [len(np.unique(own[drawn[at : at + 100]])) for at in range(0, 400, 100)] == [10] * 4
        assert min(len(np.unique(own[drawn[at : at + 20]])) for at in range(0, 400, 20)) >= 6


@given(rows=COUNTS, batch_size=COUNTS, seed=SEEDS, number=st.integers(0, 5))
def test_every_row_comes_once_an_epoch(rows: int, batch_size: int, seed: int, number: int) -> None:
    plan = bare(rows, batch_size, seed)
    assert sorted(epoch(plan, number)) == sorted(plan.rows)
    sizes = [len(plan.rows_of(step)) for step in range(plan.per_epoch)]
    assert set(sizes[:-1]) <= {batch_size}
    assert 1 <= sizes[-1] <= batch_size


@given(rows=COUNTS, batch_size=COUNTS, seed=SEEDS, steps=st.lists(st.integers(0, 90), min_size=1, max_size=8))
def test_what_a_step_sees_does_not_depend_on_what_was_asked_before(
    rows: int, batch_size: int, seed: int, steps: list[int]
) -> None:
    used = bare(rows, batch_size, seed)
    for step in steps:
        np.testing.assert_array_equal(used.rows_of(step), bare(rows, batch_size, seed).rows_of(step))


def test_each_epoch_and_each_seed_has_an_order_of_its_own() -> None:
    orders = [epoch(bare(40, 7, seed), number).tolist() for seed in (0, 1) for number in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert bare(40, 7).rows.tolist() not in orders


def test_the_global_random_state_has_no_say_and_is_left_alone() -> None:
    wanted = epoch(bare(40, 7), 2)
    np.random.seed(9)  # noqa: NPY002
    torch.manual_seed(9)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(epoch(bare(40, 7), 2), wanted)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("start", [0, 1, 4, 5, 9])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_plan_taken_up_at_any_step_goes_on_as_one_that_was_never_left(small: Small, start: int, workers: int) -> None:
    whole = list(load(Plan(small.samples, small.rows["train"], 16, seed=3), 0, 10, 0))
    before = torch.get_rng_state()
    rest = list(load(Plan(small.samples, small.rows["train"], 16, seed=3), start, 10, workers))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(rest) == 10 - start
    assert all(same(one, other) for [one], [other] in zip(whole[start:], rest, strict=True))


def test_a_batch_holds_the_rows_of_its_step_and_their_values(small: Small) -> None:
    plan = Plan(small.samples, small.rows["validation"], 5, seed=0)
    for step, [batch] in enumerate(load(plan, 0, 8, 0)):
        assert batch.rows.tolist() == plan.rows_of(step).tolist()
        assert same(batch, small.samples.batch(plan.rows_of(step)))


@pytest.mark.parametrize("batch_size", [1, 5, 16, 100])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_sweep_takes_each_row_once_and_in_order(small: Small, batch_size: int, workers: int) -> None:
    rows = small.rows["validation"][::-1].copy()
    batches = list(sweep(small.samples, rows, batch_size, workers))
    assert torch.cat([batch.rows for batch in batches]).tolist() == rows.tolist()
    assert max(map(len, batches)) <= batch_size
    assert all(same(batch, small.samples.batch(batch.rows.numpy())) for batch in batches)


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_the_parts_of_a_step_are_its_rows(small: Small, parts: int) -> None:
    rows = small.rows["validation"]
    whole = Plan(small.samples, rows, 5, seed=0)
    for step in range(8):
        cut = [Plan(small.samples, rows, 5, 0, 1, parts, slice(rank, None, 2))[step] for rank in range(2)]
        found = [batch.rows.tolist() for half in cut for batch in half]
        assert sorted(row for part in found for row in part) == sorted(whole.rows_of(step).tolist())
        assert all(found)
        assert max(map(len, found)) <= -(-5 // parts)


def test_shares_of_a_sweep_are_the_sweep(small: Small) -> None:
    rows = small.rows["validation"]
    shares = [list(sweep(small.samples, rows, 3, 0, slice(rank, None, 2))) for rank in range(2)]
    assert [batch.rows.tolist() for batch in shares[1]] == [rows[3:6].tolist(), rows[9:12].tolist(), rows[15:].tolist()]
    assert sum(len(batch) for share in shares for batch in share) == len(rows)


def test_a_sweep_over_no_rows_has_no_batch(small: Small) -> None:
    assert list(sweep(small.samples, np.empty(0, dtype=np.int64), 4)) == []


ORPHANS = """
import multiprocessing, os, signal, time
from polymodal.training.batches import leave_with_parent

def work(late):
    time.sleep(late)  # the parent is gone before this process has looked for it
    leave_with_parent()
    time.sleep(600)

if __name__ == "__main__":
    for late in (0.0, 0.0, 1.0):
        multiprocessing.get_context("fork").Process(target=work, args=(late,)).start()
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_loader_processes_do_not_outlive_a_killed_run() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE) as parent:
        # Whatever outlives the parent holds the pipe open.
        parent.communicate(timeout=60)
        assert parent.returncode == -signal.SIGKILL


@given(COUNTS, st.integers(1, 20), SEEDS)
def test_rows_come_as_often_as_they_are_wanted(rows, batch_size, seed):
    times = np.array([1.0, 2.5, 0.25])[np.arange(3 * rows) // 3 % 3]
    plan = Plan(Samples({}, {}, 3 * rows, times=times), np.arange(rows)[::-1] * 3, batch_size, seed)
    seen = epoch(plan, 0)
    for often in (1.0, 2.5, 0.25):
        wanted = plan.rows[times[plan.rows] == often]
        counts = np.array([(seen == row).sum() for row in wanted])
        assert counts.sum() == round(often * len(wanted))
        assert len(counts) == 0 or counts.max() - counts.min() <= 1
    assert len(plan.rows_of(plan.per_epoch - 1)) > 0 or len(seen) == 0
