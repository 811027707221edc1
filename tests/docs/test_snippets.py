"""What the documentation shows is true: marked snippets run, the others at least parse, links lead somewhere."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages, snippets

RUNNING = [path for path in pages() if any(snippet.runs for snippet in snippets(path))]


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", RUNNING, ids=name)
def test_marked_snippets_run(path, tmp_path, monkeypatch):
    """Those of one page run in order, in one empty folder, and share their names."""
    monkeypatch.chdir(tmp_path)
    shared = {"__name__": "__main__"}
    for snippet in snippets(path):
        if not snippet.runs:
            continue
        if snippet.language == "python":
            # Blank lines in front keep the line numbers of the page in a traceback.
            exec(compile("\n" * (snippet.line - 1) + snippet.code, snippet.page, "exec"), shared)
        else:
            run_shell(snippet)


def run_shell(snippet):
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-euo", "pipefail", "-c", snippet.code]
    done = subprocess.run(command, env=os.environ | {"PATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{snippet.page}:{snippet.line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", pages(), ids=name)
def test_python_snippets_parse(path):
    for snippet in snippets(path):
        if snippet.language == "python":
            ast.parse(snippet.code, f"{snippet.page}:{snippet.line}")
    assert all(snippet.language in {"python", "bash", "yaml", "json"} for snippet in snippets(path))


@pytest.mark.parametrize("path", pages(), ids=name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text("utf-8"))
    lost = [link for link in links if not (path.parent / link).exists()]
    assert not lost, f"{name(path)}: {lost}"


def test_some_snippets_run():
    assert len(RUNNING) >= 4
