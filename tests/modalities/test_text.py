"""Texts: every encoder keeps the contract, learns what it should, and says what it is."""

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import UsageProblem
from polymodal.core.seeding import seeded, torch_generator
from polymodal.data.base import DataTable
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.transformer import Transformer
from polymodal.modalities import Text
from polymodal.testing import check_modality

OPTIONS = [
    {"columns": ["title", "body"]},
    {"directions": False},
    {"encoder": "transformer"},
    {"encoder": "transformer", "tokens": "all", "longest": 4},
    {"encoder": "transformer", "pool": "class", "longest": 5, "columns": ["title", "body"]},
    {"encoder": "recurrent", "pool": "attention"},
    {"encoder": "recurrent", "tokens": "all", "drop": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_encoder_keeps_the_contract(options) -> None:
    check_modality(Text(**({"columns": ["text"]} | options)))


@pytest.mark.parametrize("encoder", ["bag", "transformer", "recurrent"])
def test_every_encoder_learns_which_word_counts(encoder) -> None:
    draw = np.random.default_rng(0)
    words = np.array(["shoe", "bag", "coat", "hat", "blue", "green"])
    label = draw.integers(0, 2, 64)
    texts = [" ".join([*draw.choice(words, 4), ("awful", "lovely")[kind]]) for kind in label]
    table, rows = DataTable(pd.DataFrame({"text": texts})), np.arange(64)
    text = Text(["text"], encoder, vocabulary=400, layers=1)
    text.reader.fit(table, rows)
    values, _ = text.reader.collate(text.reader.read(table), rows)
    with seeded(0, "learning"):
        net, head = text.build_encoder(16), torch.nn.Linear(16, 1)
        optimiser = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-2)
        for step in range(60):
            parts = text.perturb(values.data, torch_generator(0, step))
            logits = head(net(parts).gather(values.index).values[:, 0]).squeeze(1)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(label).float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.eval()
    right = (head(net(values.data).gather(values.index).values[:, 0]).squeeze(1) > 0) == torch.from_numpy(label).bool()
    assert right.float().mean() > 0.95


def test_what_is_left_of_a_perturbed_bag_weighs_more() -> None:
    text = Text(["text"], drop=0.5)
    table = text.example(30, 0)
    text.reader.fit(table, np.arange(30))
    parts = text.reader.collate(text.reader.read(table), np.arange(30))[0].data
    found = text.perturb(parts, torch_generator(0, "perturb"))
    left = found["grams"] >= 0
    assert 0.3 < float(left.sum() / (parts["grams"] >= 0).sum()) < 0.7
    torch.testing.assert_close(found["weights"][left], 2 * parts["weights"][left])
    assert (found["weights"][~left] == 0).all()


def test_auto_says_what_it_chose_and_why() -> None:
    kind, reason = Text(["text"]).chosen()
    assert kind == "bag"
    assert "texts" in reason
    assert Text(["text"], "recurrent").chosen()[0] == "recurrent"
    assert Text(["text"], model="some-package").chosen()[0] == "pretrained"


def test_a_function_may_build_the_encoder() -> None:
    class Own(torch.nn.Module):
        def __init__(self, codes: int, width: int) -> None:
            super().__init__()
            self.net = SequenceNet(codes, width, Transformer(width, 1, 2))

        def forward(self, parts):
            return self.net(parts["codes"])

    text = Text(["text"], lambda reader, width: Own(len(reader.form.tokeniser), width))
    table = text.example(10, 0)
    text.reader.fit(table, np.arange(10))
    values, _ = text.reader.collate(text.reader.read(table), np.arange(10))
    assert text.build_encoder(8)(values.data).values.shape == (values.count, 1, 8)


def test_pretrained_without_a_model_is_refused() -> None:
    with pytest.raises(UsageProblem, match="no-pretrained-model"):
        Text(["text"], "pretrained")
