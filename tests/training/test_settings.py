"""What is set stays set, what is left open is filled with what may be written, and what may not be is refused."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from polymodal.core import UsageProblem
from polymodal.data.samples import Samples
from polymodal.training import Settings
from polymodal.training.batches import Plan

CHECKED = TypeAdapter(Settings)
OPEN = ("epochs", "batch_size", "patience", "members")
ROWS = st.integers(1, 10_000_000)


@given(rows=ROWS)
def test_what_is_left_open_is_filled_within_what_may_be_written(rows: int) -> None:
    made = Settings().resolved(rows)
    assert all(isinstance(getattr(made, name), int) for name in OPEN)
    assert CHECKED.validate_python(asdict(made)) == made


@given(rows=ROWS, name=st.sampled_from(OPEN), value=st.integers(1, 100))
def test_what_is_set_stays_whatever_the_rows(rows: int, name: str, value: int) -> None:
    given_settings = replace(Settings(), **{name: value})
    assert getattr(given_settings.resolved(rows), name) == value
    assert getattr(given_settings, name) == value


@given(rows=ROWS, others=ROWS)
def test_settings_that_leave_nothing_open_are_not_chosen_again(rows: int, others: int) -> None:
    made = Settings().resolved(rows)
    assert made.resolved(others) == made


@given(rows=ROWS)
def test_only_what_was_open_is_filled(rows: int) -> None:
    asked = Settings(lr=0.5, clip=3.0, averaging=0.0, modality_dropout=0.0, seed=7, time_limit=9.0, workers=3)
    made = asdict(asked.resolved(rows))
    assert {name: value for name, value in made.items() if name not in OPEN} == {
        name: value for name, value in asdict(asked).items() if name not in OPEN
    }


@given(rows=st.integers(1, 500), batch_size=st.none() | st.integers(1, 600))
def test_an_epoch_has_as_many_steps_as_the_plan_has_batches(rows: int, batch_size: int | None) -> None:
    settings = Settings(batch_size=batch_size)
    plan = Plan(Samples({}, {}, rows), np.arange(rows), settings.batch_size or rows, seed=0)
    assert settings.steps_per_epoch(rows) == plan.per_epoch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 0), ("patience", -1), ("members", 0), ("members", 101), ("workers", -1),
        ("lr", 0.0), ("lr", -1e-3), ("lr", float("nan")), ("weight_decay", -0.1), ("clip", 0.0), ("seed", -1),
        ("warmup", 1.0), ("warmup", -0.1), ("averaging", 1.0), ("modality_dropout", 1.01), ("modality_dropout", -0.01),
        ("time_limit", 0.0), ("checkpoint_seconds", -1.0), ("precision", "16"), ("gramian_at", "heads"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_with_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageProblem, match=rf"Settings\({name}=\.\.\.\): bad-setting"):
        Settings(**{name: value})
    with pytest.raises(ValidationError) as caught:
        CHECKED.validate_python({name: value})
    assert [problem["loc"][0] for problem in caught.value.errors()] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_decay", 0.0), ("warmup", 0.0), ("averaging", 0.0), ("modality_dropout", 0.0),
        ("modality_dropout", 1.0), ("checkpoint_seconds", 0.0), ("seed", 0), ("workers", 0), ("members", 1),
        ("epochs", 1), ("time_limit", None),
    ],
)  # fmt: skip
def test_the_ends_of_each_range_may_be_written(name: str, value: object) -> None:
    assert getattr(CHECKED.validate_python({name: value}), name) == value


@pytest.mark.parametrize(("rows", "batch"), [(20, 16), (100, 16), (400, 64), (1_207, 256), (1_000_000, 256)])
def test_what_tells_rows_apart_has_many_of_them_in_a_step(rows: int, batch: int) -> None:
    usual = Settings().resolved(rows).batch_size
    assert Settings().resolved(rows, contrasts=True).batch_size == max(batch, usual or 0)
    assert Settings(batch_size=8).resolved(rows, contrasts=True).batch_size == 8
