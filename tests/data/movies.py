"""Small videos of several kinds for tests, written by PyAV."""

import io
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

av = pytest.importorskip("av", reason='needs the extra: pip install "polymodal[video]"')

KINDS = {
    "mp4": ("mpeg4", "mp4", "yuv420p", "aac"),
    "mov": ("mpeg4", "mov", "yuv420p", "pcm_s16le"),
    "avi": ("mpeg4", "avi", "yuv420p", "pcm_s16le"),
    "mkv": ("ffv1", "matroska", "bgr0", "flac"),
    "webm": ("libvpx-vp9", "webm", "yuv420p", "libopus"),
    "gif": ("gif", "gif", "rgb8", None),
}
"""Codec of pictures, container, kind of pixels, codec of sound."""


def shades(count: int, height: int = 32, width: int = 48, top: int = 200) -> np.ndarray:
    """(count, height, width, 3) uint8: every frame of one grey, from black to `top`, so that it tells its number."""
    grey = np.linspace(0, top, count).round().astype(np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (count, height, width, 3)).copy()


def tone(seconds: float, rate: int = 8000, pitch: float = 440.0) -> np.ndarray:
    """(n,) int16 of a sine."""
    return (12_000 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


def movie(
    kind: str,
    frames: np.ndarray | None,
    rate: int = 10,
    sound: np.ndarray | None = None,
    options: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The content of a file of this kind; without frames it holds sound alone."""
    codec, container, pixels, voice = KINDS[kind]
    stream = io.BytesIO()
    with av.open(stream, "w", format=container, options=dict(options)) as opened:
        pictures = None if frames is None else opened.add_stream(codec, rate=rate, options={"g": "5"})
        if frames is not None and pictures is not None:
            pictures.height, pictures.width, pictures.pix_fmt = *frames.shape[1:3], pixels
            pictures.codec_context.thread_count = 1
        heard = None if sound is None else opened.add_stream(voice, rate=48_000 if kind == "webm" else 8000)
        if heard is not None:
            heard.layout = "mono"
        for place, frame in enumerate(() if frames is None else frames):
            made = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            made.pts, made.time_base = place, Fraction(1, rate)
            opened.mux(pictures.encode(made))
        if pictures is not None:
            opened.mux(pictures.encode(None))
        if heard is not None:
            made = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            made.sample_rate, made.pts, made.time_base = heard.rate, 0, Fraction(1, heard.rate)
            opened.mux(heard.encode(made))
            opened.mux(heard.encode(None))
    return stream.getvalue()
