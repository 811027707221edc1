"""Files that hold moving pictures, sound, or both: told by content, and checked before anything is decoded."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from polymodal.core import DataError, UsageProblem, missing_extra
from polymodal.data.files import Limits

__all__ = ["Timeline", "container_of", "media", "opened", "sense_of", "surveyed", "unusable"]

_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_SOUND = re.compile(rb"RIFF....WAVE|RF64|fLaC|OggS|ID3|FORM....AIF|\.snd|\xff[\xe2-\xff]|....ftypM4A", re.DOTALL)
"""How the content of a sound file begins."""
_FILMS = frozenset(["mov", "matroska", "avi"])
"""Containers of videos; a GIF is taken for a picture."""
_MOST_PACKETS = 2_000_000
"""More are not even counted: twelve hours of pictures and sound have as many."""
_LATE, _SHARE = 0.25, 0.05
"""By how many seconds, and by what share, a header may promise too much: writers round the last frame."""


@dataclass(frozen=True)
class Timeline:
    """When a track begins, its `last` part begins, and it ends; where one can start to decode it (`keys`); in seconds.

    `gap` is the longest time between two of its parts.
    """

    start: float
    last: float
    end: float
    keys: np.ndarray
    gap: float


def container_of(content: bytes) -> str | None:
    """Which reader a file's content is for ("mov", "matroska", "avi", "gif"), by how it begins; None for all others."""
    if content[4:8] in _BOXES:
        return "mov"
    if content[:4] == _EBML:
        return "matroska"
    if content[:4] == b"RIFF" and content[8:12] == b"AVI ":
        return "avi"
    return "gif" if content[:4] == b"GIF8" else None


def sense_of(contents: Sequence[bytes]) -> str | None:
    """Whether most of these files begin as sounds, or as videos."""
    sounds = [_SOUND.match(content) is not None for content in contents]
    films = [container_of(content) in _FILMS and not sound for content, sound in zip(contents, sounds, strict=True)]
    counts = {"audio": sum(sounds), "video": sum(films)}
    return next((sense for sense, count in counts.items() if 2 * count > len(contents)), None)


@contextmanager
def opened(content: bytes, limits: Limits) -> Iterator[Any]:
    """A container of PyAV on the content of a file, which is known to be whole.

    Only the reader for this kind of content is ever asked: none of these follows names of other files. Raises DataError
    where the file cannot be used, also for whatever goes wrong while it is open; UsageProblem where PyAV is not there.
    """
    av, kind = media(), container_of(content)
    if kind is None:
        raise unusable("video-format", "is not a video: its content is none of mp4, mov, mkv, webm, avi, gif")
    if len(content) > limits.bytes:
        raise unusable("video-too-large", f"has {len(content):,} bytes, the limit is {limits.bytes:,}")
    _check_whole(content, kind)
    try:
        # What is announced beyond `max_pixels` is not even tried while the streams are looked at.
        options = {"max_pixels": str(limits.pixels)}
        with av.open(io.BytesIO(content), format=kind, options=options, metadata_errors="replace") as container:
            yield container
    except (DataError, UsageProblem):
        raise
    except Exception as error:
        # Decoders fail in many ways on a damaged file, one of which is to ask for more memory than there is; all of
        # them mean that this one file cannot be used. That Python itself has none left is no fault of the file.
        if isinstance(error, MemoryError) and not isinstance(error, av.error.FFmpegError):
            raise
        raise unusable("video-damaged", f"is damaged or cut off: {_sentence(error)}") from error


def surveyed(content: bytes, limits: Limits) -> dict[int, Timeline]:
    """The timeline of each track that holds something, by its number, from the packets and not from the header.

    Nothing is decoded. Raises DataError where the header promises more than there is.
    """
    with opened(content, limits) as container:
        moments: dict[int, list[float]] = {stream.index: [] for stream in container.streams}
        keys: dict[int, list[float]] = {stream.index: [] for stream in container.streams}
        ends, counts = dict.fromkeys(moments, 0.0), dict.fromkeys(moments, 0)
        for count, packet in enumerate(container.demux()):
            if count >= _MOST_PACKETS:
                raise unusable("video-too-large", f"holds more than {_MOST_PACKETS:,} packets")
            if packet.is_corrupt:
                raise unusable("video-damaged", "is damaged or cut off: a part of it is marked as damaged")
            at, moment = packet.stream.index, moment_of(packet)
            counts[at] += moment is not None
            if moment is None or packet.is_discard:  # what was cut away in editing is there, and never shown
                continue
            moments[at].append(moment)
            ends[at] = max(ends[at], moment + float((packet.duration or 0) * packet.time_base))
            if packet.is_keyframe:
                keys[at].append(moment)
        lines = {at: _line(found, keys[at], ends[at]) for at, found in moments.items() if found}
        _check_promises(container, lines, counts)
    return lines


def moment_of(packet: Any) -> float | None:
    """When a packet is shown, in seconds; None for the mark behind the last one."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None else float(ticks * packet.time_base)


def media() -> Any:
    """PyAV. Raises UsageProblem where it is not installed."""
    try:
        import av
    except (ImportError, OSError) as error:
        raise missing_extra("the modality video, or the sound track of a video", "av", "video") from error
    return av


def unusable(code: str, found: str) -> DataError:
    """The error that says why a file cannot be used."""
    return DataError(
        code,
        where="video",
        expected="a whole video file (mp4, mov, mkv, webm, avi, gif) within the limits",
        found=found,
        remedy="write the file again from its source, or leave the cell empty",
    )


def _line(moments: list[float], keys: list[float], end: float) -> Timeline:
    ordered = np.unique(moments)
    gap = float(np.diff(ordered).max()) if len(ordered) > 1 else 0.0
    typical = float(np.median(np.diff(ordered))) if len(ordered) > 1 else 0.0
    return Timeline(float(ordered[0]), float(ordered[-1]), max(end, float(ordered[-1]) + typical), np.unique(keys), gap)


def _check_promises(container: Any, lines: dict[int, Timeline], counts: dict[int, int]) -> None:
    """Length and number of frames of the header against what there is; a header that says less is passed over."""
    if not lines:
        raise unusable("video-empty", "holds neither a frame nor a sound")
    promised = [(container.duration or 0) / 1e6]
    promised += [float(stream.duration * stream.time_base) for stream in container.streams if stream.duration]
    held = max(line.end for line in lines.values()) - min(0.0, *(line.start for line in lines.values()))
    held += max(line.gap for line in lines.values())
    if max(promised) > held * (1 + _SHARE) + _LATE:
        raise unusable("video-truncated", f"announces {max(promised):,.2f} s and holds {held:,.2f} s")
    for stream in container.streams.video:
        if stream.frames > counts[stream.index] * (1 + _SHARE) + 1:
            found = f"announces {stream.frames:,} frames and holds {counts[stream.index]:,}"
            raise unusable("video-truncated", found)


def _check_whole(content: bytes, kind: str) -> None:
    """Every kind of file says how long it is, or ends with a mark; readers pass over that it was cut off."""
    if kind == "gif":
        if not content.rstrip(b"\0").endswith(b";"):
            raise unusable("video-truncated", "is cut off: a GIF without its end")
        return
    announced = {"mov": _boxes, "avi": _riff, "matroska": _segment}[kind](content)
    if announced > len(content):
        raise unusable("video-truncated", f"is cut off: it announces {announced:,} bytes and holds {len(content):,}")


def _boxes(content: bytes) -> int:
    """Where the last box at the top of an MP4 file ends."""
    place = 0
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(content[place + 8 : place + 16], "big")
        if size < 8:  # 0 reaches to the end of the file, and nothing is as short as the others say
            return len(content)
        place += size
    return place


def _riff(content: bytes) -> int:
    """Where the first part of an AVI file ends."""
    return 8 + int.from_bytes(content[4:8], "little")


def _segment(content: bytes) -> int:
    """Where the segment of a Matroska file ends; whoever writes a stream leaves that open."""
    place = content.find(_SEGMENT, 0, 4096) + len(_SEGMENT)
    if place < len(_SEGMENT) or place >= len(content) or content[place] == 0:
        return len(content)
    width = 9 - content[place].bit_length()
    size = int.from_bytes(content[place : place + width], "big") & ((1 << 7 * width) - 1)
    return len(content) if size == (1 << 7 * width) - 1 else place + width + size


def _sentence(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error)
    return text[:200] or type(error).__name__
