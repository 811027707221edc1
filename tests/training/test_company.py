"""Alone, everything stays as it is; what several processes do together is tested where a model learns (test_steps)."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from polymodal.core import ResourceError
from polymodal.training.company import Company, company


def test_alone_nothing_changes() -> None:
    with company(1, print, []) as alone:
        numbers = torch.arange(3.0)
        assert alone.total(numbers) is numbers
        assert alone.first(numbers) is numbers
        assert alone.every([1, "two"]) == [1, "two"]
        assert alone.slopes([None, numbers], [numbers, numbers]) == [None, numbers]
        assert not torch.distributed.is_initialized()


def add(together: Company, numbers: torch.Tensor, fails: bool) -> None:
    """What each process does with numbers of its own."""
    whole = together.total(numbers * (together.rank + 1))
    assert whole.tolist() == [6.0, 12.0]
    if fails and together.rank == 1:
        raise SystemExit(3)
    assert together.first(numbers + together.rank).tolist() == [2.0, 4.0]
    assert together.every([together.rank]) == [0, 1]
    weights = [torch.zeros(2, 2), torch.zeros(3), torch.zeros(1)]
    mine = [torch.full((2, 2), 1.0 + together.rank), None, torch.ones(1) if together.rank else None]
    found = together.slopes(mine, weights)
    assert found[0].tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert found[1] is None
    assert found[2].tolist() == [1.0]


def test_two_processes_add_up_and_each_has_its_own_memory() -> None:
    numbers = torch.tensor([2.0, 4.0])
    with company(2, add, [numbers, False]) as together:
        add(together, numbers, False)
    assert not torch.distributed.is_initialized()


def test_a_process_that_ends_before_its_time_is_told_with_its_exit_code() -> None:
    numbers = torch.tensor([2.0, 4.0])
    with pytest.raises(ResourceError, match="exit code 3"), company(2, add, [numbers, True]) as together:
        add(together, numbers, True)
    assert not torch.distributed.is_initialized()


UNGUARDED = """
from polymodal.training.company import company
with company(2, print, []):
    raise SystemExit("nobody should come this far")
"""


def test_a_script_without_a_guard_is_told_so_and_waits_for_nobody(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "process-ended" in done.stderr
    assert '`if __name__ == "__main__":`' in done.stderr
