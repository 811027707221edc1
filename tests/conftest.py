"""Shape names are checked while tests run; missingness, precision and the order of rows come in by fixture."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parent.parent / "src" / "polymodal"


def _modules_with_shapes() -> list[str]:
    """Only modules that name shapes are instrumented: the check costs about 70 µs a call."""
    files = [
        path for path in SOURCE.rglob("*.py") if re.search(r"core\.shapes import|jaxtyping", path.read_text("utf-8"))
    ]
    return [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in files]


# Before anything imports the package.
install_import_hook(_modules_with_shapes(), "beartype.beartype")

from polymodal.testing import PATTERNS, missing_pattern  # noqa: E402

# The same examples in every run, and no limit of time: a slow machine is no failure.
settings.register_profile("house", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("house")

# A shell that starts the suite in the background has it ignore Ctrl-C, and so would every command that a test stops.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What frozen encoders make in tests is kept in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polymodal.encoders.pretrained.cache_folder", lambda: tmp_path_factory.getbasetemp() / "cache")
        yield


NEEDS_DATA = "needs $POLYMODAL_DATA"


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Every test starts from the same global seeds, whatever ran before it."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(params=PATTERNS)
def missing(request: pytest.FixtureRequest) -> Callable[[int, int], np.ndarray]:
    """(rows, modalities) → booleans, True where a value is there; once for each way of going missing."""
    return lambda rows, modalities: missing_pattern(request.param, rows, modalities)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Single and double precision."""
    return request.param


@pytest.fixture(params=["as it is", "reversed", "shuffled"])
def order(request: pytest.FixtureRequest) -> Callable[[int], np.ndarray]:
    """rows → the order in which to take them."""
    ways = {
        "as it is": np.arange,
        "reversed": lambda rows: np.arange(rows)[::-1].copy(),
        "shuffled": lambda rows: np.random.default_rng(0).permutation(rows),
    }
    return ways[request.param]


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """name → the folder of a real data set; the test is skipped, and counted, where it is not there."""

    def find(name: str) -> Path:
        root = os.environ.get("POLYMODAL_DATA")
        if not root:
            pytest.skip(f"{NEEDS_DATA}: it is not set")
        if not (Path(root) / name).is_dir():
            pytest.skip(f"{NEEDS_DATA}/{name}: it is not there")
        return Path(root) / name

    return find


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for want of real data."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    count = sum("POLYMODAL_DATA" in reason for reason in reasons)
    if count:
        terminalreporter.write_line(f"{count} tests were skipped because real data are not there ($POLYMODAL_DATA)")
