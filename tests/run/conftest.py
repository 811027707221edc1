"""The small cohort in a folder, and one finished run of it that several tests read."""

from pathlib import Path

import pytest

from polymodal import run
from tests.run.small import spec, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The cohort in a folder of its own."""
    return write(tmp_path / "cohort")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cohort and its finished run; only to be read, or copied."""
    place = write(tmp_path_factory.mktemp("finished") / "cohort")
    run.fit(spec(place), place / "run")
    return place
