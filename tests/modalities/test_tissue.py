"""The tissue modality beyond what the contract kit holds every modality to."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from polymodal.core import UsageProblem
from polymodal.core.seeding import torch_generator
from polymodal.data import inference
from polymodal.data.tables import read_table
from polymodal.encoders.spots import SpotNet
from polymodal.modalities import Tissue
from polymodal.testing import check_modality


def fitted(**options):
    modality = Tissue("section", **options)
    table = modality.example(8, seed=0)
    modality.reader.fit(table, np.arange(8))
    values, refusals = modality.reader.collate(modality.reader.read(table), np.arange(8))
    assert not refusals
    return modality, values


OTHERS = [
    {"picture": "lowres"},
    {"picture": "lowres", "joined": "intermediate"},
    {"picture": "lowres", "genes": "none"},
    {"tokens": "pooled", "directions": None, "layers": 0},
]


@pytest.mark.parametrize("options", OTHERS)
def test_other_options_keep_the_contract(options):
    check_modality(Tissue("section", **options), rows=16)


def test_what_is_built_is_said():
    modality, _ = fitted()
    assert modality.chosen()[0] == "spots"
    assert "12 genes" in modality.chosen()[1]
    assert isinstance(modality.build_encoder(8), SpotNet)
    mine = nn.Identity()
    assert Tissue("section", encoder=lambda reader, width: mine).build_encoder(8) is mine


def test_without_genes_the_picture_is_read_alone():
    modality, values = fitted(picture="lowres", genes="none")
    assert values.data["genes"].isnan().all()
    assert modality.chosen()[1].endswith("spots in the middle one, as seen")
    told = modality.content(values.data).numbers
    place = int(values.data["seen"][0].nonzero()[0])
    wanted = values.data["patches"][0, place].double().mean(dim=(1, 2)) / 127.5 - 1
    assert torch.allclose(told[0, place].double(), wanted, atol=1e-6)
    assert torch.equal(~told.isnan().any(dim=2), values.data["seen"])
    changed, hidden = modality.corrupt(values.data, 0.5, torch_generator(0, "hide"))
    assert torch.equal(changed["seen"], values.data["seen"] & ~hidden)
    numbers = modality.reader.plain(modality.reader.read(modality.example(8, seed=0)), np.arange(1))[0].values
    assert numbers.shape == (1, 7)
    np.testing.assert_allclose(numbers[0, 1:4], (told[0].nanmean(dim=0) + 1) * 127.5, rtol=1e-5)


def test_without_genes_a_section_without_a_picture_is_refused():
    modality, _ = fitted(picture="lowres", genes="none")
    bare = Tissue("section").example(1, seed=0)
    values, (refusal,) = modality.reader.collate(modality.reader.read(bare), np.arange(1))
    assert values.count == 0
    assert refusal.reason == 'has no "lowres" picture, and nothing else is read'
    with pytest.raises(UsageProblem, match="no-picture-to-read"):
        Tissue("section", genes="none")


def test_how_genes_and_picture_are_joined_reaches_the_net():
    early, after = (fitted(picture="lowres", joined=joined)[0].build_encoder(8) for joined in ("early", "intermediate"))
    assert (len(early.apart), len(after.apart)) == (0, 2)
    assert len(fitted(joined="intermediate")[0].build_encoder(8).apart) == 0


def test_hidden_spots_lose_their_genes_and_nothing_else():
    modality, values = fitted(picture="lowres")
    changed, hidden = modality.corrupt(values.data, 0.5, torch_generator(0, "hide"))
    assert changed["genes"][hidden].isnan().all()
    assert not hidden[~values.data["spots"]].any()
    for name in values.data.keys() - {"genes"}:
        assert changed[name] is values.data[name]
    content = modality.content(values.data)
    assert content.numbers.shape[:2] == hidden.shape
    assert not content.numbers[hidden].isnan().any()


def test_sections_are_laid_in_eight_ways_with_their_patches():
    modality, values = fitted(picture="lowres", hide=0.0)
    places = values.data["places"]
    for seed in range(8):
        turned = modality.perturb(values.data, torch_generator(seed, "turn"))
        before, after = (torch.cdist(each["places"], each["places"]) for each in (values.data, turned))
        assert torch.allclose(before, after, atol=1e-5)
        assert torch.equal(turned["neighbours"], values.data["neighbours"])
        same = (turned["places"] == places).all(dim=2).all(dim=1)
        kept = (turned["patches"] == values.data["patches"]).flatten(1).all(dim=1)
        assert torch.equal(same, kept)
    assert modality.perturb(values.data, torch_generator(0, "x"))["places"] is not places
    still = Tissue("section", hide=0.0, turn=False)
    assert still.perturb(values.data, torch_generator(0, "x")) is values.data


def test_a_patch_turns_with_its_section():
    """The brighter half of a patch stays on the side of the neighbour it lies towards."""
    modality, values = fitted(picture="lowres", hide=0.0)
    part = {name: each[:1].clone() for name, each in values.data.items()}
    part["patches"][:] = 0
    part["patches"][..., :4, :] = 255  # bright above
    part["places"] = torch.tensor([[[0.0, 0.0], [-1.0, 0.0]]])  # the second spot lies above
    part["patches"] = part["patches"][:, :2]
    for seed in range(8):
        turned = modality.perturb({**values.data, **part}, torch_generator(seed, "turn"))
        towards = turned["places"][0, 1]
        bright = (turned["patches"][0, 0, 0] > 0).nonzero().float().mean(dim=0) - 3.5
        assert torch.dot(bright, towards) > 1.9


def test_init_takes_anndata_files_for_sections(tmp_path):
    frame = pd.DataFrame({"file": [f"s{place}.h5ad" for place in range(12)], "ill": ["no"] * 6 + ["yes"] * 6})
    for name in frame["file"]:
        (tmp_path / name).write_bytes(b"not opened")
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    proposal = inference.propose(read_table(tmp_path / "cohort.csv"), ["ill"])
    assert proposal["modalities"] == {"file": {"type": "tissue", "column": "file"}}
