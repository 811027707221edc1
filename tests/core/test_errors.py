"""A problem says where, what was expected, what was found and what to do; it survives the way to another process."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal import core
from polymodal.core import (
    DamagedError,
    DataError,
    DivergedError,
    GateError,
    PolymodalError,
    ResourceError,
    SpecError,
    UsageProblem,
    did_you_mean,
    missing_extra,
)

EXIT_CODES = {
    PolymodalError: 1,
    UsageProblem: 2,
    SpecError: 3,
    DataError: 4,
    DivergedError: 5,
    ResourceError: 6,
    DamagedError: 7,
    GateError: 8,
}
KINDS = list(EXIT_CODES)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FACTS = ("code", "where", "expected", "found", "remedy")

# Takes errors in, raises and catches each, and hands them back.
THERE_AND_BACK = """
import pickle, sys
back = []
for error in pickle.load(sys.stdin.buffer):
    try:
        raise error
    except error.__class__ as caught:
        back.append(caught)
sys.stdout.buffer.write(pickle.dumps(back))
"""


def problem(kind: type[PolymodalError], name: str = "x", also: Sequence[PolymodalError] = ()) -> PolymodalError:
    """A problem in which every fact is different."""
    where, expected, found, remedy = (f"{fact} of {name}" for fact in FACTS[1:])
    return kind(f"code-{name}", where=where, expected=expected, found=found, remedy=remedy, also=also)


def drawn(depth: int = 2) -> st.SearchStrategy[PolymodalError]:
    """Problems of every kind with any text, some with more problems inside."""
    also = st.just(()) if depth == 0 else st.lists(st.deferred(lambda: drawn(depth - 1)), max_size=2)
    facts = dict.fromkeys(FACTS[1:], TEXTS)
    return st.sampled_from(KINDS).flatmap(lambda kind: st.builds(kind, TEXTS, also=also, **facts))


def same(one: PolymodalError, other: PolymodalError) -> bool:
    """Whether two problems are of one type and say the same, all the way down."""
    alike = type(one) is type(other) and all(getattr(one, fact) == getattr(other, fact) for fact in FACTS)
    return alike and len(one.also) == len(other.also) and all(map(same, one.also, other.also))


def test_every_kind_leaves_with_the_code_that_the_design_gives_it() -> None:
    assert {kind: kind.exit_code for kind in KINDS} == EXIT_CODES
    offered = [each for each in (getattr(core, name) for name in core.__all__) if isinstance(each, type)]
    raised = {kind for kind in offered if issubclass(kind, Exception) and not issubclass(kind, Warning)}
    assert raised == set(KINDS)
    assert all(issubclass(kind, PolymodalError) for kind in KINDS)


def test_a_problem_is_four_lines_and_those_beside_it_follow() -> None:
    told = problem(SpecError, "a", [problem(DataError, "b", [problem(GateError, "c")]), problem(SpecError, "d")])
    lines = [
        line
        for name in "abcd"
        for line in (
            f"where of {name}: code-{name}",
            f"  expected: expected of {name}",
            f"  found:    found of {name}",
            f"  do:       remedy of {name}",
        )
    ]
    assert str(told).splitlines() == lines
    assert told.args == (str(told),)


@given(drawn())
def test_plain_data_hold_every_fact(error: PolymodalError) -> None:
    def checked(found: object, wanted: PolymodalError) -> None:
        own = {"code": wanted.code, "where": wanted.where, "expected": wanted.expected, "found": wanted.found}
        rest = {key: value for key, value in found.items() if key != "also"}
        assert rest == own | {"do": wanted.remedy}
        assert ("also" in found) == bool(wanted.also)
        for inner, problem_inside in zip(found.get("also", []), wanted.also, strict=True):
            checked(inner, problem_inside)

    checked(json.loads(json.dumps(error.as_dict())), error)


@given(drawn())
def test_a_copy_is_the_same(error: PolymodalError) -> None:
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert same(made, error)
        assert str(made) == str(error)


def test_problems_travel_to_another_process_and_back() -> None:
    inner = problem(DivergedError, "größe", [problem(GateError, "\u202e\n")])
    errors = [problem(kind, kind.__name__, [inner, problem(kind)]) for kind in KINDS]
    done = subprocess.run(
        [sys.executable, "-c", THERE_AND_BACK], input=pickle.dumps(errors), capture_output=True, check=True
    )
    back = pickle.loads(done.stdout)
    assert len(back) == len(errors)
    assert all(map(same, back, errors))
    assert [error.exit_code for error in back] == list(EXIT_CODES.values())


def test_several_problems_become_one_that_begins_with_the_first() -> None:
    first, second, third = (
        problem(DataError, "1", [problem(GateError, "2")]),
        problem(SpecError, "3"),
        problem(DataError),
    )
    joined = PolymodalError.joined([first, second, third])
    assert type(joined) is DataError
    assert all(getattr(joined, fact) == getattr(first, fact) for fact in FACTS)
    assert [each.code for each in joined.also] == ["code-2", "code-3", "code-x"]
    assert len(first.also) == 1


@given(st.lists(drawn(), min_size=1, max_size=4))
def test_joining_loses_nothing_and_repeats_nothing(errors: list[PolymodalError]) -> None:
    joined = PolymodalError.joined(errors)
    assert str(joined) == "\n".join(map(str, errors))
    assert type(joined) is type(errors[0])
    if len(errors) == 1:
        assert same(joined, errors[0])


def test_what_caused_a_problem_stays_known() -> None:
    cause = OSError("gone")
    with pytest.raises(PolymodalError) as caught:
        raise problem(ResourceError) from cause
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("diagnosys", 'did you mean "diagnosis"?'),
        ("agee", 'did you mean "age"?'),
        ("Age", 'did you mean "age"?'),
        ("age", 'did you mean "age"?'),
        ("zzz", "choose one of: age, diagnosis, severity"),
        ("", "choose one of: age, diagnosis, severity"),
    ],
)
def test_the_nearest_name_is_offered_or_all_of_them(name: str, told: str) -> None:
    assert did_you_mean(name, iter(["severity", "diagnosis", "age", "age"])) == told


def test_where_there_is_no_name_none_is_offered() -> None:
    assert did_you_mean("age", []) == "choose one of: (none)"


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=8))
def test_what_is_offered_does_not_depend_on_order(name: str, options: list[str]) -> None:
    told = did_you_mean(name, options)
    assert did_you_mean(name, reversed(options)) == did_you_mean(name, options * 2) == told
    if name in options:
        assert told == f'did you mean "{name}"?'


def test_a_long_list_of_options_is_cut() -> None:
    told = did_you_mean("zzz", (f"gene_{number:05}" for number in range(20_000)))
    assert told.endswith("and 19960 more")
    assert len(told) < 1000


def test_a_missing_package_is_told_with_the_extra_that_brings_it() -> None:
    problem = missing_extra("a modality of sounds", "soundfile", "audio")
    assert problem.exit_code == 2
    assert problem.code == "missing-extra"
    assert 'pip install "polymodal[audio]"' in str(problem)
    assert "soundfile" in str(problem)
