"""The first example of the README runs as it stands, on a cohort as it describes one."""

import ast

import numpy as np
import pandas as pd
from PIL import Image

from tests.docs.pages import ROOT, snippets

ROWS = 30


def cohort(folder) -> None:
    """A table with texts, measures and names of pictures beside a folder of pictures; some of each is missing."""
    draw = np.random.default_rng(0)
    ill = np.arange(ROWS) % 2 == 0
    (folder / "scans").mkdir()
    for row in range(ROWS):
        pixels = draw.integers(0, 128, (8, 8, 3)) + 100 * int(ill[row])
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "scans" / f"{row}.png")
    table = pd.DataFrame(
        {
            "title": [f"visit {row}" for row in range(ROWS)],
            "body": np.where(ill, "cannot find the words", "feels well today"),
            "age": draw.integers(40, 90, ROWS),
            "sex": draw.choice(["f", "m"], ROWS),
            "csf_tau": draw.normal(300, 90, ROWS).round(1),
            "csf_abeta": draw.normal(900, 200, ROWS).round(1),
            "path": [None if row % 5 == 4 else f"{row}.png" for row in range(ROWS)],
            "diagnosis": np.where(ill, "AD", "none"),
        }
    )
    table.loc[::7, "csf_tau"] = np.nan
    table.to_csv(folder / "cohort.csv", index=False)


def test_the_first_example_runs(tmp_path, monkeypatch):
    cohort(tmp_path)
    monkeypatch.chdir(tmp_path)
    snippet = next(each for each in snippets(ROOT / "README.md") if each.language == "python")
    assert len([line for line in snippet.code.splitlines() if line]) == 12
    tree = ast.parse(snippet.code.replace("MultimodalClassifier(", "MultimodalClassifier(epochs=1, members=1, "))
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    shared: dict[str, object] = {}
    exec(compile(tree, snippet.page, "exec"), shared)
    probabilities = eval(compile(ast.Expression(last.value), snippet.page, "eval"), shared)
    assert probabilities.shape == (ROWS, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
