"""A small pretrained text model, made here: a BERT of one layer with random weights and a tokeniser of letters."""

from pathlib import Path

import pytest
import torch

__all__ = ["tiny_bert"]

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_bert(place: Path, letters: str, places: int) -> Path:
    """Write one that reads these letters, and texts of so many codes; skips where the extra is not installed."""
    transformers = pytest.importorskip("transformers", reason='needs the extra: pip install "polymodal[text]"')
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = [*MARKS, *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({piece: code for code, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(MARKS)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(
        vocab_size=len(pieces), max_position_embeddings=places, hidden_dropout_prob=0.0, **sizes
    )
    transformers.BertModel(config).save_pretrained(place)
    tokenizer.save(str(place / "tokenizer.json"))
    return place
