"""A pretrained language model as an encoder: frozen, its vectors remembered, or fine-tuned with the rest."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from polymodal.core import DamagedError, Tokens
from polymodal.core.masking import keep, masked_mean
from polymodal.data.pretrained import PretrainedSource, missing_text_extra
from polymodal.data.sets.places import cache_folder
from polymodal.encoders.mlp import ResidualBlock
from polymodal.encoders.remembered import Remembered

__all__ = ["Frozen", "PretrainedNet", "build_backbone", "frozen_backbone", "load_backbone", "quiet"]

REMEMBERED = 256 * 2**20
"""Bytes of vectors that a frozen model keeps at hand."""


def load_backbone(source: PretrainedSource, digest: str = "") -> nn.Module:
    """The pretrained net with its weights: this machine's files only, safetensors only, no code from the folder.

    Raises DamagedError where a `digest` is given and the weights are others, UsageProblem without the extra.
    """
    if digest and source.digest() != digest:
        raise DamagedError(
            "other-pretrained-weights",
            where=str(source.folder),
            expected=f"weights with sha256 {digest}",
            found="other weights",
            remedy="install the version of the model that this one was trained with",
        )
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise missing_text_extra() from error
    with quiet():
        loaded = AutoModel.from_pretrained(
            source.folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
    return _without_pooler(loaded).eval()


def build_backbone(config: Mapping[str, Any]) -> nn.Module:
    """The same net without weights, for a saved model to fill. Raises UsageProblem without the extra."""
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise missing_text_extra() from error
    options = {name: value for name, value in config.items() if name not in ("auto_map", "model_type")}
    described = AutoConfig.for_model(config["model_type"], **options)
    return _without_pooler(AutoModel.from_config(described, trust_remote_code=False))


class Frozen:
    """A pretrained net that never changes, and the vectors that it gave so far.

    Each distinct chunk is read once, on its own, so that its vector depends on nothing else. All models of a process
    share one (copies are the same object); it is no part of any model's weights. What is `remembered` on disk is not
    made again by the next process.
    """

    def __init__(self, net: nn.Module, remembered: Remembered | None = None) -> None:
        self.net = net.requires_grad_(False).eval()
        self.known: dict[bytes, Tensor] = {}
        self.remembered = remembered

    def __deepcopy__(self, memo: dict[int, Any]) -> "Frozen":
        return self

    def recall(self, codes: Tensor, real: Tensor) -> Tensor:
        """Codes (chunks, length) to vectors (chunks, hidden), from memory where they were seen before."""
        chunks = [row[mask] for row, mask in zip(codes.cpu(), real.cpu(), strict=True)]
        keys = [hashlib.blake2b(chunk.numpy().tobytes(), digest_size=16).digest() for chunk in chunks]
        found = {key: self.known[key] for key in keys if key in self.known}
        strange = {key: chunk for key, chunk in zip(keys, chunks, strict=True) if key not in found}
        kept = self.remembered.find(strange) if self.remembered is not None else {}
        made = {key: self.look(chunk, codes.device) for key, chunk in strange.items() if key not in kept}
        if self.remembered is not None:
            self.remembered.keep(made)
        for key, vector in (kept | made).items():
            if len(self.known) * vector.nbytes < REMEMBERED:
                self.known[key] = vector
        found |= kept | made
        return torch.stack([found[key] for key in keys]).to(codes.device)

    def look(self, chunk: Tensor, device: torch.device) -> Tensor:
        """The mean over one chunk (length,), on the CPU."""
        net = self.net.to(device)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            states = net(input_ids=chunk.unsqueeze(0).to(device)).last_hidden_state
        return states[0].mean(dim=0).cpu()


@lru_cache(maxsize=2)
def frozen_backbone(folder: Path, digest: str, on_disk: bool = True) -> Frozen:
    """The frozen net of a folder; loaded once in a process. What it makes is kept in the user's cache if `on_disk`.

    Vectors are kept apart by the weights, by the version of torch, and by the kind of device.
    """
    source = PretrainedSource(folder)
    net = load_backbone(source, digest)
    if not on_disk:
        return Frozen(net)
    place = f"{source.digest()[:32]}-{torch.__version__}-{'cuda' if torch.cuda.is_available() else 'cpu'}.sqlite"
    return Frozen(net, Remembered(cache_folder() / "frozen" / place))


class PretrainedNet(nn.Module):
    """Codes in chunks (n, chunks, length), -1 = none, to one token: the mean over codes, then a small net.

    A net that is given as a module is fine-tuned and saved with the rest; a `Frozen` one stays what its folder holds.
    """

    def __init__(self, backbone: nn.Module | Frozen, hidden: int, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.backbone = backbone
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.view = nn.Linear(hidden, width)
        self.block = ResidualBlock(width, dropout=dropout)

    def forward(self, codes: Tensor) -> Tokens:
        """(n, chunks, length) int64 → Tokens (n, 1, width)."""
        real = codes >= 0
        used = real.any(dim=2)
        vectors = self.look(codes[used], real[used]).to(self.view.weight.dtype)
        laid = vectors.new_zeros(*used.shape, vectors.shape[-1]).masked_scatter(used.unsqueeze(-1), vectors)
        present = used.any(dim=1, keepdim=True)
        values = self.block(self.view(self.norm(masked_mean(laid, used)))).unsqueeze(1)
        return Tokens(keep(values, present), present)

    def look(self, codes: Tensor, real: Tensor) -> Tensor:
        """Codes (chunks, length) to vectors (chunks, hidden)."""
        if isinstance(self.backbone, Frozen):
            return self.backbone.recall(codes, real)
        states = self.backbone(input_ids=codes.clamp(min=0), attention_mask=real.long()).last_hidden_state
        return masked_mean(states, real)


def _without_pooler(net: nn.Module) -> nn.Module:
    """Leave the layers behind the last hidden state, which is all that is read, out of training."""
    for name, weight in net.named_parameters():
        if name.startswith("pooler."):
            weight.requires_grad_(False)
    return net


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of the library, which would spoil what goes to the terminal."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
