"""Who sees how far training is: a terminal a bar, `-v` a line for each epoch, anyone else one now and then."""

import io

import pytest

from polymodal.cli.progress import progress
from polymodal.cli.session import Session

EPOCH = {"event": "epoch", "epoch": 2, "epochs": 9, "step": 8, "steps": 36, "validation": {"sick": 0.5, "score": None}}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def heard(events: list[dict], **options: object) -> str | None:
    """What is written for these events; None where nobody listens."""
    stream = options.setdefault("err", io.StringIO())
    with progress(Session(**options)) as listener:
        if listener is None:
            return None
        for event in events:
            listener(event)
    return stream.getvalue()


def test_an_epoch_is_a_line_for_those_who_ask_for_more() -> None:
    assert heard([EPOCH], verbose=1) == "epoch 2/9  sick 0.500\n"


def test_a_member_of_an_ensemble_is_named() -> None:
    assert heard([EPOCH | {"member": 1, "members": 3}], verbose=1) == "model 2/3  epoch 2/9  sick 0.500\n"


def test_without_validation_rows_the_training_losses_are_told() -> None:
    assert heard([EPOCH | {"validation": {}, "train": {"sick": 1.25}}], verbose=1) == "epoch 2/9  sick 1.250\n"


def test_steps_and_refusals_make_no_line() -> None:
    assert heard([{"event": "step", "step": 1, "steps": 9}, {"event": "refused"}], verbose=1) == ""


def test_who_waits_where_there_is_no_terminal_hears_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard([EPOCH, EPOCH]) == ""
    clock = iter([0.0, 10.0, 31.0, 31.0, 50.0, 62.0, 62.0])
    monkeypatch.setattr("polymodal.cli.progress.time.monotonic", lambda: next(clock))
    assert heard([EPOCH] * 4) == "epoch 2/9  sick 0.500\n" * 2


@pytest.mark.parametrize("options", [{"quiet": True}, {"quiet": True, "verbose": 2}])
def test_nobody_is_told_who_did_not_ask(options: dict) -> None:
    assert heard([EPOCH], **options) is None


def test_a_quiet_terminal_has_no_bar() -> None:
    assert heard([EPOCH], quiet=True, err=Terminal()) is None


def test_a_bar_counts_the_steps_of_all_members(capsys: pytest.CaptureFixture[str]) -> None:
    step = {"event": "step", "step": 9, "steps": 36, "member": 1, "members": 2}
    assert heard([step, EPOCH | {"member": 1, "members": 2}], err=Terminal()) == ""  # rich writes to stderr itself
    capsys.readouterr()
