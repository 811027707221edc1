"""Captions: written back exactly, longer texts are refused, the text itself stays hidden, and it learns to write."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.bytepair import END, PADDING
from polymodal.data.samples import Samples
from polymodal.data.splits import Split
from polymodal.fusion import Early
from polymodal.modalities import Table, Text
from polymodal.model import Ensemble, Model
from polymodal.run.fitting import Fitted
from polymodal.run.judging import judge
from polymodal.tasks import Caption

TEXTS = ["a red ring", "Ein großer Kreis", "", "два  пробела"]


def table(texts: list[str] = TEXTS) -> DataTable:
    return DataTable(pd.DataFrame({"said": texts}))


def test_every_text_can_be_written_back_as_it_was() -> None:
    task = Caption("said")
    task.reader.fit(table(), np.arange(4))
    cells = task.reader.read(table())
    assert cells.present.tolist() == [True, True, False, True]
    back = task.truth(torch.from_numpy(cells.values[cells.present]))
    assert back.tolist() == [text for text in TEXTS if text]


def test_a_text_longer_than_any_in_training_is_refused_and_nothing_is_cut() -> None:
    task = Caption("said")
    task.reader.fit(table(), np.arange(1))
    cells = task.reader.read(table(["a red ring", "a red ring and another red ring"]))
    assert cells.present.tolist() == [True, False]
    assert "longer" in cells.refusals[0].reason or "more than" in cells.refusals[0].reason


def test_what_is_no_text_is_refused() -> None:
    task = Caption("said")
    pictures = DataTable(pd.DataFrame({"said": pd.Series([np.zeros((2, 2)), None], dtype=object)}))
    with pytest.raises(DataError, match="no-text"):
        task.reader.fit(pictures, np.arange(2))
    task.reader.fit(table(), np.arange(4))
    cells = task.reader.read(DataTable(pd.DataFrame({"said": pd.Series([[1, 2], "a red ring", None], dtype=object)})))
    assert cells.present.tolist() == [False, True, False]
    assert [(refusal.row, refusal.reason) for refusal in cells.refusals] == [(0, "holds a list, not a text")]


def test_what_is_written_ends_where_the_end_is() -> None:
    task = Caption("said")
    task.reader.fit(table(), np.arange(4))
    code = task.reader.tokeniser.encode("a")
    made = task.decode(torch.tensor([[*code, END, *code], [*code, *code, PADDING]]))
    assert made.prediction.tolist() == ["a", "aa"]


def colours(rows: int = 48) -> tuple[Model, Samples]:
    """A number that tells the colour, and the colour in words both as an input and as what is to be written."""
    generator = np.random.default_rng(0)
    number = generator.integers(0, 3, rows)
    said = np.array(["red ring", "blue square", "a green star"])[number]
    frame = pd.DataFrame({"number": number.astype(str), "said": said})
    modalities = {"number": Table(["number"], drop=0.0), "words": Text(["said"])}
    tasks = {"caption": Caption("said", hides=["words"], layers=1, dropout=0.0)}
    whole = DataTable(frame)
    for part in [*modalities.values(), *tasks.values()]:
        part.reader.fit(whole, np.arange(rows))
    with seeded(0, "model"):
        model = Model(modalities, tasks, Early(layers=1), 16)
    inputs = {name: part.reader for name, part in modalities.items()}
    return model, Samples.read(whole, inputs, {"caption": tasks["caption"].reader})


def test_it_learns_to_write_what_another_modality_says_and_never_sees_the_text() -> None:
    model, samples = colours()
    batch = samples.batch(np.arange(48))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    head = model.heads["caption"]
    model.train()
    for _ in range(60):
        optimiser.zero_grad()
        seen = model.seen_by("caption", model.represent(batch))
        head.teach(seen, batch.targets["caption"]).mean().backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        written = model(batch)["caption"]
        dark = model(batch.only({"number"}))["caption"]
    assert torch.equal(written, dark)
    task = model.tasks["caption"]
    truth = task.truth(batch.targets["caption"].data["target"])
    assert task.metrics(task.decode(written), truth)["exact_match"] == 1.0
    fitted = Fitted(Ensemble([model]), samples, Split(*[np.arange(48)] * 3), DataTable(pd.DataFrame({"x": range(48)})))
    told = judge(fitted, np.arange(48), None, {"caption": written})["caption"]
    assert told["type"] == "caption"
    assert told["metrics"]["chrf"] == 1.0
    assert set(told["intervals"]) == {"exact_match", "chrf"}


def test_where_nothing_is_there_something_is_written_all_the_same(tmp_path: Path) -> None:
    model, samples = colours()
    batch = samples.batch(np.arange(5)).only(frozenset())
    with torch.no_grad():
        written = model.eval()(batch)["caption"]
    assert written.shape[0] == 5
    assert all(isinstance(text, str) for text in model.tasks["caption"].decode(written).prediction)
