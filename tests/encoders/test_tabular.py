"""What a cell lacks is left out, and no cell that is missing can be told from another that is."""

import pytest
import torch

from polymodal.encoders.tabular import ColumnTransformer, PiecewiseLinear, TabularMlp

SIZES = [4, 3]


def parts(rows: int = 6, columns: int = 3) -> dict[str, torch.Tensor]:
    codes = torch.stack([torch.randint(0, size, (rows,)) for size in SIZES], dim=1)
    return {"numbers": torch.randn(rows, columns), "codes": codes}


@pytest.fixture(params=[TabularMlp, ColumnTransformer])
def net(request: pytest.FixtureRequest) -> torch.nn.Module:
    return request.param(3, SIZES, width=8, bins=5).eval()


def test_piecewise_progress_goes_from_nothing_to_everything():
    pieces = PiecewiseLinear(6)
    made = pieces(torch.tensor([[-9.0], [0.0], [9.0], [float("nan")]]))[:, 0]
    assert made[0].tolist() == [0.0] * 6
    assert made[1].tolist() == [1.0] * 3 + [0.0] * 3
    assert made[2].tolist() == [1.0] * 6
    assert made[3].tolist() == [0.0] * 6
    rising = pieces(torch.linspace(-4, 4, 50).unsqueeze(1)).sum(dim=-1)[:, 0]
    assert (rising.diff() >= 0).all()


def test_the_net_reads_every_cell(net: torch.nn.Module):
    given = parts()
    given["codes"].clamp_(min=1)
    made = net(given).values
    for column in range(3):
        changed = given["numbers"].clone()
        changed[:, column] += 1
        assert not torch.equal(net(given | {"numbers": changed}).values, made)
    for column, size in enumerate(SIZES):
        changed = given["codes"].clone()
        changed[:, column] = changed[:, column] % (size - 1) + 1
        assert not torch.equal(net(given | {"codes": changed}).values, made)


def test_codes_of_two_columns_do_not_share_vectors(net: torch.nn.Module):
    given = parts(2)
    given["numbers"][:] = 0
    given["codes"] = torch.tensor([[1, 2], [2, 1]])
    made = net(given).values
    assert not torch.equal(made[0], made[1])


def test_what_training_never_showed_says_nothing():
    """In a column that was complete, a first missing cell is no random vector: it reads like the middle."""
    net = TabularMlp(3, SIZES, width=8, bins=0).eval()
    given = parts()
    middle, missing = given["numbers"].clone(), given["numbers"].clone()
    middle[:, 1], missing[:, 1] = 0.0, float("nan")
    assert torch.equal(net(given | {"numbers": middle}).values, net(given | {"numbers": missing}).values)
    none, unknown = torch.zeros_like(given["codes"]), torch.ones_like(given["codes"])
    assert torch.equal(net(given | {"codes": none}).values, net(given | {"codes": unknown}).values)
    for column, size in enumerate(SIZES):
        assert not net.codes.weight[net.offsets[column] : net.offsets[column] + 2].any()
        assert net.codes.weight[net.offsets[column] + 2 : net.offsets[column] + size].all()


def test_missing_numbers_give_finite_values_and_gradients(net: torch.nn.Module):
    given = parts()
    given["numbers"][1:4, 1] = float("nan")
    given["numbers"][5] = float("nan")
    tokens = net(given)
    assert torch.isfinite(tokens.values).all()
    tokens.values.square().sum().backward()
    assert all(weight.grad is None or torch.isfinite(weight.grad).all() for weight in net.parameters())


def test_missing_is_not_zero(net: torch.nn.Module):
    given = parts()
    zero, gone = given["numbers"].clone(), given["numbers"].clone()
    zero[:, 0], gone[:, 0] = 0.0, float("nan")
    assert not torch.allclose(net(given | {"numbers": zero}).values, net(given | {"numbers": gone}).values)


def test_tokens_of_the_transformer_are_columns():
    net, given = ColumnTransformer(3, SIZES, width=8).eval(), parts()
    given["numbers"][0, 1] = float("nan")
    given["codes"][0] = torch.tensor([0, 1])
    tokens = net(given)
    assert tokens.values.shape == (6, 5, 8)
    assert tokens.mask[0].tolist() == [True, False, True, False, True]


@pytest.mark.parametrize(("numbers", "sizes"), [(0, [4]), (2, [])])
@pytest.mark.parametrize("kind", [TabularMlp, ColumnTransformer])
def test_numbers_alone_and_categories_alone(kind: type, numbers: int, sizes: list[int], dtype: torch.dtype):
    net = kind(numbers, sizes, width=8).to(dtype)
    given = {"numbers": torch.randn(4, numbers), "codes": torch.ones(4, len(sizes), dtype=torch.int64)}
    tokens = net(given)
    assert tokens.values.dtype == dtype
    assert tokens.present.all()


def test_rows_do_not_depend_on_their_neighbours(net: torch.nn.Module):
    given = parts(5)
    whole = net(given).values
    for row in range(5):
        alone = net({name: part[row : row + 1] for name, part in given.items()}).values
        torch.testing.assert_close(alone[0], whole[row], atol=1e-5, rtol=0)
