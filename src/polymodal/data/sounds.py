"""Sound files: checked before they are decoded, brought to one rate, and laid out as energies of bands over time."""

import io
import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from polymodal.core import DataError, missing_extra
from polymodal.data.containers import container_of
from polymodal.data.files import Limits
from polymodal.data.tracks import track_of, track_rate

__all__ = ["Hearing", "Wave", "decode", "log_mel", "rate_of", "resampled"]

FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF", "AU", "RF64", "W64")
"""What is decoded, told by content and never by file name."""

HIGHEST_RATE = 768_000
_STREAMED = 0xFFFFFFFF - 64  # recorders that do not know how long a file will be write a size near the greatest
_QUIET = 1e-10


@dataclass(frozen=True)
class Wave:
    """Sound as numbers: `samples` (n,) float32 of one channel in [-1, 1], `rate` of them in a second."""

    samples: np.ndarray
    rate: int


@dataclass(frozen=True)
class Hearing:
    """How sound becomes bands: `rate` in Hz, `bands` of the mel scale, `window` and `step` in seconds.

    With `level`, each clip is brought to the same mean power first: how loud a recording is tells the room and the
    microphone rather than what was said.
    """

    rate: int = 16_000
    bands: int = 48
    window: float = 0.025
    step: float = 0.010
    level: bool = True


def decode(content: bytes, longest: float, limits: Limits) -> Wave:
    """The sound of a file's content, its channels averaged; at most its first `longest` seconds.

    Of a video it is the sound track. Raises DataError, with a sentence in `found`, where it is of no known format,
    damaged, shorter than its header says, silent of samples, or beyond the limits.
    """
    if len(content) > limits.bytes:
        raise _unusable("sound-too-large", f"has {len(content):,} bytes, the limit is {limits.bytes:,}")
    if container_of(content) is not None:
        samples, rate = track_of(content, longest, limits)
        _check_rate(rate)
        return Wave(samples, rate)
    soundfile = _soundfile()
    _check_riff(content)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as opened:
            _check_header(opened)
            wanted = min(len(opened), math.ceil(longest * opened.samplerate))
            heard = opened.read(wanted, dtype="float32", always_2d=True)
            rate = int(opened.samplerate)
    except soundfile.LibsndfileError as error:
        raise _unusable("sound-format", f"cannot be decoded: {error.error_string}") from error
    # A lossy format rounds its length to whole frames of a thousand samples or so.
    if len(heard) < wanted - 4096 or len(heard) == 0:
        raise _unusable("sound-truncated", f"announces {wanted:,} samples and holds {len(heard):,}")
    samples = heard.mean(axis=1)
    if not np.isfinite(samples).all():
        raise _unusable("sound-not-finite", "holds samples that are no finite numbers")
    return Wave(samples, rate)


def rate_of(content: bytes, limits: Limits) -> int:
    """Samples a second, by the header alone. Raises DataError where it cannot be read."""
    if container_of(content) is not None:
        return track_rate(content, limits)
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as opened:
            _check_header(opened)
            return int(opened.samplerate)
    except soundfile.LibsndfileError as error:
        raise _unusable("sound-format", f"cannot be decoded: {error.error_string}") from error


def resampled(wave: Wave, rate: int) -> Wave:
    """The same sound at another rate, by a polyphase filter that lets nothing fold back."""
    if wave.rate == rate:
        return wave
    from scipy.signal import resample_poly

    shared = math.gcd(rate, wave.rate)
    made = resample_poly(wave.samples, rate // shared, wave.rate // shared)
    return Wave(np.asarray(made, dtype=np.float32), rate)


def log_mel(wave: Wave, hearing: Hearing) -> np.ndarray:
    """(frames, bands) float32: the natural logarithm of the power in each band of the mel scale, frame by frame.

    The short-time Fourier transform of Hann windows, in triangular bands that are equally wide in mel = 2595 log10(1 +
    Hz / 700) (O'Shaughnessy 1987). A clip shorter than a window is filled up with silence.
    """
    wave = resampled(wave, hearing.rate)
    samples = torch.from_numpy(np.ascontiguousarray(wave.samples))
    size, step = round(hearing.window * hearing.rate), max(1, round(hearing.step * hearing.rate))
    if len(samples) < size:
        samples = torch.nn.functional.pad(samples, (0, size - len(samples)))
    if hearing.level:
        samples = samples / samples.square().mean().sqrt().clamp(min=1e-6)
    points = 1 << (size - 1).bit_length()
    spectrum = (
        torch.stft(
            samples, points, step, size, torch.hann_window(size), center=False, return_complex=True, pad_mode="constant"
        )
        if len(samples) >= points
        else _one_frame(samples, size, points)
    )
    power = spectrum.abs().square()
    return (_filters(hearing.rate, points, hearing.bands) @ power + _QUIET).log().T.contiguous().numpy()


def _one_frame(samples: torch.Tensor, size: int, points: int) -> torch.Tensor:
    """(frequencies, 1) of a clip that is shorter than the transform."""
    windowed = samples[:size] * torch.hann_window(size)
    return torch.fft.rfft(windowed, points).unsqueeze(1)


@lru_cache(maxsize=8)
def _filters(rate: int, points: int, bands: int) -> torch.Tensor:
    """(bands, frequencies) of triangles between 20 Hz and half the rate."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (20.0, rate / 2))
    corners = 700 * (10 ** (torch.linspace(low, high, bands + 2, dtype=torch.float64) / 2595) - 1)
    frequencies = torch.linspace(0, rate / 2, points // 2 + 1, dtype=torch.float64)
    rising = (frequencies - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - frequencies) / (corners[2:] - corners[1:-1])[:, None]
    made = torch.minimum(rising, falling).clamp(min=0)
    # A band narrower than the distance of two frequencies takes the one that is nearest to its middle.
    empty = (made.sum(dim=1) == 0).nonzero().flatten()
    nearest = (frequencies[None] - corners[1:-1, None]).abs().argmin(dim=1)
    made[empty, nearest[empty]] = 1.0
    return made.float()


def _check_header(opened: Any) -> None:
    if opened.format not in FORMATS:
        raise _unusable("sound-format", f"is of the format {opened.format}, which is not read")
    _check_rate(opened.samplerate)
    if len(opened) == 0:
        raise _unusable("sound-empty", "holds no sample")


def _check_rate(rate: int) -> None:
    if not 0 < rate <= HIGHEST_RATE:
        raise _unusable("sound-rate", f"announces {rate:,} samples a second")


def _check_riff(content: bytes) -> None:
    """A WAV file whose data are shorter than its header says was cut off; the decoder would pass that over."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack("<4sI", content[place : place + 8])
        place += 8
        if name == b"data":
            if size < _STREAMED and size > len(content) - place:
                found = f"announces {size:,} bytes of sound and holds {len(content) - place:,}"
                raise _unusable("sound-truncated", found)
            return
        place += size + size % 2
    raise _unusable("sound-truncated", "is a WAV file without any sound in it")


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise missing_extra("the modality audio", "soundfile", "audio") from error
    return soundfile


def _unusable(code: str, found: str) -> DataError:
    return DataError(
        code,
        where="sound",
        expected="a whole sound file (wav, flac, ogg, mp3), or a video with sound, within the limits",
        found=found,
        remedy="write the file again, or leave the cell empty",
    )
