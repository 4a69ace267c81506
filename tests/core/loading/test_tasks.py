"""What a network is to do is found out from its shape and its data, or said by the card or the caller."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from penjing.errors import UserError
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from tests.support.networks import network
from tests.support.several_inputs import two_inputs

RANDOM = np.random.default_rng(8)
X = RANDOM.random((60, 6)).astype(np.float32)


def linear(taken: int, outputs: int, *, sigmoid: bool = False) -> Model:
    last = [("out", nn.Sigmoid(), "")] if sigmoid else []
    return network((taken,), [("fc", nn.Linear(taken, outputs), ""), *last])


def opened(folder: Path, model: Model, *, metric: str | None = None, **arrays: NDArray[Any]) -> Dataset:
    np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type]
    return open_data(folder / "data.npz", model=model, metric=metric)


def code(folder: Path, model: Model, *, metric: str | None = None, **arrays: NDArray[Any]) -> str:
    with pytest.raises(UserError) as refusal:
        opened(folder, model, metric=metric, **arrays)
    assert refusal.value.hint() and refusal.value.message() != refusal.value.message("zh_CN")
    return refusal.value.code


LABELS = np.arange(60) % 2


@pytest.mark.parametrize(
    ("outputs", "sigmoid", "y", "metric"),
    [
        (3, False, LABELS, "top1"),
        (1, False, LABELS, "top1"),
        (1, True, LABELS, "auc"),
        (1, False, LABELS + 7, "mse"),
        (1, False, X[:, 0], "mse"),
        (2, False, X[:, :2], "mse"),
        (6, False, None, "mse"),
        (6, False, LABELS, "auc"),
        (6, False, np.arange(60) % 6, "top1"),
        (3, False, None, "agreement"),
    ],
)
def test_that_the_task_is_found_out(
    outputs: int, sigmoid: bool, y: NDArray[Any] | None, metric: str, tmp_path: Path
) -> None:
    data = opened(tmp_path, linear(6, outputs, sigmoid=sigmoid), x=X, **({} if y is None else {"y": y}))
    assert data.metric == metric
    assert data.reconstructs == (outputs == 6 and metric != "top1")
    assert data.has_labels == (metric == "top1")


@pytest.mark.parametrize(
    ("outputs", "y", "offered"),
    [
        (6, np.arange(60) % 6, {"top1", "top2", "top3", "top5", "agreement", "mse", "mae", "r2", "auc"}),  # mirrors
        (4, np.arange(60) % 4, {"top1", "top2", "top3", "agreement"}),
        (2, LABELS, {"top1", "agreement", "auc"}),
        (1, LABELS, {"top1", "agreement", "mse", "mae", "r2", "auc"}),
        (2, X[:, :2], {"agreement", "mse", "mae", "r2"}),
        (3, None, {"agreement"}),
    ],
)
def test_that_only_metrics_that_can_be_measured_are_offered(
    outputs: int, y: NDArray[Any] | None, offered: set[str], tmp_path: Path
) -> None:
    data = opened(tmp_path, linear(6, outputs), x=X, **({} if y is None else {"y": y}))
    assert set(data.metrics) == offered
    for name in offered:
        assert opened(tmp_path, linear(6, outputs), metric=name, x=X, **({} if y is None else {"y": y})).metric == name


def test_that_a_metric_can_be_chosen_and_says_what_it_needs(tmp_path: Path) -> None:
    assert opened(tmp_path, linear(6, 3), metric="top2", x=X, y=LABELS).metric == "top2"
    assert opened(tmp_path, linear(6, 1), metric="mae", x=X, y=LABELS).train.targets is not None
    assert code(tmp_path, linear(6, 3), metric="top3", x=X, y=LABELS) == "data.metric_trivial"
    assert code(tmp_path, linear(6, 3), metric="top1", x=X) == "data.metric_needs"
    assert code(tmp_path, linear(6, 3), metric="mse", x=X) == "data.metric_needs"
    assert code(tmp_path, linear(6, 3), metric="mse", x=X, y=LABELS) == "data.metric_of_numbers"
    assert code(tmp_path, linear(6, 3), metric="auc", x=X, y=LABELS) == "data.metric_network"
    assert code(tmp_path, linear(6, 2), metric="best", x=X, y=LABELS) == "data.metric"
    assert code(tmp_path, linear(6, 2), metric="auc", x=X, y=0 * LABELS) == "data.one_kind"
    assert code(tmp_path, linear(6, 3), x=X, y=X[:, :2]) == "data.targets"
    (tmp_path / "dataset.toml").write_text('metric = "best"\n')
    assert code(tmp_path, linear(6, 2), x=X, y=LABELS) == "load.bad_card"


def test_that_an_autoencoder_learns_from_normal_examples_and_is_asked_for_its_input(tmp_path: Path) -> None:
    (tmp_path / "dataset.toml").write_text('classes = ["broken", "fine"]\nnormal = "fine"\nmean = 0.5\nstd = 0.25\n')
    data = opened(tmp_path, linear(6, 6), x=X, y=LABELS)
    assert data.classes == ("fine", "broken") and data.metric == "auc"
    assert data.train.y is not None and not data.train.y.any() and len(data.train) == 18
    assert data.val.y is not None and data.val.y.sum() == 6
    assert data.facts[-1].values == {"count": 18}
    wanted = torch.from_numpy((data.val.x[:3] - 0.5) / 0.25)
    assert torch.allclose(data.wanted(data.val, slice(3)), wanted)
    (tmp_path / "dataset.toml").write_text('normal = "quiet"\n')
    assert code(tmp_path, linear(6, 6), x=X, y=LABELS) == "data.no_class"


def test_that_each_input_of_a_network_has_an_array_called_like_it(tmp_path: Path) -> None:

    model = two_inputs()
    picture = RANDOM.integers(0, 255, (20, 4, 4, 1)).astype(np.uint8)
    facts = RANDOM.random((20, 3)).astype(np.float32)
    arrays = {model.inputs[0].source_name: picture, model.inputs[1].source_name: facts, "y": np.arange(20) % 2}
    data = opened(tmp_path, model, **arrays)
    first, second = data.inputs(data.train, slice(2))
    assert first.shape == (2, 1, 4, 4) and second.shape == (2, 3)
    places = [facts[:, 0].tolist().index(value) for value in second[:, 0].tolist()]
    assert torch.allclose(first[:, 0], torch.from_numpy(picture[places, :, :, 0] / 255).float())
    again = opened(tmp_path, model, x=picture, x2=facts, y=np.arange(20) % 2)
    assert torch.equal(again.inputs(again.val, slice(2))[1], data.inputs(data.val, slice(2))[1])
    assert code(tmp_path, model, x=picture, x2=facts[:9]) == "data.lengths"
    assert code(tmp_path, model, x=picture) == "data.missing_array"
