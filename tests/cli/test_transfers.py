"""The verb `transfer`: what it tells, what it writes, and what it refuses."""

import json

import pytest

FAST = ["--set", "train.epochs=1", "--set", "train.members=1", "--seeds", "1"]


@pytest.fixture
def two_tasks(spec_file):
    """The spec with a second question, which a column of its own answers."""
    text = spec_file.read_text().replace("columns: [age, dose]", "columns: [age]")
    spec_file.write_text(text + "  dose: {type: regression, target: dose}\n")
    return spec_file


def test_help_names_what_it_does(call):
    told = call("transfer", "--help").out
    assert "--poison" in told
    assert "--balancer" in told


def test_a_single_task_is_refused(call, spec_file):
    answer = call("transfer", spec_file, "--out", "t", *FAST)
    assert answer.code == 2
    assert "too-few-tasks" in answer.err


def test_it_tells_in_words_and_numbers_and_goes_on_where_it_was(call, two_tasks):
    answer = call("transfer", two_tasks, "--out", "t", "--json", *FAST)
    assert answer.code == 0
    told = answer.document
    assert set(told["gains"]) == {"sick", "dose"}
    assert len(told["sentences"]) >= 2
    assert told["advice"]
    assert (two_tasks.parent / "t" / "transfer.html").is_file()
    assert json.loads((two_tasks.parent / "t" / "transfer.json").read_text())["helps"] == told["helps"]
    again = call("transfer", two_tasks, "--out", "t", *FAST)
    assert "steps" not in again.err
    assert again.out.splitlines()[-1].startswith("report")


def test_a_poison_that_is_no_task_is_refused_before_anything_is_trained(call, two_tasks):
    answer = call("transfer", two_tasks, "--out", "t", "--poison", "sik", *FAST)
    assert answer.code == 2
    assert 'did you mean "sick"' in answer.err
    assert not list((two_tasks.parent).glob("t/*seed*"))


def test_a_balancer_that_is_none_is_refused(call, two_tasks):
    answer = call("transfer", two_tasks, "--out", "t", "--poison", "sick", "--balancer", "upgrad", *FAST)
    assert answer.code in (2, 3)
    assert "up_grad" in answer.err


def test_balancers_without_a_poison_have_nothing_to_do(call, two_tasks):
    answer = call("transfer", two_tasks, "--out", "t", "--balancer", "up_grad", *FAST)
    assert answer.code == 2
    assert "--poison" in answer.err
