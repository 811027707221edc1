"""Each way of breaking a modality is found, and named."""

import numpy as np
import pytest
import torch
from torch import nn

from polymodal.core import Tokens, Values
from polymodal.modalities.base import Budget
from polymodal.testing import ContractBroken, FakeModality, check_modality


class Net(nn.Module):
    """The fake encoder with one thing changed."""

    def __init__(self, inner, change):
        super().__init__()
        self.inner, self.change = inner, change

    def forward(self, parts):
        return self.change(self.inner(parts), parts)


def encoded(change):
    class Changed(FakeModality):
        def build_encoder(self, width):
            return Net(super().build_encoder(width), change)

    return Changed()


def column_with(**methods):
    class Changed(FakeModality):
        def __init__(self, columns: tuple[str, ...] = ("first", "second")):
            super().__init__(columns)
            kind = type(self.reader)
            self.reader = type("Changed", (kind,), methods)(columns)

    return Changed()


def modality_with(**methods):
    return type("Changed", (FakeModality,), methods)()


def fit_on_all(self, table, rows):
    super(type(self), self).fit(table, np.arange(len(table)))


def collate_invented(self, cells, rows):
    values, refusals = super(type(self), self).collate(cells, rows)
    numbers = torch.cat([values.data["numbers"], torch.zeros(1, len(self.columns))])
    return Values({"numbers": numbers}, torch.where(values.index < 0, len(numbers) - 1, values.index)), refusals


def read_relative(self, table):
    cells = super(type(self), self).read(table)
    return type(cells)(cells.present, cells.numbers / (1 + np.abs(cells.numbers).sum()))


def plain_of_all(self, cells, rows):
    blocks = super(type(self), self).plain(cells, rows)
    return [type(block)(block.kind, block.values - np.nanmean(block.values)) for block in blocks]


def encoder_without_gradient(self, width):
    return Net(FakeModality.build_encoder(self, width), lambda t, _: Tokens(t.values.detach(), t.mask))


def encoder_with_idle_weight(self, width):
    net = FakeModality.build_encoder(self, width)
    net.idle = nn.Parameter(torch.zeros(3))
    return net


def encoder_with_shared_weight(self, width):
    net = FakeModality.build_encoder(self, width)
    net.twin = nn.Linear(width, width, bias=False)
    net.twin.weight = net.weight
    return net


def masked_noise(tokens, parts):
    mask = tokens.mask.clone()
    mask[:, 1] = False
    return Tokens(tokens.values, mask)


def perturb_in_place(self, parts, generator):
    parts["numbers"].add_(torch.randn(parts["numbers"].shape, generator=generator))
    return parts


def perturb_unseeded(self, parts, generator):
    return {"numbers": parts["numbers"] + torch.randn(parts["numbers"].shape)}


def corrupt_untold(self, parts, rate, generator):
    changed, hidden = FakeModality.corrupt(self, parts, rate, generator)
    return {"numbers": changed["numbers"] * 0}, hidden


def corrupt_always(self, parts, rate, generator):
    return FakeModality.corrupt(self, parts, 0.5, generator)


BROKEN = {
    "bit for bit": encoded(lambda t, _: Tokens(t.values - t.values.mean(0), t.mask)),
    "beyond 1e-5": encoded(lambda t, _: Tokens(t.values + 0.001 * len(t.values), t.mask)),
    "width": encoded(lambda t, _: Tokens(t.values[..., :-1], t.mask)),
    "at least one token": encoded(lambda t, _: Tokens(t.values * 0, t.mask & False)),
    "under the mask is zero": encoded(masked_noise),
    "tokens are finite": encoded(lambda t, _: Tokens(t.values / 0, t.mask)),
    "evaluation the same": encoded(lambda t, _: Tokens(t.values + torch.rand(()), t.mask)),
    "float64 gives float64": encoded(lambda t, _: Tokens(t.values.float(), t.mask)),
    "gradient reaches every weight|does not require grad": modality_with(build_encoder=encoder_without_gradient),
    "none reached idle": modality_with(build_encoder=encoder_with_idle_weight),
    "saved and loaded": modality_with(build_encoder=encoder_with_shared_weight),
    "rows outside training": column_with(fit=fit_on_all),
    "plain JSON": column_with(state=lambda self: {"means": np.array(self.means)}),
    "survives being restored": column_with(restore=lambda self, state: None),
    "nothing is invented": column_with(collate=collate_invented),
    "other rows of its table": column_with(read=read_relative),
    "plain features of a row": column_with(plain=plain_of_all),
    "leaves its input alone": modality_with(perturb=perturb_in_place),
    "given generator alone": modality_with(perturb=perturb_unseeded),
    "keeps the names": modality_with(perturb=lambda self, parts, generator: {"other": parts["numbers"]}),
    "only the values that it reports": modality_with(corrupt=corrupt_untold),
    "rate 0": modality_with(corrupt=corrupt_always),
    "names parts": modality_with(budget=lambda self: {"pixels": Budget("linf", 0.1, 0, 1)}),
    "radius": modality_with(budget=lambda self: {"numbers": Budget("linf", 0.0, -9, 9)}),
    "starts within": modality_with(budget=lambda self: {"numbers": Budget("linf", 0.1, 0.0, 0.1)}),
    "norm": modality_with(budget=lambda self: {"numbers": Budget("manhattan", 0.1, -9, 9)}),
    "as many rows": modality_with(example=lambda self, rows, seed: FakeModality.example(self, rows + 1, seed)),
    "another seed": modality_with(example=lambda self, rows, seed: FakeModality.example(self, rows, 0)),
}


def test_the_fake_keeps_its_contract():
    check_modality(FakeModality())


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_named(promise):
    with pytest.raises((ContractBroken, RuntimeError), match=promise):
        check_modality(BROKEN[promise])


def test_an_option_must_keep_its_name():
    class Forgetful(FakeModality):
        def __init__(self, columns=("first", "second"), bins: int = 3):
            super().__init__(columns)

    with pytest.raises(ContractBroken, match="option columns is annotated"):
        check_modality(Forgetful())
