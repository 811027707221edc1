"""Few patients, many numbers: does the default model keep up with logistic regression?

Question: impaired or not from 127 proteins, age, sex and APOE genotype of 333 patients, AUROC, stratified 10-fold,
repeated with other folds.
Bar: at least logistic regression of the same folds, with C = 1 (numbers standardised, genotype one-hot) and with C
tuned on the fold's training rows; boosted trees are shown beside. Read by: the lower 95 % bound of the mean difference
over folds, corrected for the rows that folds share, is above -1 point. The model is the set's spec, nothing tuned.

    python benchmarks/ad_csf.py [REPETITIONS [FIRST]]
"""

import sys

import numpy as np
import pandas as pd
from compare import compare_fold, gap_over_folds, open_set, row_division, score
from record import write
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = ["logistic", "main", "summary"]

FOLDS = 10
PLAIN = ("logistic, C = 1", "logistic, C tuned", "boosted trees")


def logistic(frame: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> float:
    """AUROC of logistic regression with C = 1 on all columns."""
    truth, inputs = frame["Class"] == "Impaired", frame.drop(columns="Class")
    numbers = [name for name in inputs if name != "Genotype"]
    inputs[numbers] = inputs[numbers].astype(float)  # a text table gives text
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["Genotype"]), remainder=StandardScaler()
    )
    model = make_pipeline(columns, LogisticRegression(C=1.0, max_iter=5000))
    model.fit(inputs.iloc[train], truth.iloc[train])
    return float(roc_auc_score(truth.iloc[test], model.predict_proba(inputs.iloc[test])[:, 1]))


def summary(folds: pd.DataFrame) -> list[dict[str, object]]:
    """A row for each plain model: both means, and the mean difference with its interval."""
    rows = []
    train, test = folds["n_train"].mean(), folds["n_test"].mean()
    for name in PLAIN:
        found = gap_over_folds(list(folds["ours"] - folds[name]), train, test)
        rows.append(
            {"versus": name, "folds": len(folds), "ours": folds["ours"].mean(), "plain": folds[name].mean()}
            | {"difference": found.difference, "low": found.low, "high": found.high, "bar_met": found.low > -0.01}
        )
    return rows


def main(repetitions: int = 3, first: int = 0) -> None:
    """Write each fold to ad_csf_folds.csv as it comes, and the comparison to ad_csf.csv."""
    source = open_set("ad_csf")
    frame, made = source.table.frame, []
    truth = frame["Class"].to_numpy()
    for repetition in range(first, first + repetitions):
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=repetition)
        for number, (train, test) in enumerate(splitter.split(truth, truth)):
            seed = repetition * FOLDS + number
            fold = compare_fold(source, row_division(source, train, test, seed), seed=seed)
            plain = fold.floors["impaired"]
            row: dict[str, float] = {
                "repetition": repetition,
                "fold": number,
                "n_train": len(train),
                "n_test": len(test),
            }
            row |= {"ours": score(fold.ours()["impaired"], "auroc"), PLAIN[0]: logistic(frame, train, test)}
            row |= {PLAIN[1]: score(plain["linear"].answers, "auroc")}
            row |= {PLAIN[2]: score(plain["boosting"].answers, "auroc"), "fit_seconds": fold.seconds}
            made.append(row)
            print(row, flush=True)
            write("ad_csf_folds", made, "10 × repetition + fold")
        write("ad_csf", summary(pd.DataFrame(made)), f"repetitions {first} to {repetition}")
    print(pd.DataFrame(summary(pd.DataFrame(made))).to_string())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
