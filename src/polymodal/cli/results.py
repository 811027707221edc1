"""Verbs that use a finished run: `evaluate`, `predict`, `report`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from polymodal.cli.paths import checked_path
from polymodal.cli.session import Session, verb
from polymodal.cli.tables import scores

__all__ = ["add_to", "evaluate", "predict", "report", "tell_refused"]

Files = Annotated[
    Path | None,
    typer.Option(
        "--files",
        metavar="FOLDER",
        help="Where the files are that the table names; unless given, beside it, or else where the run has its own.",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verb(app, "evaluate")(evaluate)
    verb(app, "predict")(predict)
    verb(app, "report")(report)


def evaluate(
    session: Session,
    run: Run,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="TABLE", help="Another table; the run's own test rows unless given."),
    ] = None,
    files: Files = None,
) -> None:
    """Test a trained model, with intervals, on its test rows or on another table."""
    from polymodal.run import evaluate as evaluate_run

    summary = evaluate_run(checked_path(run), *(None if path is None else checked_path(path) for path in (data, files)))
    _tell_lost(session, summary)
    _tell_place(session, summary, None if files is not None else data)
    session.result(summary, scores(summary))


def predict(
    session: Session,
    run: Run,
    data: Annotated[Path, typer.Option("--data", metavar="TABLE", help="The table to predict for.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write: parquet, csv or jsonl.")],
    files: Files = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there already.")] = False,
) -> None:
    """Predict every task for every row of a table; drawn pictures go to FILE.pictures."""
    from polymodal.run import predict as predict_run

    folder = None if files is None else checked_path(files)
    run, data, out = (checked_path(path) for path in (run, data, out))
    summary = predict_run(run, data, out, folder, overwrite=overwrite)
    _tell_lost(session, summary, f": see {out}.errors.jsonl")
    _tell_place(session, summary, data if folder is None else None)
    for name, rows in summary["unanswered"].items():
        session.note(f"{name}: {rows} rows have nothing of what it speaks of, and their cells are empty")
    for name in summary["not_predicted"]:
        session.note(f"{name} looks things up and predicts nothing of a row: see polymodal retrieve --help")
    session.result(summary, f"predictions  {out}")


def report(session: Session, run: Run) -> None:
    """Write the report of a run anew: one file that needs no network."""
    from polymodal.report import build_report

    path = build_report(checked_path(run))
    session.result({"report": str(path)}, f"report  {path}")


def _tell_lost(session: Session, summary: Mapping[str, Any], where: str = "") -> None:
    """Say what of a table was not used, and what of it the model knew before."""
    for name, columns in summary["absent"].items():
        session.note(f"{name} is absent in every row: the table has no column {columns}")
    if summary.get("taught"):
        rows = summary["rows"]["test"]
        session.note(f"the model learned from {summary['taught']} of these {rows} rows: the figures are too good")
    tell_refused(session, summary, where)


def tell_refused(session: Session, summary: Mapping[str, Any], where: str = "") -> None:
    """Say how many values could not be used, and for some columns why the first could not."""
    if summary["refused"]:
        why = "; ".join(f"{column}: {reason}" for column, reason in list(summary["reasons"].items())[:3])
        session.note(f"{summary['refused']} values could not be used and count as absent ({why}){where}")


def _tell_place(session: Session, summary: Mapping[str, Any], data: Path | None) -> None:
    """Say where files were looked for, if that is neither beside the table nor where somebody said."""
    if data is not None and "files" in summary and Path(summary["files"]).resolve() != data.resolve().parent:
        session.note(
            f"files are looked for in {summary['files']}: the table's first is not beside it (--files says where)"
        )
