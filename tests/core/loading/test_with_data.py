"""Networks that leave more open than the batch: the data beside them tells the extents."""

from pathlib import Path

import numpy as np
import pytest

from penjing.errors import UserError
from penjing.loading.with_data import open_with_data
from penjing.worker.engine_messages import OpenSource
from penjing.worker.opening import open_source
from tests.support.sources import exported
from tests.support.zoo import ZOO


def stored(folder: Path, name: str, *, called: tuple[str, ...], ending: str) -> Path:
    random, path = np.random.default_rng(2), folder / "data.npz"
    arrays = {
        f"{array}{ending}": random.standard_normal((8, *shape)).astype(np.float32)
        for array, shape in zip(called, ZOO[name].shapes, strict=True)
    }
    np.savez(path, **arrays, **{f"y{ending}": np.arange(8) % 4, f"group{ending}": np.arange(8)})
    return path


@pytest.mark.parametrize("called", [("x", "x2"), ("x0", "x1")])
@pytest.mark.parametrize("ending", ["", "_train"])
def test_that_every_input_takes_the_extents_of_its_own_array(
    called: tuple[str, ...], ending: str, tmp_path: Path
) -> None:
    path = exported("two inputs", tmp_path, open_axes=None)
    data = stored(tmp_path, "two inputs", called=called, ending=ending)
    if ending:  # all of the splits, or none
        with np.load(data) as arrays:
            whole = {
                f"{name[: -len(ending)]}_{split}": arrays[name] for name in arrays for split in ("train", "val", "test")
            }
        np.savez(data, **whole)
    with pytest.raises(UserError) as caught:
        open_with_data(path, None)
    assert caught.value.code == "load.symbolic_shape"
    shapes = [entry.shape for entry in open_with_data(path, data).inputs]
    assert shapes == [(1, *shape) for shape in ZOO["two inputs"].shapes]


def test_that_the_window_opens_such_a_network_with_its_data(tmp_path: Path) -> None:
    path = exported("ResNet", tmp_path, open_axes=None)
    data = stored(tmp_path, "ResNet", called=("x",), ending="")
    opened, announced = open_source(OpenSource(request=1, source=str(path), data=str(data)), lambda stage: None)
    assert opened.model.inputs[0].shape == (1, 3, 16, 16)
    assert announced.data is not None
    assert announced.data.example_shape == (3, 16, 16)
