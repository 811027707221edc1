"""A net that tells what stands where: only what is asked for counts, and what is not known is never learned."""

import pytest
import torch
import torch.nn.functional as F

from polymodal.core import Tokens, UsageProblem
from polymodal.encoders.telling import Teller, telling_loss
from polymodal.testing import fake_tokens

ROWS, NUMBERS, CODES, SIZE, CLASSES = 6, 3, 4, 2, 5


@pytest.fixture
def teller() -> Teller:
    return Teller(8, SIZE, CLASSES).eval()


@pytest.fixture
def truth() -> tuple[torch.Tensor, torch.Tensor]:
    numbers, codes = torch.randn(ROWS, NUMBERS, SIZE), torch.randint(CLASSES, (ROWS, CODES))
    numbers[0, 0, 1], numbers[1, 1] = torch.nan, torch.nan
    codes[2, 3] = -1
    return numbers, codes


def test_the_loss_is_that_of_the_formula(teller, truth):
    numbers, codes = truth
    heard = teller(fake_tokens(ROWS, 5, 8), NUMBERS + CODES)
    asked = torch.rand(ROWS, NUMBERS + CODES) < 0.6
    asked[0, 0] = asked[1, 1] = asked[2, NUMBERS + 3] = True
    expected = []
    for row in range(ROWS):
        for place in range(NUMBERS):
            known = ~numbers[row, place].isnan()
            if asked[row, place] and known.any():
                told = teller.numbers(heard[row, place])
                expected.append((told - numbers[row, place])[known].square().mean())
        for place in range(CODES):
            if asked[row, NUMBERS + place] and codes[row, place] >= 0:
                logits = teller.codes(heard[row, NUMBERS + place])
                expected.append(F.cross_entropy(logits, codes[row, place]))
    torch.testing.assert_close(telling_loss(teller, heard, numbers, codes, asked), torch.stack(expected).mean())


def test_what_is_not_asked_for_changes_nothing_bit_for_bit(teller, truth):
    numbers, codes = truth
    heard = teller(fake_tokens(ROWS, 5, 8), NUMBERS + CODES).detach().requires_grad_()
    asked = torch.rand(ROWS, NUMBERS + CODES) < 0.5
    loss = telling_loss(teller, heard, numbers, codes, asked)
    others = torch.where(asked[:, :NUMBERS, None], numbers, 1e6 * torch.rand_like(numbers))
    strange = torch.where(asked[:, NUMBERS:], codes, (codes + 1) % CLASSES)
    assert torch.equal(telling_loss(teller, heard, others, strange, asked), loss)
    loss.backward()
    assert (heard.grad[~asked] == 0).all()
    assert torch.isfinite(heard.grad).all()


def test_where_nothing_is_asked_for_or_known_there_is_no_loss(teller, truth):
    numbers, codes = truth
    heard = teller(fake_tokens(ROWS, 5, 8), NUMBERS + CODES)
    every = torch.ones(ROWS, NUMBERS + CODES, dtype=torch.bool)
    assert telling_loss(teller, heard, numbers, codes, ~every) is None
    unknown = torch.full_like(numbers, torch.nan), torch.full_like(codes, -1)
    assert telling_loss(teller, heard, *unknown, every) is None
    assert telling_loss(teller, heard[:, :0], numbers[:, :0], codes[:, :0], every[:, :0]) is None


def test_a_place_is_told_by_the_tokens_of_its_row_alone(teller):
    tokens = fake_tokens(ROWS, 5, 8)
    heard = teller(tokens, 4)
    assert torch.isfinite(heard).all()
    assert not torch.allclose(heard[0, 0], heard[0, 1])
    hidden = Tokens(torch.where(tokens.mask.unsqueeze(-1), tokens.values, torch.nan), tokens.mask)
    assert torch.equal(teller(hidden, 4), heard)
    alone = tokens.gather(torch.tensor([2]))
    torch.testing.assert_close(teller(alone, 4), heard[2:3])


def test_a_token_of_its_own_is_seen_where_there_is_one_for_each_place(teller):
    tokens, own = fake_tokens(ROWS, 5, 8), fake_tokens(ROWS, 4, 8, seed=3)
    heard = teller(tokens, 4)
    near = teller(tokens, 4, own)
    assert torch.equal(near[~own.mask], heard[~own.mask])
    assert not torch.isclose(near[own.mask], heard[own.mask]).all(dim=1).any()
    assert torch.equal(teller(tokens, 3, own), teller(tokens, 3))


@pytest.mark.parametrize(("size", "classes"), [(2, 0), (0, 5)])
def test_what_cannot_be_told_has_no_weights(size: int, classes: int):
    teller = Teller(6, size, classes)
    names = {name.partition(".")[0] for name, _ in teller.named_parameters()}
    assert ("numbers" in names, "codes" in names) == (size > 0, classes > 0)
    if not size:
        with pytest.raises(TypeError, match="no numbers"):
            teller.told(torch.zeros(1, 6))


def test_an_odd_width_is_no_hindrance():
    assert Teller(7, 1, 0)(fake_tokens(3, 2, 7), 5).shape == (3, 5, 7)


def test_without_layers_a_place_is_told_by_its_own_token_alone():
    teller = Teller(8, SIZE, 0, layers=0).eval()
    tokens = fake_tokens(ROWS, NUMBERS, 8)
    heard = teller(tokens, NUMBERS, tokens)
    changed = Tokens(torch.cat([tokens.values[:, :1] + 1, tokens.values[:, 1:]], 1), tokens.mask)
    assert torch.equal(teller(changed, NUMBERS, changed)[:, 1:], heard[:, 1:])
    assert not torch.equal(teller(changed, NUMBERS, changed)[:, 0][tokens.mask[:, 0]], heard[:, 0][tokens.mask[:, 0]])
    with pytest.raises(UsageProblem, match="no-token-for-each-place"):
        teller(tokens, NUMBERS + 1, tokens)
