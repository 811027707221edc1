"""The sound track of a video, by itself: what is seen and what is heard in one file are senses of their own."""

import math
from typing import Any

import numpy as np

from polymodal.data.containers import media, opened, surveyed, unusable
from polymodal.data.files import Limits

__all__ = ["track_of", "track_rate"]


def track_of(content: bytes, longest: float, limits: Limits) -> tuple[np.ndarray, int]:
    """Samples (n,) float32 of the first sound track, its channels averaged, up to `longest` seconds; and their rate.

    Raises DataError, with a sentence in `found`, where the file cannot be used, or has no sound track: nobody hears
    silence there.
    """
    lines = surveyed(content, limits)
    with opened(content, limits) as container:
        stream = _sound(container)
        if stream.index not in lines:
            raise unusable("sound-empty", "is a video with an empty sound track")
        rate = int(stream.rate)
        wanted = math.ceil(longest * rate)
        heard = _samples(container, stream, wanted)
        held = lines[stream.index].end - lines[stream.index].start
    # Coded sound comes in whole blocks of a thousand samples or so, the first of which may be cut.
    if len(heard) == 0 or len(heard) < min(wanted, int(held * rate)) * 0.9 - 4096:
        raise unusable("sound-damaged", f"holds {held:.2f} s of sound, of which {len(heard):,} samples can be decoded")
    if not np.isfinite(heard).all():
        raise unusable("sound-not-finite", "holds samples that are no finite numbers")
    return heard, rate


def track_rate(content: bytes, limits: Limits) -> int:
    """Samples a second of the first sound track, by the header alone. Raises DataError where there is none."""
    with opened(content, limits) as container:
        return int(_sound(container).rate)


def _sound(container: Any) -> Any:
    if not container.streams.audio:
        raise unusable("sound-track-absent", "is a video without a sound track")
    return container.streams.audio[0]


def _samples(container: Any, stream: Any, wanted: int) -> np.ndarray:
    """Up to `wanted` samples, in [-1, 1] as float32."""
    layout = media().AudioResampler(format="fltp")
    pieces, count = [], 0
    for frame in container.decode(stream):
        for made in layout.resample(frame):
            pieces.append(made.to_ndarray().mean(axis=0, dtype=np.float32))
            count += len(pieces[-1])
        if count >= wanted:
            break
    return np.concatenate(pieces)[:wanted] if pieces else np.zeros(0, dtype=np.float32)
