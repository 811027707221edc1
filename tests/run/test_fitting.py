"""Readers learn from no test row, members from rows of their own, and each is told apart in what is reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polymodal import run
from polymodal.core import DataError
from polymodal.data.base import DataTable, Rows
from polymodal.data.cells import parse_labels
from polymodal.model import Model
from polymodal.run import fitting
from polymodal.run.division import Division
from polymodal.run.fitting import Fitted, Watch, fit_parts
from polymodal.run.starting import Start
from polymodal.run.tables import divide, open_source
from polymodal.spec import Parts, Spec
from polymodal.training import Settings
from tests.run.small import cohort, spec

GARBAGE = {
    "age": 1e6,
    "dose": -1e6,
    "drug": "opium",
    "note": "zebra quagga",
    "sick": "yes",
    "score": 1e7,
    "signs": "itch",
}


@dataclass(frozen=True)
class Asked:
    """What one member was trained with."""

    model: Model
    rows: Mapping[str, Rows]
    settings: Settings
    balancer: object
    folder: Path | None


@dataclass(frozen=True)
class Ready:
    """A table, parts and division, as `fit` has them before it trains."""

    table: DataTable
    parts: Parts
    division: Division


def ready(folder: Path, *assignments: str) -> Ready:
    source = open_source(spec(folder, *assignments), folder)
    parts = source.spec.build()
    return Ready(source.table, parts, divide(source, parts)[0])


def spoiled(table: DataTable, rows: Rows) -> DataTable:
    """The same table with other content in these rows."""
    frame = table.frame.astype(object)
    for name, value in GARBAGE.items():
        frame.loc[rows, name] = str(value)
    return replace(table, frame=frame)


def learned(parts: Parts) -> list[dict[str, Any]]:
    return [reader.state() for reader in parts.readers]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What the members are trained with; they are not trained."""
    members: list[Asked] = []

    def train(model, samples, rows, settings, balancer, folder, watch) -> None:
        members.append(Asked(model, rows, settings, balancer, folder))
        watch[0]({"event": "step", "step": len(members)})

    monkeypatch.setattr(fitting, "train", train)
    return members


def fitted(ready: Ready, **options: Any) -> Fitted:
    return fit_parts(ready.table, ready.parts, ready.division, **options)


@pytest.mark.parametrize("members", [1, 3])
def test_readers_learn_nothing_from_test_rows(folder: Path, asked: list[Asked], members: int):
    first, second = (ready(folder, f"train.members={members}") for _ in range(2))
    fitted(first)
    fit_parts(spoiled(second.table, second.division.split.test), second.parts, second.division)
    assert learned(second.parts) == learned(first.parts)


@pytest.mark.parametrize(("members", "alike"), [(1, True), (3, False)])
def test_readers_learn_from_validation_rows_only_where_some_member_trains_on_them(
    folder: Path, asked: list[Asked], members: int, alike: bool
):
    first, second = (ready(folder, f"train.members={members}") for _ in range(2))
    fitted(first)
    fit_parts(spoiled(second.table, second.division.split.validation), second.parts, second.division)
    assert (learned(second.parts) == learned(first.parts)) == alike
    trained_on = np.concatenate([member.rows["train"] for member in asked[:members]])
    assert np.isin(first.division.split.validation, trained_on).any() != alike


def test_each_member_is_stopped_by_other_rows_and_none_sees_the_test(folder: Path, asked: list[Asked]):
    given = ready(folder, "train.members=4")
    fitted(given)
    assert len({tuple(member.rows["validation"]) for member in asked}) == 4
    for member in asked:
        train, validation = member.rows["train"], member.rows["validation"]
        assert len(validation)
        np.testing.assert_array_equal(np.union1d(train, validation), given.division.development)
        assert not np.intersect1d(train, validation).size
        assert not np.intersect1d(given.division.split.test, np.union1d(train, validation)).size
    np.testing.assert_array_equal(asked[0].rows["train"], given.division.split.train)


def test_each_member_begins_elsewhere_and_shares_no_state(folder: Path, asked: list[Asked]):
    given = ready(folder, "train.members=3", "train.balancer.type=uncertainty")
    fitted(given, place=(folder / "checkpoints", Start()))
    assert len({member.settings.seed for member in asked}) == 3
    weights = [torch.cat([weight.flatten() for weight in member.model.parameters()]) for member in asked]
    assert not any(torch.equal(weights[place], weights[place - 1]) for place in range(3))
    storages = [weight.data_ptr() for member in asked for weight in member.model.parameters()]
    assert len(set(storages)) == len(storages)
    assert len({id(each) for each in (given.parts.balancer, *(member.balancer for member in asked))}) == 4
    assert [member.folder for member in asked] == [folder / "checkpoints" / f"member-{number}" for number in range(3)]


def test_the_global_random_state_has_no_say(folder: Path, asked: list[Asked]):
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        fitted(ready(folder, "train.members=2"))
        assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(asked[:2], asked[2:], strict=True):
        assert one.settings == other.settings
        assert all(torch.equal(*pair) for pair in zip(one.model.parameters(), other.model.parameters(), strict=True))


def test_members_share_the_time_that_there_is(folder: Path, asked: list[Asked]):
    fitted(ready(folder, "train.members=3", "train.time_limit=60"))
    assert sum(member.settings.time_limit or 0.0 for member in asked) == pytest.approx(60)
    asked.clear()
    fitted(ready(folder, "train.members=2"))
    assert [member.settings.time_limit for member in asked] == [None, None]


def test_what_the_spec_leaves_open_is_settled_by_the_training_rows(
    folder: Path, asked: list[Asked], monkeypatch: pytest.MonkeyPatch
):
    def resolved(settings: Settings, rows: int, *_: bool) -> Settings:
        return replace(settings, members=2, epochs=rows, batch_size=rows + 1)

    monkeypatch.setattr(Settings, "resolved", resolved)
    given = ready(folder, "train.members=null", "train.epochs=null", "train.batch_size=null")
    made = fitted(given)
    rows = len(given.division.split.train)
    assert len(made.model.members) == len(asked) == 2
    assert {(member.settings.epochs, member.settings.batch_size) for member in asked} == {(rows, rows + 1)}


def test_what_happens_is_told_with_the_member_that_it_happened_to(folder: Path, asked: list[Asked]):
    told: list[Mapping[str, Any]] = []
    fitted(ready(folder, "train.members=2"), watch=Watch(told.append))
    assert [event["modality"] for event in told if event["event"] == "encoder"] == ["labs", "note"]
    assert all(event["encoder"] and event["reason"] for event in told if event["event"] == "encoder")
    steps = [(event["member"], event["members"]) for event in told if event["event"] == "step"]
    assert steps == [(0, 2), (1, 2)]


def with_bad_dose(folder: Path, rows: Sequence[int], policy: str) -> Ready:
    frame = cohort().astype({"dose": object})
    frame.loc[list(rows), "dose"] = "plenty"
    frame.to_csv(folder / "cohort.csv", index=False)
    return ready(folder, "train.members=2", f"data.bad_rows={policy}")


@pytest.mark.parametrize("policy", ["mask", "skip"])
def test_a_bad_row_is_told_once_and_goes_from_every_member_or_from_none(folder: Path, asked: list[Asked], policy: str):
    bad, told = [7, 20, 51], []
    made = fitted(with_bad_dose(folder, bad, policy), bad_rows=policy, watch=Watch(told.append))
    refused = [event["refusal"] for event in told if event["event"] == "refused"]
    assert [(refusal.row, refusal.column) for refusal in refused] == [(row, "dose") for row in bad]
    split = np.concatenate([made.split.train, made.split.validation, made.split.test])
    left = np.setdiff1d(np.arange(96), bad) if policy == "skip" else np.arange(96)
    np.testing.assert_array_equal(np.sort(split), left)
    for member in asked:
        seen = np.union1d(member.rows["train"], member.rows["validation"])
        np.testing.assert_array_equal(seen, np.setdiff1d(left, made.split.test))


def test_a_bad_row_may_be_an_error_before_anything_is_trained(folder: Path, asked: list[Asked]):
    with pytest.raises(DataError, match="plenty") as caught:
        fitted(with_bad_dose(folder, [7, 20], "error"), bad_rows="error")
    assert len(caught.value.also) == 1
    assert not asked


def test_a_fitted_model_holds_its_members_ready_to_answer(folder: Path):
    made = fitted(ready(folder, "train.members=2", "train.epochs=1"))
    assert not any(part.training for part in made.model.modules())
    batch = made.samples.batch(made.split.test)
    with torch.no_grad():
        joint, alone = made.model(batch), [member(batch) for member in made.model.members]
    assert joint.keys() == {"sick", "score", "signs"}
    for name, outputs in joint.items():
        torch.testing.assert_close(outputs, (alone[0][name] + alone[1][name]) / 2)
        assert not torch.allclose(alone[0][name], alone[1][name])


def test_rows_that_share_a_value_are_drawn_together(folder: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: list[np.ndarray | None] = []
    monkeypatch.setattr(fitting, "train", lambda _model, samples, *_: drawn.append(samples.blocks))
    apart, together = (ready(folder, "train.members=1", *more) for more in ((), ("train.together=drug",)))
    fitted(apart)
    fitted(together)
    drugs = parse_labels(together.table.column("drug"), together.table.missing)
    assert drawn[0] is None
    assert drawn[1] is not None
    known = [(drug, block) for drug, block in zip(drugs, drawn[1], strict=True) if drug is not None]
    assert len(set(known)) == len(dict(known)) < len(known)
    assert len(set(drawn[1])) == len(dict(known)) + len(drugs) - len(known)
    with pytest.raises(DataError, match="drugs"):
        fitted(ready(folder, "train.members=1", "train.together=drugs"))


def test_rows_without_any_label_are_known_to_readers_and_not_visited(folder: Path, asked: list[Asked]):
    given = ready(folder, "train.members=2")
    frame = given.table.frame.astype(object)
    blank = given.division.development[::3]
    frame.loc[blank, ["sick", "score", "signs"]] = None
    frame.loc[blank, "drug"] = "opium"
    made = fit_parts(replace(given.table, frame=frame), given.parts, given.division)
    for member in asked:
        assert not set(blank) & {*member.rows["train"], *member.rows["validation"]}
    assert "opium" in str(made.model.modalities["labs"].reader.state())
    assert np.isin(blank, np.concatenate([made.split.train, made.split.validation])).all()


def test_objectives_visit_rows_without_any_label(folder: Path, asked: list[Asked]):
    given = ready(folder, "train.members=1", "objectives.hide={type: masked, modalities: [labs]}")
    frame = given.table.frame.astype(object)
    blank = given.division.split.train[::3]
    frame.loc[blank, ["sick", "score", "signs"]] = None
    fit_parts(replace(given.table, frame=frame), given.parts, given.division)
    assert set(blank) <= set(asked[0].rows["train"])


RESIDUES = """
data: {table: chains.parquet, split: {test: 0.25}}
modalities: {chain: {type: protein, column: chain, tokens: residues}}
tasks:
  water: {type: token_values, target: water, of: chain}
  long: {type: regression, target: long}
model: {width: 8}
train: {epochs: 1, members: 1, batch_size: 16}
"""


@pytest.mark.parametrize("off", [1.0, 0.5])
def test_lists_of_the_wrong_length_are_told_and_where_all_are_the_run_stops(tmp_path: Path, off: float) -> None:
    draw = np.random.default_rng(0)
    chains = ["".join(draw.choice(list("ACDEFGHIKLMNPQRSTVWY"), draw.integers(6, 12))) for _ in range(48)]
    wrong = np.arange(48) < 48 * off
    water = [draw.random(len(chain) + more).tolist() for chain, more in zip(chains, wrong, strict=True)]
    frame = pd.DataFrame({"chain": chains, "water": water, "long": [float(len(chain)) for chain in chains]})
    frame.to_parquet(tmp_path / "chains.parquet")
    asked = Spec.from_text(RESIDUES, tmp_path)
    if off == 1.0:
        with pytest.raises(DataError, match="nothing-taught") as caught:
            run.fit(asked, tmp_path / "run")
        assert "for the" in caught.value.found
        assert 'tokens of "chain"' in caught.value.found
        return
    told = run.fit(asked, tmp_path / "run")
    assert told["refused"] == 24
    assert 'tokens of "chain"' in told["reasons"]["water"]
