"""Small video files made of arrays, for examples and for data sets that are made on the spot."""

import io
from fractions import Fraction
from typing import Any

import numpy as np

from polymodal.data.containers import media

__all__ = ["film"]


def film(frames: np.ndarray, rate: int, samples: np.ndarray | None = None, sample_rate: int = 8000) -> bytes:
    """The content of a Matroska file from which exactly these frames and samples can be read.

    frames (frames, height, width) in grey or (frames, height, width, 3) in colour, uint8, `rate` of them in a second;
    samples (n,) int16 of one channel. Pictures are kept by FFV1, sound by FLAC, both without loss. The same arrays give
    the same bytes. Needs the extra: pip install "polymodal[video]".
    """
    stream = io.BytesIO()
    with media().open(stream, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        pictures = container.add_stream("ffv1", rate=rate, options={"flags": "+bitexact"})
        pictures.height, pictures.width = frames.shape[1:3]
        pictures.pix_fmt = "gray" if frames.ndim == 3 else "bgr0"
        pictures.codec_context.thread_count = 1
        sound = None
        if samples is not None:
            sound = container.add_stream("flac", rate=sample_rate, layout="mono", options={"flags": "+bitexact"})
        converter = media().video.reformatter.VideoReformatter()
        for place, frame in enumerate(frames):
            made = _picture(frame, converter, pictures.pix_fmt)
            made.pts, made.time_base = place, Fraction(1, rate)
            container.mux(pictures.encode(made))
        container.mux(pictures.encode(None))
        if samples is not None and sound is not None:
            container.mux(sound.encode(_sound(samples, sample_rate)) if len(samples) else [])
            container.mux(sound.encode(None))
    return stream.getvalue()


def _picture(frame: np.ndarray, converter: Any, kind: str) -> Any:
    made = media().VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray" if frame.ndim == 2 else "rgb24")
    return converter.reformat(made, format=kind)


def _sound(samples: np.ndarray, rate: int) -> Any:
    made = media().AudioFrame.from_ndarray(samples.astype(np.int16)[None], format="s16", layout="mono")
    made.sample_rate, made.pts, made.time_base = rate, 0, Fraction(1, rate)
    return made
