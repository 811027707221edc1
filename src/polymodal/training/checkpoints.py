"""Folders that are wholly there or not at all: written aside, synced, named last, checked by sha256 when read."""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from polymodal.core import DamagedError, PolymodalError, ResourceError

__all__ = ["MANIFEST", "commit", "newest", "read_tensors", "resources_checked", "save", "tensors_as_bytes", "verify"]

MANIFEST = "MANIFEST.json"


def commit(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder so that a crash at any moment leaves the old one, or the new one, and never a mixture.

    Files go to a neighbour first and are synced; the manifest with their sha256 comes last; then the neighbour is
    renamed. Raises ResourceError where the disk is full or may not be written; what was there before is untouched.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"version": 1, "sha256": sums}, indent=1, sort_keys=True).encode()
    with resources_checked(folder):
        try:
            aside.mkdir()
            for name, content in [*files.items(), (MANIFEST, manifest)]:
                _write_synced(aside / name, content)
            _sync_folder(aside)
            _replace(aside, folder)
            _sync_folder(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def verify(folder: Path) -> dict[str, bytes]:
    """Every file of a committed folder, after its sha256 was found right. Raises DamagedError that names the file."""
    if not (folder / MANIFEST).is_file():
        raise _damaged("no-manifest", folder, f"{MANIFEST}, which is written last", "none")
    try:
        sums: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        listed = {str(name): str(value) for name, value in sums.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged("damaged-manifest", folder / MANIFEST, "a list of sha256 sums", str(error)) from error
    contents = {}
    for name, wanted in listed.items():
        path = folder / name
        if Path(name).name != name or path.is_symlink() or not path.is_file():
            raise _damaged("missing-file", path, "a plain file of this name inside the folder", "none")
        contents[name] = path.read_bytes()
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != wanted:
            raise _damaged(
                "wrong-sha256", path, f"sha256 {wanted[:16]}…", f"sha256 {found[:16]}…, {path.stat().st_size} bytes"
            )
    for extra in sorted({path.name for path in folder.iterdir()} - set(listed) - {MANIFEST}):
        raise _damaged(
            "unknown-file",
            folder / extra,
            f"only the files that {MANIFEST} lists",
            "a file that it does not list",
            "move that file out of the folder",
        )
    return contents


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any], keep: int = 2) -> Path:
    """Commit a checkpoint as `folder`/step-000123 and let go of all but the newest `keep`."""
    place = folder / f"step-{step:06d}"
    if not _whole(place):
        commit(place, {"state.safetensors": tensors_as_bytes(tensors), "state.json": json.dumps(state).encode()})
    for old in _steps(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
    """The newest checkpoint that is whole, its state, and a sentence for each one that had to be skipped."""
    skipped: list[str] = []
    for place in reversed(_steps(folder)):
        try:
            files = verify(place)
            return read_tensors(files["state.safetensors"], place), json.loads(files["state.json"]), skipped
        except (PolymodalError, KeyError, ValueError) as error:
            skipped.append(f"skipped {place.name}: {error.code if isinstance(error, PolymodalError) else error}")
    if skipped:
        raise _damaged("no-valid-checkpoint", folder, "at least one whole checkpoint", "; ".join(skipped))
    return None


def tensors_as_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Named tensors in the safetensors format."""
    # Shared or strided storage is not allowed in the format, so each tensor is laid out on its own.
    return bytes(to_safetensors({name: part.detach().cpu().contiguous().clone() for name, part in tensors.items()}))


def read_tensors(content: bytes, place: Path) -> dict[str, Tensor]:
    """Named tensors out of safetensors bytes. Raises DamagedError for anything else, a pickle included."""
    try:
        return dict(from_safetensors(content))
    except Exception as error:
        raise _damaged("not-safetensors", place, "weights in the safetensors format", str(error)) from error


@contextmanager
def resources_checked(place: Path) -> Iterator[None]:
    """Turn a full disk, a read-only folder or lack of memory into a ResourceError that names the place."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(
            "out-of-memory", where=str(place), expected="enough memory", found=str(error) or "none left",
            remedy="lower train.batch_size or model.width",
        ) from error  # fmt: skip
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ResourceError(
            "disk-full" if full else "not-writable",
            where=str(place),
            expected="a folder that can be written",
            found=error.strerror or str(error),
            remedy="free some space and resume" if full else "choose another --out, or change the permissions",
        ) from error


def _whole(place: Path) -> bool:
    try:
        verify(place)
    except (DamagedError, OSError):
        return False
    return True


def _steps(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step-*") if path.is_dir() and path.name[5:].isdigit()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return  # a folder cannot be opened there, and a rename is kept by the file system's own journal
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(aside: Path, folder: Path) -> None:
    """Rename over a folder that may exist: the old one steps aside first and is put back if the rename fails."""
    if not folder.exists():
        aside.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(old)
    try:
        aside.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _damaged(code: str, place: Path, expected: str, found: str, remedy: str = "") -> DamagedError:
    remedy = remedy or "take the folder from a backup, or train again"
    return DamagedError(code, where=str(place), expected=expected, found=found, remedy=remedy)
