"""The sections of a spec, each said once: what may be written there, of which kind, and what is taken otherwise."""

from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, create_model, model_validator

from polymodal.core import did_you_mean
from polymodal.data.findings import CODES
from polymodal.data.splits import SplitPlan
from polymodal.spec.parts import BALANCERS, FUSIONS, MODALITIES, OBJECTIVES, SHARINGS, STRICT, TASKS, Folder, options_of
from polymodal.training import Settings

__all__ = [
    "ANSWERS",
    "AutomaticModality",
    "AutomaticTask",
    "DataSection",
    "Join",
    "SplitSection",
    "TableSection",
    "document_model",
]

# By benchmarks/fusion.py level with the best, clean and dark, on most sets; it also decides from any one modality.
DEFAULT_FUSION = "late"
DEFAULT_BALANCER = "equal"
DEFAULT_SHARING = "hard"
ANSWERS = ("target", "time", "event")
"""Options of tasks that name a column of answers."""
# A share of 0 leaves a part empty on purpose.
Share = Annotated[float, Field(ge=0, lt=1)]
Label = str | int | float | bool


def _code(given: str) -> str:
    # What a run that is started from has seen is no finding in the table.
    known = [*CODES, "pretrained-on-test"]
    if given not in known:
        raise ValueError(f"the code of a finding; {did_you_mean(given, known)}")
    return given


Code = Annotated[str, AfterValidator(_code)]


class Join(BaseModel):
    """Another table whose columns are added by id, never by the order of rows."""

    model_config = STRICT

    table: str = Field(description="The file of the other table, relative to the spec.")
    on: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="The id column that both tables have, or all columns that make an id only together.",
    )
    rename: dict[str, str] = Field(
        default={}, description="Other names for columns of that table, before it is joined."
    )


class SplitSection(BaseModel):
    """Which rows are kept for the test, and for choosing when to stop."""

    model_config = STRICT

    column: str | None = Field(default=None, description="A column that says for each row which part it belongs to.")
    test: Share | list[Label] | None = Field(
        default=None,
        description="The share of rows (or of groups) for the test, or the values of `column` that mean test.",
    )
    validation: Share | list[Label] | None = Field(
        default=None,
        description="The same for validation; unless given, a tenth of the training rows, whole groups at a time.",
    )
    time: str | None = Field(default=None, description="A date column: the latest rows become the test.")
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="Decides which rows are drawn.")

    @model_validator(mode="after")
    def _one_form(self) -> "SplitSection":
        if self.column is not None and self.time is not None:
            raise ValueError("one of column and time, not both")
        if self.column is not None and not isinstance(self.test, list):
            raise ValueError("a list of test values beside column, such as {column: fold, test: [test]}")
        if self.column is None and isinstance(self.test, list):
            raise ValueError("a share of rows for test, such as 0.2, unless column is given")
        if self.column is None and isinstance(self.validation, list):
            raise ValueError("a share of rows for validation, such as 0.1, unless column is given")
        return self

    def plan(self) -> SplitPlan:
        """The same, as the data layer takes it."""
        return SplitPlan(**self.model_dump())


class TableSection(BaseModel):
    """One of several tables: tasks say which they are from, and modalities read the columns of all that have them."""

    model_config = STRICT

    table: str = Field(min_length=1, description="The file, relative to the spec.")
    rename: dict[str, str] = Field(default={}, description="Other names for some of its columns.")
    join: list[Join] = Field(default=[], description="Tables whose columns are added to this one by id.")
    missing: list[str] | None = Field(default=None, description="What is missing here; as in `data` unless given.")
    split: SplitSection | None = Field(default=None, description="How its rows are divided; as in `data` unless given.")
    times: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=1.0, description="How often an epoch comes by each of its training rows."
    )


class DataSection(BaseModel):
    """Where the rows are, how tables are joined, what counts as missing, and how the rows are divided."""

    model_config = STRICT

    table: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The table, relative to the spec: csv, tsv, parquet, feather, jsonl, FASTA, SMILES, SDF, a folder.",
    )
    tables: dict[str, TableSection] = Field(
        default={}, description="Several tables instead, by name; a task says by `from` which one it is asked of."
    )
    files: str | None = Field(
        default=None, description="The folder that file columns are relative to; no path may leave it."
    )
    id: str | None = Field(default=None, description="The id column; needed where tables are joined.")
    join: list[Join] = Field(default=[], description="Other tables, joined by id. An unmatched row is absent there.")
    group: str | None = Field(default=None, description="Rows with the same value here never straddle a split.")
    split: SplitSection = Field(
        default_factory=lambda: SplitSection.model_validate({}),
        description="A column, a random share, or the latest rows.",
    )
    missing: list[str] = Field(default=[""], description="What stands for a missing value in the table.")
    bad_rows: Literal["error", "skip", "mask"] = Field(
        default="mask",
        description="What becomes of a value that cannot be read: stop, leave the row out, or count it as absent.",
    )
    allow: list[Code] = Field(default=[], description="Codes of findings that are accepted on purpose.")

    @model_validator(mode="after")
    def _one_form(self) -> "DataSection":
        if (self.table is None) == (not self.tables):
            raise ValueError("either table: … or tables: …")
        if self.tables and self.join:
            raise ValueError("join in each of the tables, not beside them")
        return self


class AutomaticModality(BaseModel):
    """A modality whose kind is chosen from the content of its columns and the number of rows."""

    model_config = STRICT

    type: Literal["auto"]
    columns: list[str] = Field(min_length=1, description="The columns; patterns such as csf_* are allowed.")


class AutomaticTask(BaseModel):
    """A task whose kind is chosen from the content of its target."""

    model_config = STRICT

    type: Literal["auto"]
    target: str = Field(description="The column to predict.")
    weight: Annotated[float, Field(ge=0)] = Field(default=1.0, description="How much its loss counts.")


class FromTable(BaseModel):
    """What may be said of every task beside its options."""

    model_config = STRICT

    from_: str | None = Field(default=None, alias="from", description="The one of `data.tables` that it is asked of.")


@cache
def document_model() -> type[BaseModel]:
    """The whole spec as one strict model, made once from the parts of this installation."""
    modality: Any = _one_of([*MODALITIES.options().values(), AutomaticModality])
    task: Any = _one_of([*map(_with_table, TASKS.options().values()), _with_table(AutomaticTask)])
    objective: Any = _one_of(list(OBJECTIVES.options().values()))
    shape, training = _model_section(), _train_section()
    return create_model(
        "Spec",
        __config__=STRICT,
        __doc__="What a polymodal model is made of, trained on and asked for.",
        version=(Literal[1], Field(1, description="The version of this format.")),
        data=(DataSection, ...),
        modalities=(dict[str, modality], Field(min_length=1, description="What each row is described by, by name.")),
        tasks=(dict[str, task], Field(default={}, description="What is predicted for each row, by name.")),
        objectives=(
            dict[str, objective],
            Field(default={}, description="What is learned without labels, before the tasks or beside them, by name."),
        ),
        model=(shape, Field(default_factory=shape, description="The shape of the model.")),
        train=(training, Field(default_factory=training, description="How it is trained.")),
    )


def _with_table(options: type[BaseModel]) -> type[BaseModel]:
    return create_model(options.__name__, __base__=(options, FromTable), __doc__=options.__doc__)


def _model_section() -> type[BaseModel]:
    return create_model(
        "Model",
        __config__=STRICT,
        width=(Annotated[int, Field(ge=4, le=4096)], Field(64, description="The length of every token.")),
        fusion=_part_field(FUSIONS, DEFAULT_FUSION, "How modalities are brought together."),
        sharing=_part_field(SHARINGS, DEFAULT_SHARING, "What each task has for itself before its head."),
        start_from=(
            str | None,
            Field(None, description="A run of pretrain or fit, relative to the spec, whose weights are begun with."),
        ),
    )


def _train_section() -> type[BaseModel]:
    options = options_of(Settings, typed=False)
    balancer = _part_field(BALANCERS, DEFAULT_BALANCER, "How the losses of the tasks are weighed against each other.")
    return create_model("Train", __base__=options, balancer=balancer)


def _part_field(folder: Folder, default: str, description: str) -> tuple[Any, Any]:
    options = folder.options()
    return (_one_of(list(options.values())), Field(options[default](type=default), description=description))


def _one_of(models: list[type[BaseModel]]) -> Any:
    """Any of the models, told apart by the key "type"."""
    return Annotated[reduce(or_, models), Field(discriminator="type")] if len(models) > 1 else models[0]
