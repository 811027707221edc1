"""A fake run and its report, made once."""

from pathlib import Path

import pytest

from polymodal.report import build_report
from tests.report.fake_run import fake_examples, write_fake_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and its report.html."""
    folder = write_fake_run(tmp_path_factory.mktemp("report") / "run", rows=300)
    build_report(folder, fake_examples())
    return folder


@pytest.fixture(scope="session")
def page(run: Path) -> str:
    """The report's HTML."""
    return (run / "report.html").read_text()
