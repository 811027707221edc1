"""Texts: titles, notes, reviews, reports; of any length and in any script."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from polymodal.core import Tokens, UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.bytepair import BREAK, MASK, PADDING
from polymodal.data.forms import Form, GramForm, PieceForm
from polymodal.data.pretrained import PretrainedForm, PretrainedSource
from polymodal.data.textual import TextColumn
from polymodal.encoders.bag import Bag
from polymodal.encoders.pretrained import PretrainedNet, build_backbone, frozen_backbone, load_backbone
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.transformer import Transformer
from polymodal.modalities.base import Budget, Modality, Parts

__all__ = ["Text"]

Choice = Literal["bag", "transformer", "recurrent", "pretrained", "auto"]
SIZES = {"grams": 1 << 15, "pieces": 4096}
WORDS = ["soft", "warm", "cold", "quick", "slow", "kind", "dull", "fits", "breaks", "lasts", "très", "niemals", "很好"]


class Text(Modality):
    """Some columns of text, read together as one document.

    `encoder` is "bag" (words, word pairs and letter groups, weighted), "transformer" or "recurrent" (on word pieces
    learned from the training rows), "pretrained" (the model in the folder or installed package `model`, frozen unless
    `fine_tune`), "auto" (pretrained where a `model` is named, else bag), or a function of the fitted reader and the
    width that gives a module from the part "codes" (n, length) to Tokens. `vocabulary` is the number of n-grams
    (32,768) or pieces (4,096). `tokens` is "pooled" (one for a text) or "all" (one for each piece, where pieces are
    read). `pool` says how a text becomes one token. Texts of more than `longest` pieces are read in chunks. `drop` is
    the share of n-grams or pieces that a training step hides.
    """

    reader: TextColumn

    def __init__(
        self,
        columns: Annotated[Sequence[str], Field(min_length=1)],
        encoder: Choice | Callable[[Any, int], nn.Module] = "auto",
        model: str | None = None,
        fine_tune: bool = False,
        vocabulary: Annotated[int, Field(ge=1, le=2**22)] | None = None,
        layers: Annotated[int, Field(ge=1, le=64)] = 2,
        tokens: Literal["pooled", "all"] = "pooled",
        pool: Literal["mean", "class", "attention"] = "mean",
        longest: Annotated[int, Field(ge=8, le=2**16)] = 256,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        drop: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    ) -> None:
        self.columns, self.encoder, self.model, self.fine_tune = list(columns), encoder, model, fine_tune
        self.vocabulary, self.layers, self.tokens, self.pool = vocabulary, layers, tokens, pool
        self.longest, self.dropout, self.drop = longest, dropout, drop
        self.reader = TextColumn(self.columns, self._form())

    def _form(self) -> Form:
        kind, _ = self.chosen()
        if kind == "bag":
            return GramForm(len(self.columns), self.vocabulary or SIZES["grams"])
        if kind != "pretrained":
            return PieceForm(self.vocabulary or SIZES["pieces"])
        if self.model is None:
            raise UsageProblem(
                "no-pretrained-model",
                where=f"the text of {', '.join(self.columns)}",
                expected='model: a folder or an installed package, for the encoder "pretrained"',
                found="none",
                remedy="name one, or choose the encoder auto",
            )
        return PretrainedForm(self.model, self.longest)

    def chosen(self) -> tuple[str, str]:
        """Which encoder is built, and why in a sentence."""
        if callable(self.encoder):
            return "custom", "a function builds it"
        if self.encoder != "auto":
            return self.encoder, "the spec asks for it"
        if self.model is not None:
            return "pretrained", "the spec names a model"
        return "bag", "n-grams are the usual strong choice for the texts of a table; the other encoders can be named"

    def build_encoder(self, width: int) -> nn.Module:
        """A net for texts like those of the training rows."""
        if callable(self.encoder):
            return self.encoder(self.reader, width)
        form = self.reader.form
        if isinstance(form, GramForm):
            # Measured: the table of n-grams overfits below about 10,000 texts, where the main directions suffice.
            pace = min(1.0, (self.reader.training_rows / 10_000) ** 0.5)
            return BagEncoder(form, width, pace)
        if isinstance(form, PretrainedForm):
            return CodeEncoder(self._pretrained(form, width))
        if isinstance(form, PieceForm):
            return CodeEncoder(self._sequence(len(form.tokeniser), width))
        raise TypeError(f"no encoder for {type(form).__name__}")

    def _sequence(self, codes: int, width: int) -> SequenceNet:
        heads = next(count for count in (4, 2, 1) if width % count == 0)
        body = (
            Recurrent(width, self.layers, self.dropout)
            if self.encoder == "recurrent"
            else Transformer(width, self.layers, heads, dropout=self.dropout)
        )
        return SequenceNet(
            codes, width, body, self.pool if self.tokens == "pooled" else None, self.longest, self.dropout
        )

    def _pretrained(self, form: PretrainedForm, width: int) -> PretrainedNet:
        hidden = int(form.config["hidden_size"])
        if self.fine_tune and form.restored:
            return PretrainedNet(build_backbone(form.config), hidden, width, self.dropout)
        source = PretrainedSource.find(form.model)
        if self.fine_tune:
            return PretrainedNet(load_backbone(source, form.digest), hidden, width, self.dropout)
        return PretrainedNet(frozen_backbone(source.folder, form.digest), hidden, width, self.dropout)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Hide a share of the n-grams or pieces, each on its own; a pretrained model's codes stay."""
        if self.drop == 0.0 or isinstance(self.reader.form, PretrainedForm):
            return parts
        changed, _ = self.corrupt(parts, self.drop, generator)
        # What is left of a bag weighs more, so that sums stay what they were on average.
        return {**changed, "weights": changed["weights"] / (1.0 - self.drop)} if "weights" in changed else changed

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Take n-grams out, or write a mask over pieces; (n, places) True where something was hidden."""
        form, codes = self.reader.form, parts["grams"] if "grams" in parts else parts["codes"]
        flat = codes.flatten(1)
        drawn = torch.rand(flat.shape, generator=generator).to(flat.device) < rate
        if isinstance(form, GramForm):
            hidden = drawn & (flat >= 0)
            return {"grams": flat.masked_fill(hidden, -1), "weights": parts["weights"].masked_fill(hidden, 0.0)}, hidden
        if isinstance(form, PretrainedForm):
            special, mask = form.tokeniser.special, form.tokeniser.mask
            hidden = drawn & (flat >= 0)
        else:
            special, mask = [PADDING, BREAK], MASK
            hidden = drawn
        hidden &= ~torch.isin(flat, torch.tensor(special, dtype=flat.dtype, device=flat.device))
        return {"codes": flat.masked_fill(hidden, mask).view_as(codes)}, hidden

    def budget(self) -> dict[str, Budget]:
        """Nothing: letters cannot be moved by a small amount."""
        return {}

    def example(self, rows: int, seed: int) -> DataTable:
        """Short opinions in three languages; about one row in six has no text, some lack one of the columns."""
        draw = numpy_generator(seed, "text example")
        cells = {name: np.array([_sentence(draw) for _ in range(rows)], dtype=object) for name in self.columns}
        for column in cells.values():
            column[draw.random(rows) < 1 / 6] = ""
            if rows > 2:
                column[rows // 2] = ""
        return DataTable(pd.DataFrame(cells, dtype="str"), source="text example")


class BagEncoder(nn.Module):
    """Reads the parts "grams" and "weights"."""

    def __init__(self, form: GramForm, width: int, pace: float) -> None:
        super().__init__()
        self.bag = Bag(torch.from_numpy(form.basis), torch.from_numpy(form.centre), width, pace)

    def forward(self, parts: Parts) -> Tokens:
        """Parts (n, …) → Tokens (n, 1, width)."""
        tokens: Tokens = self.bag(parts["grams"], parts["weights"])
        return tokens


class CodeEncoder(nn.Module):
    """Reads the part "codes"."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, parts: Parts) -> Tokens:
        """Parts (n, …) → Tokens (n, tokens, width)."""
        tokens: Tokens = self.net(parts["codes"])
        return tokens


def _sentence(draw: np.random.Generator) -> str:
    """Four to nine words."""
    return " ".join(draw.choice(WORDS, size=int(draw.integers(4, 10))))
