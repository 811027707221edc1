"""A saved model can be moved and gives the same outputs; any damage is refused by name, with exit code 7."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from polymodal import bundle
from polymodal.balancing import Equal
from polymodal.core import DamagedError, UsageProblem
from polymodal.model import Ensemble
from polymodal.spec import Parts, Spec
from polymodal.training import Settings
from polymodal.training.checkpoints import MANIFEST, tensors_as_bytes
from tests.training.conftest import Small, make_small

SPEC = Spec.from_dict(
    {
        "data": {"table": "small.csv"},
        "modalities": {
            "first": {"type": "table", "columns": ["a", "b", "colour"]},
            "second": {"type": "table", "columns": ["c", "d"]},
        },
        "tasks": {"sick": {"type": "binary", "target": "sick"}, "score": {"type": "regression", "target": "score"}},
        "model": {"width": 8},
    }
).to_dict()


@pytest.fixture(scope="module")
def small() -> Small:
    return make_small(Settings(seed=3))


@pytest.fixture
def place(small: Small, tmp_path: Path) -> Path:
    bundle.save(tmp_path / "model", Ensemble([small.model, make_small(Settings(seed=4)).model]), SPEC, "# Card")
    return tmp_path / "model"


def said(model: torch.nn.Module, small: Small) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return model.eval()(small.samples.batch(small.rows["test"]))


def signed(place: Path) -> None:
    """Write the manifest anew, as somebody would who swaps a file on purpose."""
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.iterdir()}
    sums.pop(MANIFEST)
    (place / MANIFEST).write_text(json.dumps({"version": 1, "sha256": sums}))


def test_what_is_loaded_says_the_same_wherever_it_stands(place: Path, small: Small, tmp_path: Path):
    given = said(Ensemble([small.model, make_small(Settings(seed=4)).model]), small)
    shutil.move(place, tmp_path / "renamed")
    loaded = bundle.load(tmp_path / "renamed")
    assert loaded.spec == SPEC
    assert not loaded.model.training
    assert all(torch.equal(made, given[name]) for name, made in said(loaded.model, small).items())
    readers = {name: task.reader.state() for name, task in small.model.tasks.items()}
    assert {name: task.reader.state() for name, task in loaded.model.tasks.items()} == readers


def test_parts_of_your_own_may_stand_in_for_the_spec(place: Path, small: Small):
    built = Spec.from_dict(SPEC).build()
    parts = Parts(built.modalities, built.tasks, built.fusion, Equal(), built.settings, built.width)
    assert bundle.load(place, parts).model.modalities["first"] is parts.modalities["first"]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


DAMAGE = {
    "truncated": ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-5])),
    "emptied": ("preprocess.json", lambda path: path.write_bytes(b"")),
    "a flipped bit": ("model.safetensors", lambda path: flip(path, -1)),
    "a flipped bit of the card": ("README.md", lambda path: flip(path, 0)),
    "gone": ("config.json", lambda path: path.unlink()),
    "swapped": ("preprocess.json", lambda path: shutil.copy(path.with_name("config.json"), path)),
    "unknown": ("extra.py", lambda path: path.write_text("print('hello')")),
    "a link": ("config.json", lambda path: (path.rename(path.parents[1] / "away"), path.symlink_to("../away"))),
    "no manifest": (MANIFEST, lambda path: path.unlink()),
    "a manifest of nothing": (MANIFEST, lambda path: path.write_text("[]")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(place: Path, damage: str):
    name, act = DAMAGE[damage]
    act(place / name)
    with pytest.raises(DamagedError, match=name) as caught:
        bundle.load(place)
    assert caught.value.exit_code == 7


def other_shape(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = "members.0.heads.sick.weight"
    return tensors | {name: tensors[name][..., :0]}


SIGNED = {
    "a pickle": ("model.safetensors", lambda _: b"\x80\x04\x8c\x05posix\x8c\x06system\x93."),
    "no JSON": ("config.json", lambda _: b"{"),
    "JSON of another kind": ("preprocess.json", lambda _: b"[1]"),
    "states of other parts": ("preprocess.json", lambda _: b'{"modalities": {}, "tasks": {}}'),
    "another format": ("config.json", lambda content: content.replace(b'"format": 1', b'"format": 9')),
    "another part": ("config.json", lambda content: content.replace(b'"width": 8', b'"width": 16')),
    "one member less": ("config.json", lambda content: content.replace(b'"members": 2', b'"members": 1')),
}


@pytest.mark.parametrize("what", SIGNED)
def test_a_file_that_was_signed_anew_is_still_judged_by_what_it_holds(place: Path, what: str):
    name, change = SIGNED[what]
    content = (place / name).read_bytes()
    changed = change(content)
    assert changed != content
    (place / name).write_bytes(changed)
    signed(place)
    with pytest.raises(DamagedError) as caught:
        bundle.load(place)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda tensors: dict(list(tensors.items())[1:]), "members.0"),
        (lambda tensors: tensors | {"surprise": torch.zeros(1)}, "surprise"),
        (other_shape, "members.0.heads.sick.weight"),
    ],
    ids=["missing", "unknown", "misshapen"],
)
def test_wrong_tensors_are_named(place: Path, small: Small, change, name: str):
    model = Ensemble([small.model, make_small(Settings(seed=4)).model])
    (place / "model.safetensors").write_bytes(tensors_as_bytes(change(model.state_dict())))
    signed(place)
    with pytest.raises(DamagedError, match=name):
        bundle.load(place)


def test_a_folder_that_is_not_there_is_a_problem_of_the_call(tmp_path: Path):
    with pytest.raises(UsageProblem, match="no-model"):
        bundle.load(tmp_path / "nothing")


def test_the_card_says_what_goes_in_what_comes_out_and_how_good_it_is(small: Small):
    told = {"rows": {"train": 1000, "validation": 100, "test": 200}, "tasks": {}}
    told["tasks"]["sick"] = {"metrics": {"auroc": 0.9}, "intervals": {"auroc": [0.8, 0.95]}}
    text = bundle.card(Ensemble([small.model]), told)
    assert "| sick | auroc | 0.900 | 0.800 to 0.950 |" in text
    assert all(f"`{name}`" in text for name in ("first", "second", "sick", "score"))
    assert "1,000 rows" in text
