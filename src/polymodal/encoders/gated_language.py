"""A language model that stays as it is and learns to look: gated layers stand between its own (Flamingo)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polymodal.core import Tokens, UsageProblem
from polymodal.core.masking import attend, keep
from polymodal.core.shapes import RowAttentionMask, TokenMask, TokenValues
from polymodal.data.pretrained import PretrainedSource, missing_text_extra
from polymodal.encoders.decoder import CodeTable, at_rest, searched
from polymodal.encoders.dropout import Dropout
from polymodal.encoders.pretrained import quiet
from polymodal.encoders.transformer import TransformerBlock

__all__ = ["GatedBlock", "GatedLanguage", "Gpt2", "LanguageModel", "LanguageNet", "seen_media"]


class LanguageModel(nn.Module, ABC):
    """A causal model of texts as its parts, so that other layers can stand between them.

    `blocks` are called as block(values, mask, order), where `order` (length, length) says which place sees which;
    `width` is that of the values between them. `padding` is the code that fills a row up.
    """

    blocks: nn.ModuleList
    width: int
    padding: int = 0

    @abstractmethod
    def embed(self, codes: Tensor) -> Tensor:
        """Codes (n, length) → (n, length, width)."""

    @abstractmethod
    def decide(self, values: Tensor) -> Tensor:
        """(n, length, width) → logits (n, length, codes) of what follows each place."""

    def forward(self, codes: Tensor, mask: TokenMask) -> Tensor:
        """Codes (n, length) with their mask → logits (n, length, codes); zero if masked."""
        values, order = keep(self.embed(codes), mask), causal(codes)
        for block in self.blocks:
            values = block(values, mask, order)
        return keep(self.decide(values), mask)


class LanguageNet(LanguageModel):
    """A small language model of our own, to be trained on texts before it is frozen."""

    def __init__(self, width: int, codes: int, layers: int = 2, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.width = width
        self.table = CodeTable(codes, width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout=dropout, scale=1.0) for _ in range(layers))

    def embed(self, codes: Tensor) -> Tensor:
        """Codes (n, length) → (n, length, width)."""
        embedded: Tensor = self.dropout(self.table.embed(codes))
        return embedded

    def decide(self, values: Tensor) -> Tensor:
        """(n, length, width) → logits (n, length, codes)."""
        return self.table.decide(values)


class GatedBlock(nn.Module):
    """Looks at media, then a small net, each let in by a gate that is shut at first (Alayrac et al. 2022, fig. 4).

    y ← y + tanh(a) · attention(y, media), then y ← y + tanh(b) · feed(y), with a = b = 0 at the start. A place that
    sees no medium passes through unchanged, whatever was learned (in the paper the small net works there, too).
    """

    def __init__(self, width: int, media_width: int, heads: int = 4, expansion: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, found width {width} and {heads} heads")
        self.heads = heads
        self.query_norm, self.key_norm = nn.LayerNorm(width), nn.LayerNorm(media_width)
        self.ask = nn.Linear(width, width, bias=False)
        self.tell = nn.Linear(media_width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width, bias=False),
            nn.GELU(),
            nn.Linear(expansion * width, width, bias=False),
        )
        self.dropout = Dropout(dropout)
        self.attention_gate, self.feed_gate = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, values: TokenValues, media: Tokens, row_mask: RowAttentionMask) -> Tensor:
        """values (n, length, width), media (n, tokens, media width), who sees what (n, length, tokens) → as values."""
        seeing = row_mask.any(dim=2)
        values = values + torch.tanh(self.attention_gate) * keep(
            self.dropout(self._look(values, media, row_mask)), seeing
        )
        return values + torch.tanh(self.feed_gate) * keep(self.dropout(self.feed(values)), seeing)

    def _look(self, values: Tensor, media: Tokens, row_mask: Tensor) -> Tensor:
        known = self.tell(self.key_norm(keep(media.values, media.mask))).unflatten(-1, (2, self.heads, -1))
        keys, read = known.permute(2, 0, 3, 1, 4).unbind(0)
        asked = self.ask(self.query_norm(values)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        looked: Tensor = attend(asked, keys, read, media.mask, row_mask=row_mask)
        return self.out(looked.transpose(1, 2).flatten(-2))


class GatedLanguage(nn.Module):
    """A frozen language model with gated layers before every `every`-th of its blocks (Alayrac et al. 2022, 2.2).

    What it says at the start is what the frozen model says, to the last bit. The frozen weights ask for no gradient and
    the frozen model is never in training mode. With `last_only` a place sees only the last medium before it, as in the
    paper; otherwise all of them.
    """

    def __init__(
        self,
        language: LanguageModel,
        media_width: int,
        every: int = 1,
        heads: int = 4,
        dropout: float = 0.0,
        last_only: bool = False,
    ) -> None:
        super().__init__()
        self.language = language.requires_grad_(False).eval()
        self.every, self.last_only = every, last_only
        count = -(-len(language.blocks) // every)
        self.gated = nn.ModuleList(
            GatedBlock(language.width, media_width, heads, dropout=dropout) for _ in range(count)
        )

    def train(self, mode: bool = True) -> "GatedLanguage":
        """Training mode for the gated layers alone."""
        super().train(mode)
        self.language.eval()
        return self

    def forward(self, codes: Tensor, mask: TokenMask, media: Tokens, media_places: Tensor) -> Tensor:
        """Codes (n, length) → logits (n, length, codes) of what follows each; zero if masked.

        `media_places` (n, tokens) is the place in the text from which on each token of `media` may be seen; the tokens
        of one medium share it. Raises ValueError where it has another shape than the mask of the media.
        """
        values, order = keep(self.language.embed(codes), mask), causal(codes)
        row_mask = seen_media(codes.shape[1], media.mask, media_places, self.last_only)
        for place, block in enumerate(self.language.blocks):
            if place % self.every == 0:
                values = self.gated[place // self.every](values, media, row_mask)
            values = block(values, mask, order)
        return keep(self.language.decide(values), mask)

    def write(self, media: Tokens, texts: Tensor, end: int, longest: int, beams: int = 1) -> Tensor:
        """The most probable codes (n, longest) after the beginnings `texts` (n, places), up to and with `end`.

        All beginnings have the same number of places, and see the media from the first one on. What follows `end` is
        padding. See `searched`.
        """
        rows = torch.arange(len(texts), device=texts.device).repeat_interleave(beams)
        media = Tokens(media.values[rows], media.mask[rows])
        places = torch.zeros_like(media.mask, dtype=torch.int64)

        def advance(written: Tensor, _: Tensor) -> Tensor:
            everything = torch.ones_like(written, dtype=torch.bool)
            return self(written, everything, media, places)[:, -1]

        with at_rest(self):
            return searched(advance, texts[rows], end, longest, beams, self.language.padding)


class Gpt2(LanguageModel):
    """A pretrained language model of the GPT-2 family, as its parts (needs the extra "text")."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        body: Any = net.transformer
        self.width, self.padding, self.longest = body.config.n_embd, body.config.eos_token_id, body.config.n_positions
        self.words, self.places, self.norm = body.wte, body.wpe, body.ln_f
        self.blocks = nn.ModuleList(_Gpt2Block(block) for block in body.h)

    @classmethod
    def load(cls, name: str) -> "Gpt2":
        """The model in the folder or installed package `name`: safetensors only, no code from it.

        Raises UsageProblem where there is none, where it is of another family, and without the extra.
        """
        source = PretrainedSource.find(name)
        options = {"local_files_only": True, "use_safetensors": True, "dtype": torch.float32}
        family = _gpt2(source.config, str(source.folder))
        with quiet():
            return cls(family.from_pretrained(source.folder, **options))

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> "Gpt2":
        """The same model without weights, for a saved one to fill; `config` is what its config.json says."""
        net = _gpt2(config, "a saved language model")
        return cls(net(net.config_class.from_dict(dict(config))))

    def embed(self, codes: Tensor) -> Tensor:
        """Codes (n, length) → (n, length, width). Raises ValueError for more codes than the model has places for."""
        if codes.shape[1] > self.longest:
            raise ValueError(f"a text may have {self.longest} codes, found {codes.shape[1]}")
        embedded: Tensor = self.words(codes) + self.places(torch.arange(codes.shape[1], device=codes.device))
        return embedded

    def decide(self, values: Tensor) -> Tensor:
        """(n, length, width) → logits (n, length, codes), by the table that words are read with."""
        return F.linear(self.norm(values), self.words.weight)


def _gpt2(config: Mapping[str, Any], where: str) -> Any:
    """The class of the family. Raises UsageProblem for a model of another one."""
    family, tied = config.get("model_type"), config.get("tie_word_embeddings", True)
    if family != "gpt2" or not tied:
        raise UsageProblem(
            "other-language-model",
            where=where,
            expected='model_type "gpt2", with one table for reading and writing',
            found=f'model_type "{family}"' + ("" if tied else ", with two tables"),
            remedy="name a folder with a model of the GPT-2 family",
        )
    try:
        from transformers import GPT2LMHeadModel
    except ImportError as error:
        raise missing_text_extra() from error
    return GPT2LMHeadModel


class _Gpt2Block(nn.Module):
    """One block of GPT-2, told by masks which place sees which."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, values: Tensor, mask: Tensor, order: Tensor) -> Tensor:
        """(n, length, width) → the same shape."""
        itself = torch.eye(len(order), dtype=torch.bool, device=order.device)
        seen = (mask[:, None, None, :] & order) | itself
        barred = torch.zeros(seen.shape, dtype=values.dtype, device=values.device)
        made: Any = self.block(values, attention_mask=barred.masked_fill(~seen, torch.finfo(values.dtype).min))
        return made


def causal(codes: Tensor) -> Tensor:
    """(length, length) True where a place may see another: itself and those before it."""
    length = codes.shape[1]
    return torch.ones(length, length, dtype=torch.bool, device=codes.device).tril()


def seen_media(length: int, media_mask: Tensor, media_places: Tensor, last_only: bool = False) -> Tensor:
    """(n, length, tokens) True where a place of the text may see a token of the media: one that stands before it.

    With `last_only`, only the tokens of the last medium before it (Alayrac et al. 2022, section 2.3).
    """
    if media_places.shape != media_mask.shape:
        wanted, found = tuple(media_mask.shape), tuple(media_places.shape)
        raise ValueError(f"media_places must be (n, tokens) = {wanted}, found {found}")
    text = torch.arange(length, device=media_mask.device).view(1, -1, 1)
    places = media_places.unsqueeze(1)
    before = (places <= text) & media_mask.unsqueeze(1)
    if not last_only or not media_mask.shape[1]:
        return before
    nowhere = torch.iinfo(places.dtype).min
    return before & (places == torch.where(before, places, nowhere).amax(dim=2, keepdim=True))
