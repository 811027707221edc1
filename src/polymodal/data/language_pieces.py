"""The pieces of a pretrained language model, counted so that ours and its own codes do not meet."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polymodal.core import DataError
from polymodal.data.bytepair import BREAK
from polymodal.data.pretrained import PretrainedSource, missing_text_extra

__all__ = ["FIRST", "LanguagePieces"]

FIRST = BREAK + 1
"""Our code of the model's piece 0; those below have the meanings that `bytepair` gives them."""


class LanguagePieces:
    """Texts to codes and back by the tokeniser in a model's folder; nothing is learned, and no mark is added.

    `model` is a folder or an installed package. The model's configuration is kept beside its tokeniser, so that a saved
    model needs neither.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.config: dict[str, Any] = {}
        self.description = ""
        self.restored = False

    def __len__(self) -> int:
        return FIRST + int(self.config["vocab_size"])

    def fit(self, texts: Iterable[str]) -> None:
        """Take over what the folder says.

        Raises UsageProblem without the folder or the extra, DataError for a text that is too long for the model.
        """
        source = PretrainedSource.find(self.model)
        self.config, self.description, self.restored = source.config, source.tokeniser, False
        self._open()
        places, longest = int(self.config.get("n_positions", 1024)), max(map(len, map(self.encode, texts)), default=0)
        if longest + 1 > places:
            raise DataError(
                "text-too-long",
                where=f'texts for the model "{self.model}"',
                expected=f"at most {places - 1} pieces, which is what it has places for",
                found=f"a training text of {longest}",
                remedy="shorten the texts, or name another model",
            )

    def encode(self, text: str) -> list[int]:
        """Codes of a text."""
        return [FIRST + code for code in self.tokeniser.encode(text, add_special_tokens=False).ids]

    def decode(self, codes: Sequence[int]) -> str:
        """The text of some codes; those that are no piece are left out."""
        return str(self.tokeniser.decode([code - FIRST for code in codes if code >= FIRST]))

    def state(self) -> dict[str, Any]:
        """The tokeniser and the shape of the model."""
        return {"config": self.config, "tokeniser": self.description}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them over."""
        self.config, self.description, self.restored = dict(state["config"]), str(state["tokeniser"]), True
        self._open()

    def _open(self) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise missing_text_extra() from error
        self.tokeniser = Tokenizer.from_str(self.description)
        self.tokeniser.no_padding()
        self.tokeniser.no_truncation()
