"""Names in a first spec are usable and used once."""

from polymodal.data.draft import Draft


def test_a_name_is_cleaned_and_never_given_twice():
    draft = Draft({"table": "t.csv"})
    assert draft.name("blood pressure (mmHg)") == "blood_pressure_mmHg"
    assert draft.name("3rd") == "c_3rd"
    assert draft.name("...") == "part"
    draft.modalities["scan"] = {"type": "image"}
    draft.tasks["scan_"] = {"type": "binary"}
    assert draft.name("scan") == "scan__"


def test_names_that_torch_takes_get_a_sign_more():
    assert Draft({}).name("forward") == "forward_"
