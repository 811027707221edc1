"""Scenes as they should be, sentences that are true, and pixels from which every object can be told."""

import numpy as np
import pytest

from polymodal.core.seeding import numpy_generator
from polymodal.data.sets.drawn_scenes import (
    COLOURS,
    HELD_OUT,
    PLACES,
    RELATIONS,
    SHAPES,
    SIDE,
    STEP,
    Thing,
    arrange,
    describe,
    is_true_of,
    is_unseen,
    paint,
    understood,
)
from tests.data.sets.truth import is_true


@pytest.fixture(scope="module")
def scenes():
    generator = numpy_generator(0, "test")
    return [arrange(1 + number % 4, number % 3 == 0, generator) for number in range(240)]


def plain(scene):
    return [thing._asdict() for thing in scene]


def test_no_two_objects_share_a_place_or_a_kind(scenes):
    for number, scene in enumerate(scenes):
        assert len(scene) == 1 + number % 4
        assert len({thing.place for thing in scene}) == len({thing.words for thing in scene}) == len(scene)
        assert is_unseen(scene) == (number % 3 == 0)


def test_of_every_shape_one_pair_is_held_out_and_no_colour_twice():
    assert {shape for _, shape in HELD_OUT} == set(SHAPES)
    assert len({colour for colour, _ in HELD_OUT}) == len(HELD_OUT)


def test_captions_are_true_of_their_scene_in_the_eyes_of_another_reader(scenes):
    generator = numpy_generator(1, "test")
    related = 0
    for scene in scenes:
        caption = describe(scene, generator)
        related += caption.related is not None
        assert is_true_of(caption, scene)
        assert is_true(caption.text, plain(scene)), caption.text
    assert 60 < related < 120


def test_captions_and_the_other_reader_agree_about_scenes_that_were_changed(scenes):
    generator = numpy_generator(2, "test")
    wrong = 0
    for scene in scenes:
        caption = describe(scene, generator)
        free = sorted(set(PLACES) - {thing.place for thing in scene})
        cell = PLACES.index(free[int(generator.integers(len(free)))])
        moved = (scene[0]._replace(row=cell // 3, column=cell % 3), *scene[1:])
        assert is_true_of(caption, moved) == is_true(caption.text, plain(moved)), caption.text
        wrong += not is_true_of(caption, moved)
        assert not is_true_of(caption, scene[1:])
        assert not is_true_of(caption, (scene[0]._replace(colour="no colour"), *scene[1:]))
    assert wrong > 150


def test_relations_are_told_by_row_and_column():
    one, other = Thing("small", "red", "circle", 0, 1), Thing("large", "blue", "square", 2, 1)
    assert [name for name, holds in RELATIONS.items() if holds(one, other)] == ["above"]
    assert [name for name, holds in RELATIONS.items() if holds(other, one)] == ["below"]


def look(pixels):
    """Size, colour and shape of what is in a window: by its box, its mean colour and how it fills the box."""
    ground = pixels[0, 0].astype(float)
    off = np.abs(pixels - ground).sum(axis=2)
    ink = off > off.max() / 2
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colour = pixels[off > 0.95 * off.max()].mean(axis=0)
    upper, lower = np.array_split(box, 2)[0].mean(), np.array_split(box, 2)[1].mean()
    if box.mean() > 0.93:
        shape = "square"
    elif lower - upper > 0.25:
        shape = "triangle"
    else:
        shape = "circle" if box.mean() > 0.68 else "cross"
    nearest = min(COLOURS, key=lambda name: np.abs(np.array(COLOURS[name]) - colour).sum())
    return "large" if len(rows) > 10 else "small", nearest, shape


def test_every_object_can_be_told_from_its_pixels(scenes):
    pictures = paint(scenes, SIDE, STEP, numpy_generator(3, "test"))
    assert pictures.shape == (240, 48, 48, 3)
    assert pictures.dtype == np.uint8
    for scene, picture in zip(scenes, pictures, strict=True):
        windows = {
            place: picture[STEP * (cell // 3) :, STEP * (cell % 3) :][:STEP, :STEP] for cell, place in enumerate(PLACES)
        }
        shown = {place: look(pixels) for place, pixels in windows.items() if np.ptp(pixels, axis=(0, 1)).any()}
        assert shown == {thing.place: thing[:3] for thing in scene}


def test_smaller_pictures_have_the_same_objects_closer_together():
    scenes = [(Thing("large", "green", "circle", row, column),) for row in range(3) for column in range(3)]
    pictures = paint(scenes, 32, 8, numpy_generator(4, "test"))
    for (thing,), picture in zip(scenes, pictures, strict=True):
        assert look(picture) == thing[:3]
        off = np.abs(picture - picture[0, 0].astype(float)).sum(axis=2)
        rows, columns = np.nonzero(off > off.max() / 2)
        middle = np.array([rows.mean(), columns.mean()])
        assert np.abs(middle - (7.5 + 8 * np.array([thing.row, thing.column]))).max() < 1.5


def test_the_same_generator_draws_the_same():
    first, again = (numpy_generator(5, "test") for _ in range(2))
    drawn = [[arrange(4, True, generator) for _ in range(5)] for generator in (first, again)]
    assert drawn[0] == drawn[1]
    assert (paint(drawn[0], SIDE, STEP, first) == paint(drawn[1], SIDE, STEP, again)).all()


def test_what_is_described_is_understood_and_true():
    generator = np.random.default_rng(0)
    for number in range(300):
        scene = arrange(1 + number % 4, bool(number % 2), generator)
        caption = describe(scene, generator)
        read = understood(caption.text)
        assert read is not None
        assert read.placed == caption.placed
        assert (read.related is None) == (caption.related is None)
        assert is_true_of(read, scene)
        other = arrange(1 + number % 4, bool(number % 2), generator)
        assert not is_true_of(read, other) or {thing.words for thing in other} == {thing.words for thing in scene}


@pytest.mark.parametrize(
    "text",
    ["", "a circle", "a small red circle", "a small red circle at the moon", "a small red circle at the top, and",
     "a small red circle at the top, a small red circle at the left",
     "a small red circle above a large red cross, and a small red cross above a large blue cross"],
)  # fmt: skip
def test_other_sentences_are_not_understood(text):
    assert understood(text) is None
