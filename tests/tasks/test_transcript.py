"""Texts read off tokens: which rows can be learned from, what the loss is, and tones that spell digits."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal.core import DataError, Representation, Tokens, UsageProblem, Values
from polymodal.core.seeding import seeded
from polymodal.data.base import DataTable
from polymodal.data.samples import Samples
from polymodal.fusion import Late
from polymodal.modalities import Audio, Protein, Signal
from polymodal.model import Model
from polymodal.tasks import Transcript
from polymodal.tasks.transcript import NOTHING, tokens_needed
from polymodal.training.predicting import answers, outputs


def fitted(texts):
    task = Transcript("said", of="a")
    task.reader.fit(DataTable(pd.DataFrame({"said": pd.Series(texts, dtype=object)})), np.arange(len(texts)))
    return task


def seen(values, mask) -> Representation:
    tokens = Tokens(values, mask)
    count, width = len(values), values.shape[2]
    here = torch.ones(count, 1, dtype=torch.bool)
    return Representation(torch.zeros(count, 1, width), here, "single", {"a": tokens}, {})


def test_two_signs_alike_need_a_token_between_them():
    assert tokens_needed(torch.tensor([[1, 2, 3], [1, 1, 1], [2, 0, 0], [0, 0, 0]])).tolist() == [3, 5, 1, 0]


def test_signs_are_those_of_training_and_others_are_refused():
    task = fitted(["b  a", "ab", None])
    assert task.reader.signs == [" ", "a", "b"]
    cells = task.reader.read(DataTable(pd.DataFrame({"said": pd.Series(["a b", "abc", 3.0, "", b"a"], dtype=object)})))
    assert cells.present.tolist() == [True, False, False, False, False]
    assert cells.texts[0].tolist() == [2, 1, 3]
    first = cells.refusals[0]
    assert (first.row, first.reason) == (1, 'the sign "c" does not occur in training')
    assert {refusal.row for refusal in cells.refusals} == {1, 2, 4}
    with pytest.raises(DataError, match="no-text"):
        fitted([None, "  "])


def test_the_loss_is_the_chance_of_all_ways_to_lay_the_text():
    task = fitted(["ab"])
    torch.manual_seed(0)
    head = task.head(1, 4, "mean").double()
    values = torch.randn(1, 5, 4, dtype=torch.float64)
    mask = torch.tensor([[True, True, False, True, True]])
    values[0, 2] = torch.nan  # what lies under the mask must not be felt
    (loss,) = head.teach(seen(values, mask), Values({"target": torch.tensor([[1, 2, 0]])}, torch.tensor([0])))
    chances = head.linear(values[mask]).softmax(dim=-1)
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        told = [code for code, _ in itertools.groupby(path) if code != NOTHING]
        if told == [1, 2]:
            total += float(torch.prod(chances.detach()[range(4), list(path)]))
    assert loss.item() == pytest.approx(-np.log(total) / 2)


def test_too_few_tokens_teach_nothing_and_are_told():
    task = fitted(["aab"])
    head = task.head(1, 4, "mean")
    values = torch.randn(3, 4, 4, requires_grad=True)
    mask = torch.tensor([[True] * 4, [True] * 3 + [False], [False] * 4])
    target = Values({"target": torch.tensor([[1, 1, 2]])}, torch.zeros(3, dtype=torch.int64))
    with pytest.warns(RuntimeWarning, match="shorter patch"):
        losses = head.teach(seen(values, mask), target)
    assert losses.shape == (1,)
    assert torch.isfinite(losses).all()
    (slope,) = torch.autograd.grad(losses.sum(), values)
    assert (slope[1:] == 0).all()
    assert (slope[0] != 0).any()
    with pytest.raises(UsageProblem, match="too-few-tokens"):
        head.teach(seen(values[:, :1], mask[:, :1]), target)


def test_where_tokens_can_be_counted_rows_are_refused_beforehand():
    table = DataTable(pd.DataFrame({"sequence": ["MKV", "GG", "ACDE"], "said": ["ab", "aa", "abab"]}))
    task, protein = Transcript("said", of="protein"), Protein("sequence", tokens="residues")
    for reader in (task.reader, protein.reader):
        reader.fit(table, np.arange(3))
    batch = Samples.read(table, {"protein": protein.reader}, {"said": task.reader}).batch(np.arange(3))
    assert batch.targets["said"].index.tolist() == [0, -1, 1]
    assert [refusal.reason for refusal in batch.refusals] == ['needs 3 tokens of "protein", which has 2 in this row']


def test_reading_off_tells_repeats_once():
    task = fitted(["ab"])
    likeliest = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 2, 0, 1, 0], [1, 1, 1, 1, 1, 1]])
    there = torch.ones(3, 6, 1)
    there[2] = 0.0
    told = torch.cat([torch.nn.functional.one_hot(likeliest, 3).float(), there], dim=2)
    assert task.decode(told.flatten(1)).prediction.tolist() == ["aab", "ba", ""]


def tones(rows, seed=0):
    """Digits as tones of 60 ms with short gaps, sampled as a spectrum of ten bands each 10 ms."""
    draw = np.random.default_rng(seed)
    texts, series = [], []
    for _ in range(rows):
        digits = draw.integers(0, 10, draw.integers(1, 4))
        frames = [np.zeros((2, 10))]
        for digit in digits:
            frames += [np.tile(np.eye(10)[digit], (draw.integers(4, 6), 1)), np.zeros((2, 10))]
        made = np.concatenate(frames)
        series.append(made + draw.normal(0, 0.1, made.shape))
        texts.append("".join(map(str, digits)))
    return DataTable(pd.DataFrame({"sound": pd.Series(series, dtype=object), "said": texts}))


def test_tones_that_spell_digits_are_read():
    table = tones(96)
    task = Transcript("said", of="sound")
    sound = Signal(["sound"], tokens="steps", patch=2, dropout=0.0, augment=0.0)
    train, test = np.arange(80), np.arange(80, 96)
    for reader in (sound.reader, task.reader):
        reader.fit(table, train)
    held = Samples.read(table, {"sound": sound.reader}, {"said": task.reader})
    with seeded(0, "model"):
        model = Model({"sound": sound}, {"said": task}, Late(), 32)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    draw = np.random.default_rng(0)
    for _ in range(70):
        batch = held.batch(draw.choice(train, 16, replace=False))
        loss = model.heads["said"].teach(model.represent(batch), batch.targets["said"]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    decoded, truth, _ = answers(model.eval(), held, test, outputs(model, held, test))["said"]
    assert task.metrics(decoded, truth)["character_error_rate"] <= 0.1


@pytest.mark.parametrize("patch", [4, 8, 10])
def test_sounds_give_a_token_for_so_many_frames(patch):
    audio = Audio("clip", rate=16_000, tokens="steps", patch=patch)
    waves = [np.sin(np.arange(32_000) * pitch).astype(np.float32) for pitch in (0.1, 0.2, 0.3)]
    table = DataTable(pd.DataFrame({"clip": pd.Series(waves, dtype=object)}))
    audio.reader.fit(table, np.arange(3))
    values, _ = audio.reader.collate(audio.reader.read(table), np.arange(3))
    made = audio.build_encoder(8)(values.data)
    assert made.mask.shape[1] == -(-values.data["sound"].shape[1] // (8 if patch == 10 else patch))  # halved or not
