"""Where a verb's words go, and how it ends."""

import io
import json
import logging
import signal
import warnings

import pytest
import typer
from typer.testing import CliRunner

from polymodal.cli.session import Session, verb
from polymodal.core import DataError, PolymodalWarning


def spoken(**options: object) -> Session:
    return Session(out=io.StringIO(), err=io.StringIO(), **options)


def made(action: object) -> typer.Typer:
    """An application of two verbs, the first of which does this."""
    app = typer.Typer()
    verb(app, "act")(action)
    verb(app, "other")(lambda session: None)
    return app


def test_a_result_is_text_or_a_document() -> None:
    plain, as_json = spoken(), spoken(as_json=True)
    for session in (plain, as_json):
        session.result({"rows": 3}, "three rows")
    assert plain.out.getvalue() == "three rows\n"
    assert json.loads(as_json.out.getvalue()) == {"rows": 3}


def test_a_note_is_for_stderr_and_not_for_the_quiet() -> None:
    loud, quiet = spoken(), spoken(quiet=True)
    for session in (loud, quiet):
        session.note("by the way")
    assert (loud.out.getvalue(), loud.err.getvalue(), quiet.err.getvalue()) == ("", "by the way\n", "")


def test_an_error_is_heard_by_the_quiet_and_read_by_programs() -> None:
    session = spoken(quiet=True, as_json=True)
    session.error({"code": "x"}, "no such thing")
    assert session.err.getvalue() == "no such thing\n"
    assert json.loads(session.out.getvalue()) == {"error": {"code": "x"}}


def test_a_seed_comes_after_what_is_set() -> None:
    assert spoken(seed=7).overrides(["train.seed=1"]) == ("train.seed=1", "train.seed=7")
    assert spoken().overrides(None) == ()
    assert spoken(seed=0).overrides([], key="data.split.seed") == ("data.split.seed=0",)


def test_a_reader_who_has_read_enough_is_no_failure() -> None:
    tried = []

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    err = io.StringIO()
    Session(out=Closed(), err=err).result({}, "anything")
    assert (tried, err.getvalue()) == (["anything"], "")


def test_a_verb_has_its_own_options_and_the_shared_ones() -> None:
    def act(session: Session, name: str = "nobody") -> None:
        session.result({"name": name, "seed": session.seed}, f"hello {name}")

    runner = CliRunner()
    done = runner.invoke(made(act), ["act", "--name", "you", "--json", "--seed", "3"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"name": "you", "seed": 3})
    told = runner.invoke(made(act), ["act", "--help"], env={"NO_COLOR": "1", "COLUMNS": "200"}).stdout
    assert all(option in told for option in ("--name", "--json", "--quiet", "--verbose", "--seed"))


def test_what_a_library_prints_is_no_result() -> None:
    def act(session: Session) -> None:
        print("a library talks")
        session.result({}, "the result")

    assert CliRunner().invoke(made(act), ["act"]).stdout.strip() == "the result"


@pytest.mark.parametrize(("words", "heard"), [([], False), (["-v"], True), (["-vv"], True)])
def test_warnings_and_log_lines_are_heard_from_v_on(words: list[str], heard: bool) -> None:
    def act(session: Session) -> None:
        warnings.warn("a warning is told", stacklevel=1)
        logging.getLogger("library").info("a line is told")

    before = logging.getLogger().level
    done = CliRunner().invoke(made(act), ["act", *words])
    assert done.exit_code == 0
    assert ("a line is told\n" in done.stderr, "UserWarning: a warning is told" in done.stderr) == (heard, heard)
    assert logging.getLogger().level == before


@pytest.mark.parametrize("words", [[], ["-v"]])
def test_what_polymodal_warns_of_is_said_once(words: list[str]) -> None:
    def act(session: Session) -> None:
        for _ in range(3):
            warnings.warn("rows have too few tokens", PolymodalWarning, stacklevel=1)

    assert CliRunner().invoke(made(act), ["act", *words]).stderr == "rows have too few tokens\n"
    assert CliRunner().invoke(made(act), ["act", "-q"]).stderr == ""


@pytest.mark.parametrize(
    ("problem", "code"),
    [(DataError("bad", where="here", expected="a", found="b", remedy="c"), 4), (KeyboardInterrupt(), 130)],
)
def test_a_failure_becomes_an_exit_code(problem: BaseException, code: int) -> None:
    def act(session: Session) -> None:
        raise problem

    assert CliRunner().invoke(made(act), ["act"]).exit_code == code


def test_a_polite_kill_ends_a_verb_and_the_handler_is_given_back() -> None:
    def act(session: Session) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(made(act), ["act"]).exit_code == 143
    assert signal.getsignal(signal.SIGTERM) == before
