"""Hide a part of what is there, and have it told from the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, cast

import torch
from pydantic import Field, PositiveFloat
from torch import Generator, Tensor, nn

from polymodal.core import Batch, Representation, Tokens, Values
from polymodal.encoders.telling import Teller, telling_loss
from polymodal.modalities.base import Content, Modality
from polymodal.model import Model
from polymodal.objectives.base import Objective, chosen_parts
from polymodal.tasks.base import Task

__all__ = ["Masked", "drawn_generator", "laid_out", "read_tokens"]


class Masked(Objective):
    """Hide some of each modality's content and tell it from what is left, of this modality and of the others.

    Pieces of text are masked as in masked language modelling (Devlin et al. 2019, section 3.1), patches of pictures and
    stretches of sounds and signals as in masked autoencoders (He et al. 2022), cells of a table as missing cells.
    `modalities` are the ones to hide in (None: all), `rate` is the share that is hidden. What was hidden is asked of
    all tokens in `layers` of attention; with 0 of the token at that place alone, where there is one for each place, as
    for spots that hear their neighbours. The loss is taken at hidden places alone.
    """

    def __init__(
        self,
        modalities: Annotated[Sequence[str], Field(min_length=1)] | None = None,
        rate: Annotated[float, Field(gt=0, lt=1)] = 0.3,
        layers: Annotated[int, Field(ge=0)] = 1,
        weight: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.modalities, self.rate, self.layers, self.weight = modalities, rate, layers, weight

    def chosen(self, modalities: Mapping[str, Modality], tasks: Mapping[str, Task]) -> list[str]:
        """The modalities to hide in."""
        return chosen_parts(self.modalities, list(modalities), "masked")

    def build(self, model: Model) -> None:
        """A net for each modality that tells what was hidden in it."""
        self.names = self.chosen(model.modalities, model.tasks)
        self.tellers = nn.ModuleDict(
            {name: Teller(model.width, *model.modalities[name].content_size(), self.layers) for name in self.names}
        )

    @property
    def parts(self) -> Sequence[str]:
        """A loss for each modality."""
        return self.names

    def losses(self, model: Model, batch: Batch, representation: Representation) -> dict[str, Tensor]:
        """The loss of each modality in which something was hidden."""
        generator, inputs, wanted = drawn_generator(), dict(batch.inputs), {}
        for name in self.names:
            values = batch.inputs[name]
            if values.present.any():
                parts, content, hidden = model.modalities[name].conceal(values.data, self.rate, generator)
                inputs[name], wanted[name] = Values(parts, values.index), (content, hidden)
        if not wanted:
            return {}
        fused = model.represent(replace(batch, inputs=inputs)).tokens
        seen, found = read_tokens(fused), {}
        for name, (content, hidden) in wanted.items():
            here = laid_out(content, hidden, batch.inputs[name].index)
            teller = cast(Teller, self.tellers[name])
            loss = telling_loss(teller, teller(seen, content.places, fused[name]), *here)
            if loss is not None:
                found[name] = loss
        return found


def drawn_generator() -> Generator:
    """A generator whose seed comes from PyTorch's own, which training sets for every step."""
    return Generator().manual_seed(int(torch.randint(2**62, ())))


def read_tokens(tokens: Mapping[str, Tokens]) -> Tokens:
    """The tokens of all modalities of a row, one after the other, without positions."""
    parts = [tokens[name] for name in sorted(tokens)]
    return Tokens(torch.cat([part.values for part in parts], 1), torch.cat([part.mask for part in parts], 1))


def laid_out(content: Content, asked: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers, codes and what is asked for, of the distinct values, laid out by row; rows without one ask nothing."""
    place = index.clamp(min=0)
    return content.numbers[place], content.codes[place], asked[place] & (index >= 0).unsqueeze(1)
