import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.drawing import draw, latest

BLOCKS = st.lists(st.integers(0, 8), min_size=2, max_size=60).filter(lambda blocks: len(set(blocks)) > 1)
SHARES = st.sampled_from([0.05, 0.1, 0.2, 0.5, 0.9])


def straddles(blocks, chosen):
    return bool(set(blocks[chosen]) & set(blocks[~chosen]))


@given(BLOCKS, SHARES, st.integers(0, 5), st.booleans())
def test_a_draw_takes_some_blocks_whole_and_leaves_some(blocks, share, seed, classed):
    blocks = np.array(blocks)
    strata = np.arange(len(blocks)) % 3 if classed else None
    chosen = draw(blocks, strata, share, np.random.default_rng(seed))
    assert chosen.any()
    assert not chosen.all()
    assert not straddles(blocks, chosen)
    np.testing.assert_array_equal(chosen, draw(blocks, strata, share, np.random.default_rng(seed)))


@given(st.integers(10, 300), SHARES, st.lists(st.integers(0, 3), min_size=300, max_size=300))
def test_single_rows_are_drawn_in_the_shares_of_their_classes(rows, share, strata):
    strata = np.array(strata[:rows])
    chosen = draw(np.arange(rows), strata, share, np.random.default_rng(0))
    for number in np.unique(strata):
        count, drawn = (strata == number).sum(), chosen[strata == number].sum()
        assert drawn < count or count == 1
        assert abs(drawn - share * count) < 1 or drawn == count - 1


def test_large_blocks_are_drawn_near_to_the_share():
    generator = np.random.default_rng(0)
    blocks = np.repeat(np.arange(300), generator.integers(1, 40, 300))
    strata = generator.choice(2, len(blocks), p=[0.9, 0.1])
    chosen = draw(blocks, strata, 0.2, generator)
    assert abs(chosen.mean() - 0.2) < 0.02
    assert abs(strata[chosen].mean() - strata.mean()) < 0.03


@given(BLOCKS, st.lists(st.integers(0, 20), min_size=60, max_size=60), SHARES)
def test_the_latest_blocks_end_after_all_others(blocks, times, share):
    blocks, times = np.array(blocks), np.array(times[: len(blocks)], dtype=float)
    chosen = latest(blocks, times, share)
    assert chosen.any()
    assert not straddles(blocks, chosen)
    if not chosen.all():
        ends = {block: times[blocks == block].max() for block in set(blocks)}
        assert min(ends[block] for block in blocks[chosen]) > max(ends[block] for block in blocks[~chosen])
