"""A text comes back from the pieces of a language model, without its folder too; one that is too long is refused."""

import copy
import json
from pathlib import Path

import pytest
import torch

from polymodal.core import DataError, UsageProblem
from polymodal.data.bytepair import END, START
from polymodal.data.language_pieces import FIRST, LanguagePieces

WORDS = ["<end>", "<unknown>", "red", "ring"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tokeniser of four words, and weights that nobody reads."""
    tokenizers = pytest.importorskip("tokenizers", reason='needs the extra: pip install "polymodal[text]"')
    from safetensors.torch import save_file

    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: code for code, word in enumerate(WORDS)}, unk_token="<unknown>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_positions": 4, "vocab_size": 4}))
    save_file({"nothing": torch.zeros(1)}, tmp_path / "model.safetensors")
    return tmp_path


def test_texts_come_back_and_marks_do_not(folder: Path) -> None:
    pieces = LanguagePieces(str(folder))
    pieces.fit(["red ring"])
    assert pieces.encode("ring red") == [FIRST + 3, FIRST + 2]
    assert pieces.decode([START, FIRST + 3, FIRST + 2, END]) == "ring red"
    assert len(pieces) == FIRST + 4


def test_what_was_saved_needs_no_folder(folder: Path) -> None:
    pieces = LanguagePieces(str(folder))
    pieces.fit(["red"])
    again = LanguagePieces("nowhere")
    again.restore(json.loads(json.dumps(pieces.state())))
    assert again.encode("red ring") == pieces.encode("red ring")
    assert (pieces.restored, again.restored, copy.deepcopy(again).restored) == (False, True, True)
    assert copy.deepcopy(pieces).encode("ring") == pieces.encode("ring")


def test_a_text_that_the_model_has_no_places_for_is_refused(folder: Path) -> None:
    LanguagePieces(str(folder)).fit(["red red ring"])
    with pytest.raises(DataError, match="text-too-long"):
        LanguagePieces(str(folder)).fit(["red red ring ring"])


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageProblem, match="no-pretrained-model"):
        LanguagePieces("no-such-model").fit(["red"])
