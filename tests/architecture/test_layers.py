"""Who may import whom is settled in pyproject.toml; here it is checked, and so is that it is settled for everyone."""

import subprocess
import sys
import tomllib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source import ROOT, SOURCE


def test_imports_go_one_way(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_order_is_that_of_the_house():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "layers")
    assert layers["exhaustive"] is True
    order = [part.strip(" ()") for line in reversed(layers["layers"]) for part in line.split("|")]
    wanted = (
        "core data encoders modalities fusion sharing tasks model objectives balancing training spec bundle run "
        "estimator evaluation explanation search report serving recipes cli"
    )
    assert order == wanted.split()


def test_importing_the_package_is_cheap():
    """Heavy imports stand inside the verbs: the package itself brings neither torch nor pandas."""
    code = "import sys, polymodal; print([name for name in ('torch', 'pandas', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_folder_teaches():
    found = []
    for path in SOURCE.rglob("__init__.py"):
        said = path.read_text("utf-8")
        if said.count("\n") < 5 and path.parent.name not in {"polymodal"}:
            found.append(str(path.relative_to(ROOT)))
    assert not found, f"no docstring that teaches the folder: {found}"
