"""A snapshot gives a job exactly what the engine had open."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from penjing.errors import UserError
from penjing.loading.dataset import Dataset, Split
from penjing.worker.snapshot import read_snapshot, write_snapshot
from tests.support.networks import residual, sample_input
from tests.support.teaching import quarters, same


def test_that_network_and_data_come_back_bit_for_bit(tmp_path: Path) -> None:
    data = quarters()
    stored = Split(x=(data.val.x * 20).astype(np.int16), y=data.val.y, groups=np.arange(len(data.val)) // 4)
    data = dataclasses.replace(
        data,
        val=stored,
        mean=(0.5,),
        std=(2.0,),
        title="名",
        source="sample:x",
        moves=(0, 1, 3, 2),
        border=0.5,
        target_names=("a",),
    )
    data = dataclasses.replace(data, border=0.5, target_names=("a",))
    model = residual()
    write_snapshot(tmp_path / "s", model, data, model_source="net.onnx", data_source="d.npz")
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]
    taken = read_snapshot(tmp_path / "s")
    assert (taken.facts.model_source, taken.facts.data_source) == ("net.onnx", "d.npz")
    assert same(taken.model, model)
    values = sample_input(model)
    assert torch.equal(taken.model(values), model(values))  # type: ignore[arg-type]
    assert taken.data is not None
    for field in dataclasses.fields(Dataset):
        before, after = getattr(data, field.name), getattr(taken.data, field.name)
        if isinstance(before, Split):
            for key in ("x", "y", "groups"):
                assert np.array_equal(getattr(before, key), getattr(after, key)), (field.name, key)
                assert getattr(before, key) is None or getattr(before, key).dtype == getattr(after, key).dtype
        else:
            assert before == after, field.name
    part = np.array([3, 1])
    assert torch.equal(taken.data.batch(taken.data.val, part), data.batch(data.val, part))


def test_that_the_arrays_are_mapped_and_not_copied(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", residual(), quarters(), model_source="", data_source=None)
    taken = read_snapshot(tmp_path / "s")
    assert taken.data is not None
    assert isinstance(taken.data.train.x, np.memmap)


def test_that_a_network_without_data_is_a_snapshot_too(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", residual(), None, model_source="", data_source=None)
    assert read_snapshot(tmp_path / "s").data is None


def test_that_a_snapshot_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "other").touch()
    with pytest.raises(UserError) as error:
        write_snapshot(tmp_path / "s", residual(), None, model_source="", data_source=None)
    assert error.value.code == "worker.cannot_write"
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("damage", ["gone", "facts", "arrays"])
def test_that_a_damaged_snapshot_says_so(tmp_path: Path, damage: str) -> None:
    write_snapshot(tmp_path / "s", residual(), quarters(), model_source="", data_source=None)
    (tmp_path / "s" / {"gone": "snapshot.json", "facts": "snapshot.json", "arrays": "x_val.npy"}[damage]).unlink()
    if damage == "facts":
        (tmp_path / "s" / "snapshot.json").write_text("{}")
    with pytest.raises(UserError) as error:
        read_snapshot(tmp_path / "s")
    assert error.value.code == "worker.no_snapshot"
