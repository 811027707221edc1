"""Videos made of arrays hold these arrays, and the same arrays make the same file."""

import io

import numpy as np
import pytest

from polymodal.data.clips import Sampling, frames_of
from polymodal.data.files import Limits
from polymodal.data.filming import film
from tests.data.movies import av, tone


@pytest.mark.parametrize("shape", [(5, 12, 10), (3, 7, 9, 3)])
def test_frames_are_kept_to_the_pixel(shape: tuple[int, ...]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seen = [np.asarray(picture) for _, picture in frames_of(film(frames, 25), Sampling(shape[0]), Limits())]
    assert np.array_equal(np.stack(seen), frames)


def test_the_same_arrays_make_the_same_bytes() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    assert film(frames, 10, tone(0.3)) == film(frames, 10, tone(0.3))
    assert film(frames, 10, tone(0.3)) != film(frames, 10, tone(0.3, pitch=300.0))


def test_without_samples_there_is_no_track() -> None:
    with av.open(io.BytesIO(film(np.zeros((2, 8, 8), dtype=np.uint8), 10))) as opened:
        assert [stream.type for stream in opened.streams] == ["video"]
