"""Verbs that train: `demo`, `fit` and `pretrain`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from polymodal.cli.paths import checked_path, free_folder
from polymodal.cli.progress import progress
from polymodal.cli.results import tell_refused
from polymodal.cli.session import Session, SetKeys, verb
from polymodal.cli.tables import learned, probed, scores

__all__ = ["add_to", "demo", "fit", "pretrain"]

Out = Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to write.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verb(app, "demo")(demo)
    verb(app, "fit")(fit)
    verb(app, "pretrain")(pretrain)


def demo(
    session: Session,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run folder; a new one unless given.")
    ] = None,
    assignments: SetKeys = None,
) -> None:
    """Learn the embedded data set, glyphs, in about two minutes, and show where the report is."""
    from polymodal.data import sets
    from polymodal.spec import Spec

    spec = Spec.from_dict(sets.named("glyphs").spec(), name="glyphs").override(*session.overrides(assignments))
    run = free_folder("polymodal-demo") if out is None else checked_path(out)
    session.note("three modalities, three tasks, and plain models beside them: about two minutes on two idle cores")
    _fit(session, spec, run, ["demo", "--out", str(run)], assignments)


def fit(
    session: Session,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, in YAML or JSON.", show_default=False)],
    out: Out,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    assignments: SetKeys = None,
) -> None:
    """Train the model that a spec describes, test it, and write a run folder with a report."""
    from polymodal.spec import load

    described = load(checked_path(spec), session.overrides(assignments))
    _fit(session, described, checked_path(out), ["fit", str(spec), "--out", str(out)], assignments, resume)


def pretrain(
    session: Session,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, in YAML or JSON.", show_default=False)],
    out: Out,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    assignments: SetKeys = None,
) -> None:
    """Learn without labels, by the objectives of a spec; `fit` can start from it with model.start_from."""
    from polymodal import run
    from polymodal.spec import load

    described, place = load(checked_path(spec), session.overrides(assignments)), checked_path(out)
    settings = [word for assignment in session.overrides(assignments) for word in ("--set", assignment)]
    command = shlex.join(["polymodal", "pretrain", str(spec), "--out", str(out), *settings])
    with progress(session) as listener:
        told = run.pretrain(described, place, resume=resume, progress=listener, command=command)
    session.result(told, f"{learned(told)}\n\nrun         {out}\nstart with  --set model.start_from={out}")


def _fit(
    session: Session, spec: Any, out: Path, words: Sequence[str], assignments: SetKeys, resume: bool = False
) -> None:
    from polymodal import run
    from polymodal.evaluation import judge_run
    from polymodal.report import build_report

    settings = [word for assignment in session.overrides(assignments) for word in ("--set", assignment)]
    command = shlex.join(["polymodal", *words, *settings])
    with progress(session) as listener:
        fitted = run.fit(spec, out, resume=resume, progress=listener, command=command)
    for found in fitted["findings"]:
        session.note(f"{found['where']}: {found['code']}, {found['message']}")
    tell_refused(session, fitted, f": see {out / 'errors.jsonl'}")
    session.note("comparing with plain models, and with each modality alone and dark")
    judged = judge_run(run.open_run(out))
    report = build_report(out)
    told = judged | {"run": str(out), "report": str(report)}
    shown = "\n".join(filter(None, [scores(judged), probed(judged)]))
    session.result(told, f"{shown}\n\nrun     {out}\nreport  {report}")
