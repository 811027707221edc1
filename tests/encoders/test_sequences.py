"""Sequences of codes: any length, chunk by chunk, padding unseen."""

from typing import Literal

import pytest
import torch
import torch.nn.functional as F

from polymodal.encoders.recurrent import Recurrent
from polymodal.encoders.sequences import SequenceNet
from polymodal.encoders.transformer import Transformer


def net(pool: Literal["mean", "class", "attention"] | None, recurrent: bool = False, longest: int = 4) -> SequenceNet:
    torch.manual_seed(0)
    body = Recurrent(8) if recurrent else Transformer(8, 1, 2)
    return SequenceNet(30, 8, body, pool, longest).eval()


@pytest.mark.parametrize("pool", ["mean", "class", "attention", None])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("length", [1, 3, 4, 11])
def test_padded_equals_unpadded(
    pool: Literal["mean", "class", "attention"] | None, recurrent: bool, length: int
) -> None:
    encoder, codes = net(pool, recurrent), torch.randint(1, 30, (2, length))
    short, long = encoder(codes), encoder(F.pad(codes, (0, 9)))
    torch.testing.assert_close(long.values[long.mask], short.values[short.mask], atol=1e-5, rtol=0)
    assert short.values.shape[1] == 1 if pool else int(short.mask.sum()) == 2 * length


def test_a_text_of_several_chunks_is_their_mean() -> None:
    encoder, codes = net("mean"), torch.randint(1, 30, (1, 8))
    parts = [encoder(codes[:, :4]).values, encoder(codes[:, 4:]).values]
    torch.testing.assert_close(encoder(codes).values, sum(parts) / 2, atol=1e-6, rtol=0)


def test_all_tokens_keep_their_places() -> None:
    tokens = net(None)(torch.randint(1, 30, (1, 6)))
    assert tokens.positions is not None
    assert tokens.positions[0, tokens.mask[0], 0].tolist() == [0, 1, 2, 3, 4, 5]
