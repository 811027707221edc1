"""What a car sees: lanes, vehicles and distances by one net, who helps whom, and what wrong lanes do to the others.

In drawn roads (synthetic) everything is known of every pixel, so each task is learned alone, all together, and all but
one. Then lane maps of training are dealt out among the wrong scenes, at several rates, and balancers have to cope; one
of them is chosen by validation rows. CamVid is real: classes of pixels, and boxes that are derived of them.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from polymodal import run
from polymodal.evaluation import bootstrap
from polymodal.evaluation.arms import Arm, Bench
from polymodal.evaluation.effects import Scores, effect
from polymodal.evaluation.runs import answered
from polymodal.evaluation.transfer import Poison, transfer
from polymodal.recipes.base import Finding, Kitchen, Recipe, Told, figure, gain
from polymodal.report.transferred import transfer_page

__all__ = ["RECIPE"]

SEEDS = 3
WRONG, RATE, RATES = "lanes", 0.4, (0.7, 1.0)
"""The task whose answers are made wrong, the share of them, and larger ones where that does no harm."""
BALANCERS = ("uncertainty", "up_grad")
"""What may be chosen in place of the plain sum: one that looks at losses, one at gradients."""
WEATHERS = ("clear", "rain", "fog")
ROADS = {"train": {"epochs": 8, "batch_size": 8, "lr": 4e-3}}
CARS = {"type": "detection", "target": "cars", "of": "view", "names": ["car"]}


def _cook(kitchen: Kitchen) -> Told:
    seeds = range(kitchen.seed, kitchen.seed + (1 if kitchen.tiny else SEEDS))
    bench = Bench(kitchen.spec("drawn_roads", ROADS), kitchen.out / "roads", seeds, note=kitchen.note)
    told = transfer(bench, Poison(WRONG, RATE))
    page = transfer_page(told, kitchen.out / "transfer.html", "drawn roads (synthetic)")
    found = []
    for task, metric in told.headlines.items():
        found += [Finding(f"{task}, {metric} alone", told.alone[task])]
        found += [Finding(f"{task}, {metric} together", told.together[task])]
        found.append(gain(f"{task}, {metric}, together less alone", told.gains[task]))
    found += [*_by_weather(bench), *_poisoned(bench, kitchen.tiny), *_real(kitchen)]
    return Told(found, [page.name])


def _by_weather(bench: Bench) -> Iterator[Finding]:
    """What all tasks together reach in each weather: the mean over seeds."""
    opened = [run.open_run(place) for place in bench.folders(Arm(tuple(bench.names)))]
    for weather in WEATHERS:
        values: dict[str, list[float]] = {}
        for fitted in (each.fitted for each in opened):
            test = fitted.split.test
            rows = test[fitted.table.frame["weather"].iloc[test].to_numpy() == weather]
            for task, (_, made, _) in answered(fitted, rows).items():
                values.setdefault(task, []).append(bootstrap(made).metrics[bench.headlines[task]])
        for task, each in values.items():
            yield Finding(f"{task}, {bench.headlines[task]} in {weather}", float(np.mean(each)), n=len(rows))


def _poisoned(bench: Bench, tiny: bool) -> Iterator[Finding]:
    """What wrong lanes change under the plain sum, rate by rate, and under the balancer that validation rows prefer."""
    names = tuple(bench.names)
    clean = bench.scores(Arm(names))
    for rate in (RATE, *(() if tiny else RATES)):
        yield from _spread(f"{rate:.0%} wrong lanes, plain sum", bench.scores(Arm(names, None, (WRONG, rate))), clean)
    arms = {name: Arm(names, name, (WRONG, RATE)) for name in BALANCERS[: 1 if tiny else None]}
    losses = {name: bench.validation(arm) for name, arm in arms.items()}
    losses["plain sum"] = bench.validation(Arm(names, None, (WRONG, RATE)))
    for name, loss in losses.items():
        yield Finding(f"{RATE:.0%} wrong lanes, validation loss, {name}", loss)
    chosen = min(arms, key=losses.__getitem__)
    yield from _spread(
        f"{RATE:.0%} wrong lanes, {chosen}", bench.scores(arms[chosen]), bench.scores(Arm(names, chosen))
    )


def _spread(what: str, wrong: Mapping[str, Scores], clean: Mapping[str, Scores]) -> Iterator[Finding]:
    for task, scores in clean.items():
        yield gain(f"{task}, {what}", effect(wrong[task], scores))


def _real(kitchen: Kitchen) -> Iterator[Finding]:
    """CamVid: both tasks together, over test frames of a drive that nobody has seen and of the end of another."""
    tasks = kitchen.spec("camvid").to_dict()["tasks"] | {"cars": CARS}
    told = kitchen.fitted("camvid", kitchen.spec("camvid", {"tasks": tasks}))
    yield figure(told, "classes", "miou", "CamVid: classes, miou")
    yield figure(told, "cars", "ap50", "CamVid: cars, ap50")


RECIPE = Recipe("driving_scene", "Lanes, vehicles and distances from a car", ("drawn_roads", "camvid"), _cook)
