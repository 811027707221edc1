"""What is installed is read from the package's own requirements, and the machine is described without guessing."""

from polymodal.cli import inspection
from polymodal.cli.inspection import sorted_out


def test_requirements_are_sorted_by_extra_without_those_of_developers():
    needed, extras = sorted_out(
        [
            "torch>=2.6",
            "typer<1,>=0.12",
            "transformers; extra == 'text'",
            'tokenizers>=0.2; extra == "text"',
            "ruff; extra == 'dev'",
            "polymodal[text]; extra == 'all'",
        ]
    )
    assert needed == ["torch", "typer"]
    assert extras == {"text": ["transformers", "tokenizers"]}


def test_doctor_tells_versions_extras_machine_and_data(call, monkeypatch, tmp_path):
    monkeypatch.setenv("POLYMODAL_DATA", str(tmp_path / "nothing"))
    document = call("doctor", "--json").document
    assert document["packages"]["torch"]
    assert document["machine"]["threads"] >= 1
    assert document["data"]["is_folder"] is False
    assert "glyphs" in document["data"]["sets"]
    assert "no such folder" in call("doctor").out


def test_doctor_says_what_to_install(monkeypatch, call):
    wants = ["torch>=2.6", 'no-such-package>=1; extra == "text"', 'ruff; extra == "dev"']
    monkeypatch.setattr(inspection, "_requirements", lambda: inspection.sorted_out(wants))
    document = call("doctor", "--json").document
    assert document["extras"]["text"]["install"] == 'pip install "polymodal[text]"'
    assert "dev" not in document["extras"]


def test_schema_is_one_document(call):
    assert call("schema").out == call("schema", "--json").out
