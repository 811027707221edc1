"""Captions: written back exactly, longer texts are refused, the text itself stays hidden, and it learns to write."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import bundle
from polymodal.core import Batch, DataError, Representation, Tokens
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.bytepair import END, PADDING
from polymodal.data.language_pieces import FIRST
from polymodal.data.samples import Samples
from polymodal.data.splits import Split
from polymodal.fusion import Early
from polymodal.modalities import Table, Text
from polymodal.model import Ensemble, Model
from polymodal.run.fitting import Fitted
from polymodal.run.judging import judge
from polymodal.tasks import Caption
from polymodal.tasks.caption import memory_of

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


def colours(rows: int = 48, model: str | None = None) -> tuple[Model, Samples]:
    """A number that tells the colour, and the colour in words both as an input and as what is to be written."""
    generator = np.random.default_rng(0)
    number = generator.integers(0, 3, rows)
    said = np.array(["red ring", "blue square", "a green star"])[number]
    frame = pd.DataFrame({"number": number.astype(str), "said": said})
    modalities = {"number": Table(["number"], drop=0.0), "words": Text(["said"])}
    tasks = {"caption": Caption("said", hides=["words"], layers=1, model=model, dropout=0.0)}
    whole = DataTable(frame)
    for part in [*modalities.values(), *tasks.values()]:
        part.reader.fit(whole, np.arange(rows))
    with seeded(0, "model"):
        made = Model(modalities, tasks, Early(layers=1), 16)
    inputs = {name: part.reader for name, part in modalities.items()}
    return made, Samples.read(whole, inputs, {"caption": tasks["caption"].reader})


def taught(model: Model, batch: Batch, steps: int) -> None:
    """Train the task alone on one batch."""
    optimiser = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    model.train()
    for _ in range(steps):
        optimiser.zero_grad()
        seen = model.seen_by("caption", model.represent(batch))
        model.heads["caption"].teach(seen, batch.targets["caption"]).mean().backward()
        optimiser.step()
    model.eval()


def test_it_learns_to_write_what_another_modality_says_and_never_sees_the_text() -> None:
    model, samples = colours()
    batch = samples.batch(np.arange(48))
    taught(model, batch, 60)
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two layers with random weights, and a tokeniser of words."""
    transformers = pytest.importorskip("transformers", reason='needs the extra: pip install "polymodal[text]"')
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<end>", "<unknown>", "red", "ring", "blue", "square", "a", "green", "star"]
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 6, "vocab_size": len(words)}
    place = tmp_path_factory.mktemp("models") / "tiny"
    with seeded(0, "language"):
        net = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    net.save_pretrained(place)
    tokeniser = Tokenizer(models.WordLevel({word: code for code, word in enumerate(words)}, unk_token="<unknown>"))
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    tokeniser.save(str(place / "tokenizer.json"))
    return place


def test_a_frozen_language_model_learns_to_look_and_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    model, samples = colours(model=str(folder))
    batch = samples.batch(np.arange(48))
    head = model.heads["caption"]
    frozen = {name: weight.clone() for name, weight in head.net.language.state_dict().items()}
    seen = model.eval().seen_by("caption", model.represent(batch))
    with torch.no_grad():
        losses = head.teach(seen, batch.targets["caption"])
        codes = torch.cat([torch.zeros(48, 1), batch.targets["caption"].part("target")[:, :-1] - FIRST], dim=1)
        codes = codes.clamp(min=0).long()
        alone = head.net.language(codes, torch.ones_like(codes, dtype=torch.bool))[:, 0].log_softmax(-1)
    assert losses.shape == (48,)
    assert torch.equal(head.net(codes, codes >= 0, *memory(seen))[:, 0].log_softmax(-1), alone)
    taught(model, batch, 100)
    for name, weight in head.net.language.state_dict().items():
        assert torch.equal(weight, frozen[name]), name
    task = model.tasks["caption"]
    with torch.no_grad():
        written = model(batch)["caption"]
    truth = task.truth(batch.targets["caption"].data["target"])
    assert task.metrics(task.decode(written), truth)["exact_match"] == 1.0
    parts = Ensemble([model])
    spec = {
        "version": 1,
        "data": {"table": "said.csv"},
        "modalities": {
            "number": {"type": "table", "columns": ["number"]},
            "words": {"type": "text", "columns": ["said"]},
        },
        "tasks": {"caption": {"type": "caption", "target": "said", "hides": ["words"], "model": str(folder)}},
        "model": {"width": 16, "fusion": {"type": "early", "layers": 1}},
    }
    bundle.save(tmp_path / "saved", parts, spec, "a card")
    shutil.rmtree(folder)
    again = bundle.load(tmp_path / "saved").model.eval()
    with torch.no_grad():
        assert torch.equal(again(batch)["caption"], written)


def memory(seen: Representation) -> tuple[Tokens, torch.Tensor]:
    """What a head reads, all of which stands before the text."""
    held = memory_of(seen)
    return held, torch.zeros_like(held.mask, dtype=torch.int64)
