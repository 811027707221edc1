"""How good predictions are, by the usual names; one that is undefined here (a single class, say) is left out.

Each metric is written once, for rows that count `weights` (draws, n) times, and gives (draws,) values: with weights of
1 it is the metric, with the counts of resampled rows it is a bootstrap. scikit-learn, which gives the same numbers one
draw at a time, is the reference in the tests.

>>> truth, probabilities = ["no", "yes", "yes"], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
>>> round(classification(truth, probabilities, ["no", "yes"])["accuracy"], 3)
0.667
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from polymodal.tasks.answers import AnswerKind, Answers
from polymodal.tasks.boxes import average_precision
from polymodal.tasks.by_member import member_scores
from polymodal.tasks.hazards import Curves
from polymodal.tasks.pooled import table_scores
from polymodal.tasks.weighted import (
    agreement,
    calibration_error,
    class_scores,
    concordance,
    correlation,
    count_scores,
    mean,
    mean_of_defined,
    median,
    poisson_deviances,
    rank_correlation,
    ranking,
    spread_explained,
)
from polymodal.tasks.writing import chrf, exact_matches, gram_counts

__all__ = [
    "LOWER_IS_BETTER",
    "AnswerKind",
    "Answers",
    "box_scores",
    "by_row",
    "c_index",
    "classification",
    "counts",
    "depth_scores",
    "measure",
    "multilabel",
    "ordinal",
    "pixel_scores",
    "poisson_deviances",
    "ranking_scores",
    "regression",
    "spelling",
    "survival",
    "texts",
    "token_errors",
    "token_scores",
]

LOWER_IS_BETTER = frozenset(
    {
        *("log_loss", "brier", "integrated_brier", "ece", "mse", "mae", "rmse", "deviance", "abs_rel", "median_rank"),
        *("character_error_rate", "word_error_rate"),
    }
)
"""Metrics that are errors; of all others, more is better."""

SMALLEST = 1e-15
"""The least probability that a logarithm is taken of."""

Draws = dict[str, np.ndarray]


def classification(
    truth: ArrayLike, probabilities: ArrayLike, classes: Sequence[str], prediction: ArrayLike | None = None
) -> dict[str, float]:
    """How well labels are told apart: accuracy, balanced_accuracy, macro_f1, auroc, auprc, log_loss, brier, ece.

    `probabilities` (n, classes) stand in the order of `classes`; of two classes the last is the positive one. The
    prediction is the most probable class unless given. With more than two classes auroc and auprc are means over each
    class against the rest, for those classes that have rows on both sides; brier is the sum over classes (Brier 1950).
    ece has 15 equal bins of the top probability (Guo et al. 2017).
    """
    chances = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(classes))
    top = np.asarray(classes, dtype=object)[chances.argmax(1)] if prediction is None else prediction
    return _single(Answers("classes", _labels(truth), _labels(top), chances, classes))


def ordinal(
    truth: ArrayLike, prediction: ArrayLike, probabilities: ArrayLike | None, classes: Sequence[str]
) -> dict[str, float]:
    """How well ordered labels are met: qwk, mae (in steps), spearman, and what `classification` says.

    qwk is Cohen's kappa with quadratic weights (Cohen 1968). Without probabilities, whatever needs them is left out.
    """
    chances = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    return _single(Answers("ordered", _labels(truth), _labels(prediction), chances, classes))


def multilabel(truth: ArrayLike, probabilities: ArrayLike, prediction: ArrayLike | None = None) -> dict[str, float]:
    """How well several labels at once are met: macro_f1, auroc and auprc as means over labels, accuracy, exact_match.

    `truth` (n, classes) is True where a label holds. A label is predicted above a probability of .5 unless
    `prediction` is given. accuracy, log_loss, brier and ece are taken over all (row, label) pairs.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    chosen = chances > 0.5 if prediction is None else np.asarray(prediction, dtype=bool)
    return _single(Answers("labels", np.asarray(truth, dtype=bool), chosen, chances))


def regression(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """How well numbers are met: mse, mae, rmse, r2, pearson, spearman."""
    known, guess = np.asarray(truth, dtype=np.float64).ravel(), np.asarray(prediction, dtype=np.float64).ravel()
    return _single(Answers("numbers", known, guess))


def counts(truth: np.ndarray, rate: ArrayLike) -> dict[str, float]:
    """How well counts are met: deviance (the mean Poisson deviance), mae, rmse.

    `truth` (n,) are counts, or of the type `COUNTED`; `rate` (n,) is what is expected of an exposure of 1.
    """
    return _single(Answers("counts", np.asarray(truth), np.asarray(rate, dtype=np.float64)))


def spelling(truth: Sequence[str], written: Sequence[str]) -> dict[str, float]:
    """How well texts are heard: character_error_rate and word_error_rate, edits for each true sign, and word.

    Edits of all rows together are divided by the signs of all true texts, so that both may exceed 1 (Levenshtein 1966).
    """
    return _single(Answers("spelled", _labels(list(truth)), _labels(list(written))))


def survival(truth: np.ndarray, risk: np.ndarray, curves: Curves | None = None) -> dict[str, float]:
    """How well it is told when something happens: c_index, and with curves integrated_brier up to their last time.

    `truth` (n,) is of the type `OUTCOME`; `risk` (n,) is larger where the event comes sooner. c_index is that of
    Harrell et al. (1982), integrated_brier that of Graf et al. (1999), in the unit of a squared chance.
    """
    return _single(Answers("times", truth, np.asarray(risk, dtype=np.float64), curves=curves))


def ranking_scores(ranks: ArrayLike) -> dict[str, float]:
    """How early what was looked for came: recall_at_1, recall_at_5, recall_at_10, median_rank, mrr of ranks (n,)."""
    found = np.asarray(ranks, dtype=np.float64).ravel()
    return _single(Answers("ranks", np.zeros(len(found)), found))


def texts(truth: Sequence[str], written: Sequence[str]) -> dict[str, float]:
    """How well texts are met: exact_match, and chrf from 0 to 1 (Popović 2015)."""
    return _single(Answers("texts", _labels(list(truth)), _labels(list(written))))


def token_scores(truth: ArrayLike, prediction: ArrayLike, classes: Sequence[str]) -> dict[str, float]:
    """How well each token is told: token_accuracy, balanced_accuracy, macro_f1, over all labelled tokens of all rows.

    Both are (n,) lists of labels, None where the truth is not known. A token that was not told counts as wrong.
    """
    held = Answers("tokens", np.asarray(truth, dtype=object), np.asarray(prediction, dtype=object), classes=classes)
    return _single(held)


def token_errors(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """How well the number of each token is met: mse, mae, rmse, r2, pearson, spearman, over all known tokens.

    Both are (n,) lists of numbers, None where the truth is not known. Where nothing was told of a token (its modality
    is absent), the mean of all that was told stands for it.
    """
    held = Answers("token_numbers", np.asarray(truth, dtype=object), np.asarray(prediction, dtype=object))
    return _single(held)


def pixel_scores(tables: ArrayLike) -> dict[str, float]:
    """How well pixels are told apart: miou and pixel_accuracy, over all pixels of all rows.

    `tables` (n, classes, classes) say for each row how many pixels of a class (second axis) are taken for which
    (third). miou is the mean over classes, told or true anywhere, of what is both, as a share of what is either.
    """
    held = np.asarray(tables)
    return _single(Answers("pixels", held.sum(axis=2), held))


def depth_scores(known: ArrayLike, sums: ArrayLike) -> dict[str, float]:
    """How well distances are told: abs_rel, delta1 and rmse, over all known pixels of all rows.

    abs_rel is the mean error as a share of the true distance, delta1 the share of pixels whose ratio is under 1.25.
    `known` (n,) counts them in each row; `sums` (n, 3) are those of relative errors, of hits, and of squared errors.
    """
    return _single(Answers("depths", np.asarray(known), np.asarray(sums, dtype=np.float64)))


def box_scores(counts: ArrayLike, found: ArrayLike, classes: Sequence[str]) -> dict[str, float]:
    """ap50, the mean over classes, and ap50_CLASS of each, from counts (n, classes) and what `boxes.matched` gives."""
    return _single(
        Answers("boxes", np.asarray(counts, dtype=np.float64), np.asarray(found, dtype=object), None, classes)
    )


def by_row(answers: Answers) -> dict[str, np.ndarray]:
    """Each metric of each row alone, (n,); NaN where it is undefined."""
    found = [_single(answers.take(np.array([row]))) for row in range(len(answers))]
    names = sorted({name for each in found for name in each})
    return {name: np.array([each.get(name, np.nan) for each in found]) for name in names}


def c_index(truth: ArrayLike, prediction: ArrayLike, observed: ArrayLike | None = None) -> float | None:
    """How often the larger of two true values also has the larger prediction (Harrell et al. 1982); ties count half.

    `observed` (n,) is False where only a lower bound of the truth is known (censoring): a pair counts where the smaller
    truth was observed. None where no pair can be compared.
    """
    known, guess = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    seen = np.ones(len(known), dtype=bool) if observed is None else np.asarray(observed, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(concordance(known, guess, seen, np.ones((1, len(known))))[0])
    return found if np.isfinite(found) else None


def measure(answers: Answers, weights: np.ndarray | None = None) -> Draws:
    """Every metric of these answers, (draws,) each, with rows counted by `weights` (draws, n); NaN where undefined."""
    weights = np.ones((1, len(answers))) if weights is None else weights
    with np.errstate(divide="ignore", invalid="ignore"):
        return _MEASURES[answers.kind](answers, weights)


def _single(answers: Answers) -> dict[str, float]:
    if len(answers) == 0:
        return {}
    found = {name: float(values[0]) for name, values in measure(answers).items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _classes(answers: Answers, weights: np.ndarray) -> Draws:
    truth, chosen = answers.numbered
    made = class_scores(truth, chosen, len(answers.classes), weights)
    if answers.probabilities is None:
        return made
    held = truth[:, None] == np.arange(len(answers.classes))
    first = len(answers.classes) - 1 if len(answers.classes) == 2 else 0
    made |= _ranking(held[:, first:], answers.probabilities[:, first:], weights)
    return made | _calibration(truth, answers.probabilities, weights)


def _ordered(answers: Answers, weights: np.ndarray) -> Draws:
    truth, chosen = answers.numbered
    made = {
        "qwk": agreement(truth, chosen, len(answers.classes), weights),
        "mae": mean(np.abs(truth - chosen), weights),
        "spearman": rank_correlation(truth, chosen, weights),
    }
    return made | _classes(answers, weights)


def _multilabel(answers: Answers, weights: np.ndarray) -> Draws:
    truth, chosen, chances = answers.truth.astype(bool), answers.prediction.astype(bool), answers.probabilities
    right = truth == chosen
    hits, wrong = weights @ (truth & chosen), weights @ (~right)
    made = {
        "macro_f1": mean_of_defined(2 * hits / (2 * hits + wrong)),
        "accuracy": mean(right.mean(1), weights),
        "exact_match": mean(right.all(1), weights),
    }
    if chances is None:
        return made
    made |= _ranking(truth, chances, weights)
    held = np.clip(np.where(truth, chances, 1 - chances), SMALLEST, 1)
    made["log_loss"] = mean(-np.log(held).mean(1), weights)
    made["brier"] = mean(((chances - truth) ** 2).mean(1), weights)
    each = np.repeat(weights, chances.shape[1], axis=1)
    made["ece"] = calibration_error(chances.ravel(), truth.ravel(), each)
    return made


def _regression(answers: Answers, weights: np.ndarray) -> Draws:
    truth, guess = answers.truth.astype(np.float64), answers.prediction.astype(np.float64)
    squared = mean((truth - guess) ** 2, weights)
    return {
        "mse": squared,
        "mae": mean(np.abs(truth - guess), weights),
        "rmse": np.sqrt(squared),
        "r2": spread_explained(truth, guess, weights),
        "pearson": correlation(truth, guess, weights),
        "spearman": rank_correlation(truth, guess, weights),
    }


def _counts(answers: Answers, weights: np.ndarray) -> Draws:
    return count_scores(answers.truth, answers.prediction.astype(np.float64), weights)


def _spelled(answers: Answers, weights: np.ndarray) -> Draws:
    edits = answers.edits
    return {
        "character_error_rate": weights @ edits[:, 0] / (weights @ edits[:, 1]),
        "word_error_rate": weights @ edits[:, 2] / (weights @ edits[:, 3]),
    }


def _ranking(held: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> Draws:
    pairs = [ranking(held[:, at], chances[:, at], weights) for at in range(held.shape[1])]
    areas, precisions = (np.stack(values, axis=1) for values in zip(*pairs, strict=True))
    return {"auroc": mean_of_defined(areas), "auprc": mean_of_defined(precisions)}


def _calibration(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> Draws:
    chances = probabilities / probabilities.sum(1, keepdims=True)
    held = truth[:, None] == np.arange(chances.shape[1])
    halves = 2 if chances.shape[1] == 2 else 1  # of two classes, the error of one is counted, as scikit-learn does
    return {
        "log_loss": mean(-np.log(np.clip((chances * held).sum(1), SMALLEST, 1)), weights),
        "brier": mean(((chances - held) ** 2).sum(1) / halves, weights),
        "ece": calibration_error(chances.max(1), chances.argmax(1) == truth, weights),
    }


def _labels(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=object).ravel()


def _times(answers: Answers, weights: np.ndarray) -> Draws:
    truth, errors = answers.truth, answers.curve_errors
    made = {"c_index": concordance(truth["time"], -answers.prediction.astype(np.float64), truth["event"], weights)}
    return made if errors is None else made | {"integrated_brier": mean(errors, weights)}


def _ranks(answers: Answers, weights: np.ndarray) -> Draws:
    ranks = answers.prediction.astype(np.float64)
    recalls: Draws = {f"recall_at_{most}": mean(ranks <= most, weights) for most in (1, 5, 10)}
    return recalls | {"median_rank": median(ranks, weights), "mrr": mean(1 / ranks, weights)}


def _texts(answers: Answers, weights: np.ndarray) -> Draws:
    written, truth = list(answers.prediction), list(answers.truth)
    return {
        "exact_match": mean(exact_matches(written, truth), weights),
        "chrf": chrf(gram_counts(written, truth), weights),
    }


def _tokens(answers: Answers, weights: np.ndarray) -> Draws:
    return table_scores(answers.label_tables, len(answers.classes), weights)


def _token_numbers(answers: Answers, weights: np.ndarray) -> Draws:
    return answers.row_sums.scores(weights)


def _members(answers: Answers, weights: np.ndarray) -> Draws:
    if answers.probabilities is None:
        return member_scores(answers.truth, answers.prediction, None, weights)
    return member_scores(answers.truth, answers.probabilities[:, -1], answers.classes[-1], weights)


def _pixels(answers: Answers, weights: np.ndarray) -> Draws:
    """From the table of true by told classes of each row, summed up over the rows that are drawn."""
    held = answers.prediction.astype(np.float64)
    tables = (weights @ held.reshape(len(held), -1)).reshape(len(weights), *held.shape[1:])
    hits, true, told = np.einsum("dcc->dc", tables), tables.sum(axis=2), tables.sum(axis=1)
    return {
        "miou": mean_of_defined(hits / (true + told - hits)),
        "pixel_accuracy": hits.sum(axis=1) / true.sum(axis=1),
    }


def _depths(answers: Answers, weights: np.ndarray) -> Draws:
    count, sums = weights @ answers.truth.astype(np.float64), weights @ answers.prediction
    return {
        "abs_rel": sums[:, 0] / count,
        "delta1": sums[:, 1] / count,
        "rmse": np.sqrt(sums[:, 2] / count),
    }


def _boxes(answers: Answers, weights: np.ndarray) -> Draws:
    each = average_precision(answers.truth, answers.prediction, weights)
    return {"ap50": mean_of_defined(each)} | {
        f"ap50_{name}": each[:, place] for place, name in enumerate(answers.classes)
    }


_MEASURES = {
    "classes": _classes,
    "ordered": _ordered,
    "labels": _multilabel,
    "numbers": _regression,
    "counts": _counts,
    "times": _times,
    "ranks": _ranks,
    "texts": _texts,
    "tokens": _tokens,
    "token_numbers": _token_numbers,
    "spelled": _spelled,
    "members": _members,
    "pixels": _pixels,
    "depths": _depths,
    "boxes": _boxes,
}
