"""Parts are built without knowing them, and their options are held to what a spec needs."""

from collections.abc import Sequence

import pytest

from polymodal.modalities import Image, Table
from polymodal.testing.making import check_options, make_part
from polymodal.testing.verdict import ContractBroken


class Good:
    def __init__(self, columns: Sequence[str], size: int = 3) -> None:
        self.columns, self.size = list(columns), size


class Forgetful:
    def __init__(self, size: int = 3) -> None:
        self.length = size


class Bare:
    def __init__(self, size=3) -> None:
        self.size = size


class Changing:
    def __init__(self, size: int = 3) -> None:
        self.size = size + 1


class Spread:
    def __init__(self, **options: int) -> None:
        self.options = options


class Needy:
    def __init__(self, secret: str) -> None:
        self.secret = secret


def test_columns_are_stood_in_for():
    assert make_part(Good).columns == ["first", "second"]
    assert make_part(Image).column == "first"
    check_options(make_part(Table))
    with pytest.raises(TypeError, match="Needy needs secret"):
        make_part(Needy)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Forgetful, "size is kept under its own name"),
        (Bare, "size is annotated"),
        (Changing, "size stays 4; it became 5"),
        (Spread, "every option has a name of its own"),
    ],
)
def test_options_that_could_not_be_written_down_are_found(kind: type, promise: str):
    check_options(Good(["a"]))
    with pytest.raises(ContractBroken, match=promise):
        check_options(kind())
