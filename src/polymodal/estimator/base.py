"""What the estimators share: their options, the way from X to a fitted model, and the folder it is kept in."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from polymodal import bundle
from polymodal.balancing import Balancer, Equal
from polymodal.core import DamagedError, Refusal, UsageProblem
from polymodal.data.base import DataTable
from polymodal.data.inference import propose
from polymodal.data.kinds import parse_labels
from polymodal.data.naming import usable_name
from polymodal.data.selection import expand_columns
from polymodal.data.splits import SplitPlan, strata_of
from polymodal.data.tables import from_frame
from polymodal.estimator.checking import check_options, dtype_of, names_of, warn_of
from polymodal.estimator.keeping import as_plain, from_plain
from polymodal.fusion import Fusion, Late
from polymodal.modalities import Modality, Table
from polymodal.run.division import divided
from polymodal.run.fitting import Fitted, Watch, fit_parts, read_samples
from polymodal.sharing import Hard, Sharing
from polymodal.spec import Parts, Spec, describe
from polymodal.tasks import Decoded, Task
from polymodal.training import Settings
from polymodal.training.checkpoints import MANIFEST
from polymodal.training.predicting import outputs

__all__ = ["TARGET", "Multimodal"]

TARGET = "target of fit"
_HEAVY = ("fitted_", "model_")
"""What is learned and kept in files of its own, or not at all."""


class Multimodal(BaseEstimator):
    """The base of the estimators."""

    def __init__(
        self,
        modalities: Mapping[str, Modality] | None = None,
        fusion: Fusion | None = None,
        balancer: Balancer | None = None,
        width: int = 64,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        members: int | None = None,
        validation: float = 0.1,
        time_limit: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
        files: str | Path | None = None,
    ) -> None:
        self.modalities = modalities
        self.fusion = fusion
        self.balancer = balancer
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.members = members
        self.validation = validation
        self.time_limit = time_limit
        self.random_state = random_state
        self.files = files

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        return tags

    def save(self, folder: str | Path) -> None:
        """Keep the fitted estimator in a folder of its own; nothing in it is code. One that is there is replaced.

        Options come back with it, random_state as the seed that was used. Raises NotFittedError, ResourceError, and
        UsageProblem for what no folder can hold: parts with networks of your own, labels that are objects; and for a
        folder that holds anything but a saved model.
        """
        check_is_fitted(self, "model_")
        _refuse_others(Path(folder))
        kind, parts = type(self).__name__, ("modalities", "fusion", "balancer", "sharing", "tasks")
        options = {name: value for name, value in self.get_params(deep=False).items() if name not in parts}
        options["random_state"] = self.seed_
        learned = {name: value for name, value in vars(self).items() if name[-1] == "_" and name not in _HEAVY}
        face = {
            "kind": kind,
            "given": [name for name in parts if getattr(self, name, None) is not None],
            "tasks": list(getattr(self, "tasks", None) or []),
            "options": {name: as_plain(value, f"{kind}({name}=...)") for name, value in options.items()},
            "learned": {name: as_plain(value, f"{kind}.{name}") for name, value in learned.items()},
        }
        spec = {
            "version": 1,
            "data": {"table": "X"},
            "modalities": {name: describe(part) for name, part in self.model_.modalities.items()},
            "tasks": {name: describe(part) for name, part in self.model_.tasks.items()},
            "model": {
                "width": int(self.width),
                "fusion": describe(self.fusion or Late()),
                "sharing": describe(self._sharing),
            },
            "train": {"balancer": describe(self.balancer or Equal())},
        }
        text = f"# {kind}\n\n`polymodal.estimator.{kind}.load(folder)` gives it back.\n"
        bundle.save(Path(folder), self.model_, Spec.from_dict(spec).to_dict(), text, face)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """A fitted estimator as it was saved. Raises DamagedError for a folder that was altered or is of another kind.

        It knows no row that it was fitted on: `fitted_` is not there.
        """
        loaded = bundle.load(Path(folder))
        face, parts = loaded.face, Spec.from_dict(loaded.spec).build()
        if face.get("kind") != cls.__name__:
            raise DamagedError(
                "another-kind",
                where=str(folder),
                expected=f"a saved {cls.__name__}",
                found=face.get("kind", "a model without an estimator"),
                remedy="load it with the class that saved it; `polymodal predict` takes the model of a run",
            )
        learned = {name: from_plain(value) for name, value in face["learned"].items()}
        tasks = {asked: parts.tasks[name] for name, asked in learned["asked_"].items() if asked in face["tasks"]}
        fresh = vars(parts) | {"tasks": tasks}
        options = {name: from_plain(value) for name, value in face["options"].items()}
        made = cls(**options | {name: fresh[name] for name in face["given"]})
        made.__dict__.update(learned, model_=loaded.model.double())
        return made

    @property
    def _sharing(self) -> Sharing:
        """What tasks have in common; an estimator of one task has no option for it."""
        return getattr(self, "sharing", None) or Hard()

    def _settings(self) -> Settings:
        given = {name: getattr(self, name) for name in ("epochs", "batch_size", "members", "lr", "time_limit")}
        plain: dict[str, Any] = {name: np.asarray(value).item() for name, value in given.items() if value is not None}
        return Settings(seed=self.seed_, **plain)

    def _frame(self, X: Any, fitting: bool) -> pd.DataFrame:
        """X as a DataFrame, checked in the way of scikit-learn."""
        if fitting:
            check_options(self)
            given, drawn = self.random_state, check_random_state(self.random_state)
            self.seed_ = int(given) if isinstance(given, int | np.integer) else int(drawn.randint(2**31 - 1))
        if isinstance(X, pd.DataFrame) and (fitting or self.columns_ is not None):
            frame = self._read_of(X) if fitting else self._completed(X)
            validate_data(self, frame, reset=fitting, skip_check_array=True)
            if fitting and len(frame) < 2:
                raise ValueError(f"at least 2 samples are needed to fit, found {len(frame)} sample")
            self.columns_: pd.Index | None = frame.columns if fitting else self.columns_
            return frame.reset_index(drop=True)
        options: dict[str, Any] = {"dtype": dtype_of(X), "ensure_all_finite": "allow-nan"}
        checked = validate_data(self, X, reset=fitting, ensure_min_samples=2 if fitting else 1, **options)
        self.columns_ = None if fitting else self.columns_
        made = pd.DataFrame(checked)
        return made.add_prefix("x") if self.columns_ is None else made.set_axis(self.columns_, axis=1)

    def _read_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns that the given modalities read; what else stands there, a target say, does not concern them."""
        have = names_of(frame)
        if self.modalities is None:
            return frame
        names = [name for part in self.modalities.values() for name in part.reader.names]
        wanted = set(expand_columns(names, have, where="X"))
        return frame.loc[:, [name in wanted for name in have]]

    def _completed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns of fit in the order of fit; those of a modality that is wholly absent are empty in every row.

        What is lacking of a modality that is there in part stays out, for scikit-learn to refuse.
        """
        have, read = names_of(frame), names_of(pd.DataFrame(columns=self.columns_))
        senses = [set(part.reader.names) for part in self.model_.modalities.values()]
        if all(names.isdisjoint(have) for names in senses):
            raise ValueError(f"X has no column of any modality; fit met {', '.join(read)}"[:500])
        needed = set().union(*[names for names in senses if not names.isdisjoint(have)])
        kept = [place for place, name in enumerate(read) if name in have or name not in needed]
        own = frame.set_axis(have, axis=1).reindex(columns=[read[place] for place in kept])
        return own if self.columns_ is None else own.set_axis(self.columns_[kept], axis=1)

    def _fit(self, frame: pd.DataFrame, targets: pd.DataFrame, tasks: dict[str, Task], groups: Any) -> None:
        table = from_frame(pd.concat([frame, targets], axis=1), source="X", files=self.files)
        names = [str(name) for name in targets.columns]
        # A network cannot give every column's name to a part.
        self.asked_ = {name if usable_name(name) else f"target_{place}": name for place, name in enumerate(tasks)}
        parts = Parts(
            modalities=self._senses(table, names),
            tasks=dict(zip(self.asked_, tasks.values(), strict=True)),
            fusion=self.fusion or Late(),
            balancer=self.balancer or Equal(),
            settings=self._settings(),
            width=int(self.width),
            sharing=self._sharing,
        )
        # Too few rows to spare any: then the last weights are taken.
        share = float(self.validation) if len(table) >= 20 else 0.0
        plan = SplitPlan(test=0.0, validation=share, seed=self.seed_)
        together = []
        if groups is not None:
            check_consistent_length(frame, groups)
            together.append(parse_labels(pd.Series(np.asarray(groups))))
        division = divided(table, plan, together=together, strata=strata_of(table, names))
        refused: list[Refusal] = []

        def report(event: Mapping[str, Any]) -> None:
            refused.extend([event["refusal"]] if event["event"] == "refused" else [])

        self.fitted_: Fitted = fit_parts(table, parts, division, watch=Watch(report))
        warn_of(refused, table)
        # In double precision a row's prediction does not depend on which rows stand beside it.
        self.model_ = self.fitted_.model.cpu().double()

    def _senses(self, table: DataTable, targets: Sequence[str]) -> dict[str, Modality]:
        # A pattern must not meet a target, which stands in the same table.
        columns = [name for name in table.frame.columns if name not in targets]
        if self.modalities is not None:
            given = {name: copy.deepcopy(part) for name, part in self.modalities.items()}
            for part in given.values():
                part.reader.names = expand_columns(part.reader.names, columns, where="X")
            return given
        if self.columns_ is None:
            return {"table": Table(columns)}
        proposed = propose(table, list(targets), everything=True)
        return Spec.from_dict({key: proposed[key] for key in ("data", "modalities", "tasks")}).build().modalities

    def _decoded(self, X: Any) -> dict[str, Decoded]:
        """What each task says of each row of X."""
        check_is_fitted(self, "model_")
        table = from_frame(self._frame(X, fitting=False), source="X", files=self.files)
        model, samples = self.model_, read_samples(table, self.model_, targets=())
        refused = samples.refusals()
        made = outputs(model, samples, np.arange(len(table)), refused=refused.append)
        warn_of(refused, table)
        return {asked: model.tasks[name].decode(made[name]) for name, asked in self.asked_.items()}


def _refuse_others(folder: Path) -> None:
    """What somebody else keeps there must not be replaced."""
    if not folder.exists() or (folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir()))):
        return
    raise UsageProblem(
        "folder-in-use",
        where=str(folder),
        expected="a folder that is not there yet, or a saved model to replace",
        found="a folder with other things in it" if folder.is_dir() else "a file",
        remedy="name a folder for this model alone",
    )
