"""Examples that are moved while they teach: by how much, what comes in at the edges, and the same twice."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from penjing.distillation.shifting import drawn, every_move, movable, moved, place_of
from penjing.distillation.train import train
from penjing.errors import Cancelled
from penjing.loading.dataset import Split
from penjing.plan import Distillation
from penjing.results import Progress
from tests.support.teaching import convolutional, quarters, same

DATA = quarters()
OPTIONS = Distillation(epochs=3, batch_size=32, lr=0.01, shift=1)


def shifted(values: torch.Tensor, most: int, *, channel_axis: int = 1) -> torch.Tensor:
    """The examples as a training moves them."""
    axes = movable(values.shape, most, channel_axis=channel_axis)
    return moved(values, axes, drawn(len(values), axes, most))


def moved_by_hand(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image moved, by numpy: an edge is repeated."""
    wide = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="edge")
    height, width = image.shape[1:]
    return wide[:, 2 - down : 2 - down + height, 2 - right : 2 - right + width]


def test_that_every_image_moves_on_its_own_by_at_most_so_many_pixels_and_all_moves_occur() -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(0).random((400, 2, 5, 6)).astype(np.float32)
    found = shifted(torch.from_numpy(images), 2).numpy()
    seen = set()
    for image, result in zip(images, found, strict=True):
        moves = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(moved_by_hand(image, down, right), result)
        ]
        assert len(moves) == 1
        seen.update(moves)
    assert len(seen) == 25


def test_that_channels_and_examples_without_a_place_are_never_moved() -> None:
    torch.manual_seed(0)
    flat = torch.rand(10, 7)
    assert torch.equal(shifted(flat, 2), flat)
    last = torch.rand(10, 9, 3)
    found = shifted(last, 2, channel_axis=-1)
    assert not torch.equal(found, last)
    values = [set(map(tuple, example.tolist())) for example in last]
    assert all(set(map(tuple, example.tolist())) <= values[place] for place, example in enumerate(found))
    short = torch.rand(10, 3, 2)
    assert torch.equal(shifted(short, 2), short)


def test_that_every_move_stands_where_its_place_says() -> None:
    moves = every_move((2, 3), 1)
    assert sorted(map(tuple, moves.tolist())) == [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert place_of(moves, 1).tolist() == list(range(9))
    assert place_of(drawn(5, (), 1), 1).tolist() == [0] * 5  # what cannot move stands at the one place there is
    assert len(every_move((), 1)) == 1


@pytest.mark.parametrize("epochs", [1, 9])  # asked every time, and once for all of the nine moves
def test_that_a_teacher_answers_what_the_student_sees(epochs: int) -> None:
    # A network that is its own teacher has nothing to learn from soft labels alone, however the examples are moved.
    model = convolutional(batch_norm=False)
    options = Distillation(epochs=epochs, soft_label=1.0, shift=1, lr=0.0)
    trained = train(model, DATA, options=options, teacher=model, kind="distill")
    assert trained.history[1].loss == pytest.approx(0.0, abs=1e-6)


def test_that_moved_examples_teach_otherwise_the_same_twice_and_when_resumed(tmp_path: Path) -> None:
    student, last = convolutional(10), dataclasses.replace(DATA, val=Split(x=DATA.val.x[:0], y=np.zeros(0, np.int64)))
    whole = train(student, last, options=OPTIONS, teacher=student, kind="distill").model
    still = msgspec.structs.replace(OPTIONS, shift=0)
    assert not same(whole, train(student, last, options=still, teacher=student, kind="distill").model)

    def cancel(progress: Progress) -> None:
        if progress.done == 14:
            raise Cancelled

    file = tmp_path / "state"
    with pytest.raises(Cancelled):
        train(student, last, options=OPTIONS, teacher=student, kind="distill", checkpoint=file, on_progress=cancel)
    resumed = train(student, last, options=OPTIONS, teacher=student, kind="distill", checkpoint=file).model
    assert same(resumed, whole)


def test_that_data_without_labels_is_moved_too() -> None:
    bare = dataclasses.replace(DATA, train=Split(x=DATA.train.x), metric="agreement")
    trained = train(convolutional(seed=1), bare, options=OPTIONS, teacher=convolutional(10), kind="distill")
    assert trained.history[0].val_accuracy is not None
