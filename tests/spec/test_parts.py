"""What a spec may say of a part is what its constructor takes."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError
from torch import nn

from polymodal.core import UsageProblem
from polymodal.spec.parts import BALANCERS, FUSIONS, MODALITIES, OBJECTIVES, TASKS, describe, options_of, snake_case

NEEDED = {
    "columns": ["a", "b"], "column": "a", "target": "t", "time": "t", "event": "e", "between": ["a", "b"], "of": "a",
    "member": "m", "described": ["a"],
}  # fmt: skip
EVERY = [(folder, name) for folder in (MODALITIES, TASKS, FUSIONS, OBJECTIVES, BALANCERS) for name in folder.parts()]


class Example:
    """One part. `layers` says how deep it goes."""

    def __init__(
        self,
        columns: Sequence[str],
        layers: int = 2,
        encoder: Literal["a", "b"] | Callable[[int], nn.Module] = "a",
        net: nn.Module | None = None,
        rate: Annotated[float, Field(ge=0, le=1, description="How often.")] = 0.5,
    ) -> None:
        self.columns, self.layers, self.encoder, self.net, self.rate = columns, layers, encoder, net, rate


def test_options_are_read_from_the_constructor():
    model = options_of(Example)
    assert list(model.model_fields) == ["type", "columns", "layers", "encoder", "rate"]
    assert model.model_fields["layers"].description == "`layers` says how deep it goes."
    assert model.model_fields["rate"].description == "How often."
    assert model(type="example", columns=["x"]).layers == 2
    for wrong in ({"rate": 2}, {"encoder": "c"}, {"columns": "x"}, {"layers": 1.5}, {"layers": True}, {"other": 1}):
        with pytest.raises(ValidationError):
            model(**{"type": "example", "columns": ["x"], **wrong})


def test_an_object_cannot_be_written_down():
    assert describe(Example(("x",)))["columns"] == ["x"]
    with pytest.raises(UsageProblem):
        describe(Example(["x"], encoder=nn.Linear))


@pytest.mark.parametrize(("folder", "name"), EVERY, ids=[name for _, name in EVERY])
def test_every_part_can_be_built_from_plain_data_and_written_down_again(folder, name):
    options = options_of(folder.parts()[name])
    given = {key: value for key, value in NEEDED.items() if key in options.model_fields}
    checked = options(type=name, **given)
    part = folder.parts()[name](**{key: getattr(checked, key) for key in checked.model_fields_set - {"type"}})
    written = describe(part)
    assert written["type"] == name
    again = options(**written)
    rebuilt = folder.parts()[name](**{key: getattr(again, key) for key in again.model_fields_set - {"type"}})
    assert describe(rebuilt) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [("Table", "table"), ("PatchTransformer", "patch_transformer"), ("MGDA", "mgda"), ("PCGrad", "pc_grad")],
)
def test_names(name, written):
    assert snake_case(name) == written


def test_what_is_experimental_says_so() -> None:
    told = {name: part.__doc__.endswith("Experimental.") for name, part in FUSIONS.options().items()}
    marks = {name: part.experimental for name, part in FUSIONS.parts().items()}
    assert told == marks
    assert set(marks.values()) == {True, False}
