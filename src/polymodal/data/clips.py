"""Frames of a video, chosen by time and decoded one after the other, so that none but the chosen are ever kept."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from polymodal.data.containers import Timeline, media, moment_of, opened, surveyed, unusable
from polymodal.data.files import Limits

__all__ = ["Sampling", "frames_of"]

_TICK = 1e-3
"""Seconds by which a frame may come late: Matroska counts in thousandths."""
_SQUEEZED = 8.0
"""Pixels that are said to be so many times as wide as high, or less, are taken at their word."""


@dataclass(frozen=True)
class Sampling:
    """Which frames are looked at: up to `frames`, evenly over the length, or `rate` in a second from the beginning.

    No more than the first `longest` seconds are watched.
    """

    frames: int
    rate: float | None = None
    longest: float = 60.0

    def moments(self, length: float) -> list[float]:
        """The seconds, from 0, at which one looks at a video of this length."""
        length = min(length, self.longest)
        if self.rate is None:
            return [(place + 0.5) * length / self.frames for place in range(self.frames)]
        return [place / self.rate for place in range(self.frames) if place == 0 or place / self.rate < length]


def frames_of(content: bytes, sampling: Sampling, limits: Limits) -> Iterator[tuple[float, Image.Image]]:
    """The frames that are shown at the wanted moments, each with the seconds since the first frame; each frame once.

    Stretches without a wanted moment are skipped where the file lets one start behind them, and the rest is decoded one
    frame at a time. Pictures are upright, and of the shape that they are shown in. Raises DataError, with a sentence in
    `found`, where the file is of no known kind, damaged, shorter than its header says, without a picture, or beyond the
    limits.
    """
    lines = surveyed(content, limits)
    with opened(content, limits) as container:
        stream = _pictures(container)
        line = lines.get(stream.index)
        if line is None:
            raise unusable("video-empty", "holds no frame")
        _check_size(stream.width, stream.height, limits)
        codec = stream.codec_context
        # Frames of another size may follow; the decoder refuses them before it makes room.
        codec.options, codec.thread_count = {"max_pixels": str(limits.pixels)}, 1
        converter = media().video.reformatter.VideoReformatter()
        wanted = deque(line.start + moment for moment in sampling.moments(line.end - line.start))
        for moment, frame in _shown(container, stream, line, wanted):
            _check_size(frame.width, frame.height, limits)
            if frame.is_corrupt:
                raise unusable("video-damaged", f"is damaged at {moment - line.start:.2f} s")
            yield moment - line.start, _upright(frame, stream.sample_aspect_ratio, converter)


def _pictures(container: Any) -> Any:
    """The first track of moving pictures; the cover of a record is none."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        held = "sound only" if container.streams.audio else "no pictures"
        raise unusable("video-without-pictures", f"holds {held}")
    return moving[0]


def _shown(container: Any, stream: Any, line: Timeline, wanted: deque[float]) -> Iterator[tuple[float, Any]]:
    """What is on the screen at each wanted moment: the last frame that is not later, or else the first of all."""
    held: tuple[float, Any] | None = None
    for frame in _decoded(container, stream, line.keys, wanted):
        after = held[0] + line.gap if held is not None else line.start
        moment = after if frame.pts is None else float(frame.pts * frame.time_base)
        shown = held if held is not None else (moment, frame)
        if wanted[0] < moment - _TICK:
            yield shown
            while wanted and wanted[0] < moment - _TICK:
                wanted.popleft()
        held = (moment, frame)
        if not wanted:
            return
    if held is None:
        raise unusable("video-empty", "holds no frame that can be decoded")
    if min(wanted[-1], line.last) - held[0] > 2 * line.gap + (line.end - line.start) / 10:
        raise unusable("video-damaged", f"cannot be decoded beyond {held[0] - line.start:.2f} s")
    yield held


def _decoded(container: Any, stream: Any, keys: np.ndarray, wanted: deque[float]) -> Iterator[Any]:
    """Frames in the order of time, without those of stretches between two keys in which no moment is wanted."""
    skipping = False
    for packet in container.demux(stream):
        moment = moment_of(packet)
        if packet.is_keyframe and moment is not None:
            later = keys[np.searchsorted(keys, moment, side="right") :]
            skip = len(later) > 0 and wanted[0] >= later[0]
            if skip and not skipping:
                yield from stream.codec_context.decode(None)
                stream.codec_context.flush_buffers()
            skipping = skip
        if not skipping or moment is None:
            yield from packet.decode()


def _check_size(width: int, height: int, limits: Limits) -> None:
    if height * width > limits.pixels:
        raise unusable("video-too-large", f"has frames of {width} × {height} pixels, the limit is {limits.pixels:,}")
    if height * width == 0:
        found = f"has frames of no size, or of one far beyond the limit of {limits.pixels:,} pixels"
        raise unusable("video-too-large", found)


def _upright(frame: Any, squeezed: Any, converter: Any) -> Image.Image:
    """The frame as one sees it: turned as the camera was held, its pixels square; grey, in colour, or transparent."""
    parts = frame.format.components
    grey, transparent = len(parts) == 1 and not frame.format.has_palette, any(part.is_alpha for part in parts)
    kind = "gray" if grey else "rgba" if transparent else "rgb24"
    picture = Image.fromarray(np.ascontiguousarray(converter.reformat(frame, format=kind).to_ndarray()))
    stretch = float(squeezed) if squeezed else 1.0
    if stretch != 1.0 and 1 / _SQUEEZED <= stretch <= _SQUEEZED:
        picture = picture.resize((max(1, round(picture.width * stretch)), picture.height), Image.Resampling.BILINEAR)
    quarters = round(frame.rotation / 90) % 4
    return picture if quarters == 0 else picture.rotate(90 * quarters, expand=True)
