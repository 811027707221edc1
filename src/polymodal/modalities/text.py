"""Texts: titles, notes, reviews, reports; of any length and in any script."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor, nn

from polymodal.core import Tokens, UsageProblem
from polymodal.core.seeding import numpy_generator
from polymodal.data.base import DataTable
from polymodal.data.bytepair import BREAK, END, MASK, PADDING, START
from polymodal.data.forms import Form, GramForm, PieceForm
from polymodal.data.pretrained import PretrainedForm, PretrainedSource
from polymodal.data.textual import TextColumn
from polymodal.encoders.bag import Bag
from polymodal.encoders.pretrained import PretrainedNet, build_backbone, frozen_backbone, load_backbone
from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.transformer import Transformer
from polymodal.modalities.base import Budget, Content, Modality, Parts

__all__ = ["Text"]

Choice = Literal["bag", "transformer", "recurrent", "pretrained", "auto"]
MIXTURES = 64
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
    the share of n-grams or pieces that a training step hides. Without `directions` a bag is read n-gram by n-gram, and
    not also by the main directions in which texts differ: better for search, worse for a few classes. What a frozen
    model makes of a text is kept for the next run, in the user's own cache folder, or with `remember` "memory" for this
    process alone.
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
        remember: Literal["disk", "memory"] = "disk",
        directions: bool = True,
    ) -> None:
        self.columns, self.encoder, self.model, self.fine_tune = list(columns), encoder, model, fine_tune
        self.vocabulary, self.layers, self.tokens, self.pool = vocabulary, layers, tokens, pool
        self.longest, self.dropout, self.drop = longest, dropout, drop
        self.remember, self.directions = remember, directions
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
            return BagEncoder(form, width, pace, self.directions)
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
        frozen = frozen_backbone(source.folder, form.digest, self.remember == "disk")
        return PretrainedNet(frozen, hidden, width, self.dropout)

    def perturb(self, parts: Parts, generator: Generator) -> Parts:
        """Hide a share of the n-grams or pieces, each on its own; a pretrained model's codes stay."""
        if self.drop == 0.0 or isinstance(self.reader.form, PretrainedForm):
            return parts
        changed, _ = self.corrupt(parts, self.drop, generator)
        # What is left of a bag weighs more, so that sums stay what they were on average.
        return {**changed, "weights": changed["weights"] / (1.0 - self.drop)} if "weights" in changed else changed

    def corrupt(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Tensor]:
        """Take n-grams out, or write a mask over pieces; (n, places) True where something was hidden."""
        if "grams" in parts:
            grams = parts["grams"]
            hidden = (torch.rand(grams.shape, generator=generator).to(grams.device) < rate) & (grams >= 0)
            shown = parts["weights"].masked_fill(hidden, 0.0)
            return {"grams": grams.masked_fill(hidden, -1), "weights": shown}, hidden
        codes, told = parts["codes"], self._told(parts["codes"])
        hidden = (torch.rand(told.shape, generator=generator).to(told.device) < rate) & (told >= 0)
        return {"codes": codes.flatten(1).masked_fill(hidden, self._mask()).view_as(codes)}, hidden

    def conceal(self, parts: Parts, rate: float, generator: Generator) -> tuple[Parts, Content, Tensor]:
        """Hide pieces as masked language modelling does, or n-grams of a bag (Devlin et al. 2019, section 3.1).

        Of ten pieces that are to be told, eight are hidden, one is another piece, and one stays. Of a bag of which
        something was taken out, the whole is to be told.
        """
        changed, hidden = self.corrupt(parts, rate, generator)
        content = self.content(parts)
        if "grams" in parts:
            return changed, content, hidden.any(dim=1, keepdim=True)
        codes, every = parts["codes"].flatten(1), torch.arange(self.content_size()[1]).unsqueeze(0)
        words = every[self._told(every) >= 0]
        dice = torch.rand(codes.shape, generator=generator).to(codes.device)
        others = words[torch.randint(max(len(words), 1), codes.shape, generator=generator)].to(codes)
        shown = torch.where(dice < 0.8, changed["codes"].flatten(1), torch.where(dice < 0.9, others, codes))
        shown = torch.where(hidden, shown, codes)
        return {"codes": shown.view_as(parts["codes"])}, content, hidden

    def content(self, parts: Parts) -> Content:
        """The pieces in their order; of a bag, 64 mixtures of all its n-grams."""
        if "grams" not in parts:
            told = self._told(parts["codes"])
            return Content(torch.zeros(len(told), 0, 1, device=told.device), told)
        grams, weights = parts["grams"], parts["weights"]
        distinct, place = grams.unique(return_inverse=True)
        mixed = F.embedding_bag(place, _signs(distinct).to(weights), per_sample_weights=weights, mode="sum")
        known = (grams >= 0).any(dim=1, keepdim=True)
        none = torch.zeros(len(grams), 0, dtype=torch.long, device=grams.device)
        return Content(torch.where(known, mixed, torch.nan).unsqueeze(1), none)

    def content_size(self) -> tuple[int, int]:
        """Of pieces, the number of codes; of a bag, the number of mixtures."""
        form = self.reader.form
        if isinstance(form, GramForm):
            return MIXTURES, 0
        if isinstance(form, PretrainedForm):
            return 0, int(form.config["vocab_size"])
        return 0, len(form.tokeniser) if isinstance(form, PieceForm) else 0

    def _mask(self) -> int:
        """The code that hides another."""
        form = self.reader.form
        return form.tokeniser.mask if isinstance(form, PretrainedForm) else MASK

    def _told(self, codes: Tensor) -> Tensor:
        """(n, places) codes, with -1 where there is none, or a mark and no text."""
        form, flat = self.reader.form, codes.flatten(1).long()
        special = form.tokeniser.special if isinstance(form, PretrainedForm) else [PADDING, MASK, START, END, BREAK]
        return torch.where(torch.isin(flat, torch.tensor(special, device=flat.device)), -1, flat)

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

    def __init__(self, form: GramForm, width: int, pace: float, directions: bool = True) -> None:
        super().__init__()
        rank = len(form.centre) if directions else 0
        self.bag = Bag(torch.from_numpy(form.basis[:, :rank]), torch.from_numpy(form.centre[:rank]), width, pace)

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


def _signs(grams: Tensor) -> Tensor:
    """(k, 64) of 1 and -1, as good as drawn for each n-gram: the bits of a hash (SplitMix: Steele et al. 2014).

    Random signs keep distances as well as normal numbers do (Achlioptas 2003).
    """
    mixed = grams * -0x61C8864680B583EB
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        mixed = (mixed ^ (mixed >> shift & (1 << 64 - shift) - 1)) * factor
    mixed = mixed ^ (mixed >> 31 & (1 << 33) - 1)
    return 2 * (mixed.unsqueeze(1) >> torch.arange(MIXTURES, device=grams.device) & 1) - 1


def _sentence(draw: np.random.Generator) -> str:
    """Four to nine words."""
    return " ".join(draw.choice(WORDS, size=int(draw.integers(4, 10))))
