"""Calls the command in this process, as a shell would."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from polymodal.cli import main


@dataclass(frozen=True)
class Answer:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document that it has to be."""
        return json.loads(self.out)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path) -> Callable[..., Answer]:
    """Run `polymodal` with these words, in a folder of its own, and give back what it left."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return Answer(code, told.out, told.err)

    return run


@pytest.fixture
def spec_file(tmp_path):
    """A good spec in a file, whose table is beside it."""
    rows = "\n".join(f"{number},{'yes' if number % 3 else 'no'},{number % 7}" for number in range(60))
    (tmp_path / "cohort.csv").write_text(f"age,sick,dose\n{rows}\n")
    path = tmp_path / "spec.yaml"
    path.write_text(
        "data: {table: cohort.csv}\n"
        "modalities:\n  labs: {type: table, columns: [age, dose]}\n"
        "tasks:\n  sick: {type: binary, target: sick}\n"
    )
    return path
