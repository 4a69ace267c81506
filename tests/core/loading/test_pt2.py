"""torch.export archives: the same network, and no way to run code."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from penjing.errors import UserError
from penjing.loading.open import open_model
from tests.core.loading import networks


@pytest.mark.parametrize(
    ("name", "core"),
    # Core aten has no PReLU: `Wearable` becomes a choice between two values there.
    [(name, core) for name in networks.CLASSES for core in (False, True) if (name, core) != ("Wearable", True)],
)
def test_that_an_archive_computes_what_its_module_computes(name: str, core: bool, tmp_path: Path) -> None:
    module = networks.network(name)
    path = tmp_path / "m.pt2"
    path.write_bytes(networks.export_pt2(module, networks.example(name, 2), core=core, open_batch=not core))
    model = open_model(path)
    x = networks.example(name, 4)
    result = module(x)
    wanted = [part.detach().numpy() for part in (result if isinstance(result, tuple) else (result,))]
    for one, other in zip(networks.outputs(model, x), wanted, strict=True):
        assert one.shape == other.shape
        assert abs(one - other).max() <= 1e-6
    assert model.inputs[0].shape == (1, *networks.SHAPES[name])


def test_that_layers_are_called_as_the_modules_were(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(networks.export_pt2(networks.network("Residual"), networks.example("Residual", 2)))
    names = [name for name, module, _ in open_model(path).layers() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    assert sorted(names) == ["bn1", "bn2", "conv1", "conv2", "down.0", "down.1", "stem"]


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return Path.touch, (self.path,)


Change = Callable[[str, bytes], bytes | None]


def rewritten(content: bytes, change: Change) -> bytes:
    """The archive with every entry changed; None leaves one out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for info in old.infolist():
            entry = change(info.filename, old.read(info))
            if entry is not None:
                new.writestr(info.filename, entry)
    return packed.getvalue()


@pytest.fixture(scope="module")
def archive() -> bytes:
    return networks.export_pt2(nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), torch.zeros(2, 4))


def test_that_pickled_sample_inputs_are_never_opened(archive: bytes, tmp_path: Path) -> None:
    target = tmp_path / "PWN"
    payload = pickle.dumps(Payload(target))
    path = tmp_path / "m.pt2"
    path.write_bytes(rewritten(archive, lambda name, entry: payload if "sample_inputs" in name else entry))
    open_model(path)
    assert not target.exists()
    pickle.loads(payload)  # the payload is real: whoever opens it writes the file
    assert target.exists()


def test_that_pickled_weights_are_refused_and_never_opened(archive: bytes, tmp_path: Path) -> None:
    target = tmp_path / "PWN"

    def hostile(name: str, entry: bytes) -> bytes:
        if name.endswith("model_weights_config.json"):
            return entry.replace(b'"use_pickle": false', b'"use_pickle": true')
        return pickle.dumps(Payload(target)) if "weight_" in name else entry

    path = tmp_path / "m.pt2"
    path.write_bytes(rewritten(archive, hostile))
    with pytest.raises(UserError) as refusal:
        open_model(path)
    assert refusal.value.code == "load.pt2_pickle"
    assert not target.exists()


def edited(edit: Callable[[dict[str, Any]], object], part: str = "models/model.json") -> Callable[[str, bytes], bytes]:
    def change(name: str, entry: bytes) -> bytes:
        if not name.endswith(part):
            return entry
        content = json.loads(entry)
        edit(content)
        return json.dumps(content).encode()

    return change


WEIGHTS = "model_weights_config.json"


def nodes(content: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content["graph_module"]["graph"]["nodes"]
    return found


def weight(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["config"]["0.weight"]
    return found


def without(ending: str) -> Change:
    return lambda name, entry: None if name.endswith(ending) else entry


def instead(ending: str, content: bytes) -> Change:
    return lambda name, entry: content if name.endswith(ending) else entry


HUGE, NEGATIVE = [{"as_int": 1 << 40}], {"as_int": -4}
DAMAGE: list[tuple[str, Change]] = [
    ("load.not_pt2", without("archive_format")),
    ("load.bad_pt2", without("model.json")),
    ("load.bad_pt2", instead("model.json", b"{")),
    ("load.bad_pt2", instead("model.json", b"[" * 100_000)),
    ("load.bad_tensor", instead("weight_0", b"short")),
    ("load.pt2_version", edited(lambda content: content["schema_version"].update(major=99))),
    ("load.constant_output", edited(lambda content: nodes(content).clear())),
    ("load.unknown_operator", edited(lambda content: nodes(content)[0].update(target="torch.ops.evil.run"))),
    ("load.too_big", edited(lambda content: weight(content)["tensor_meta"].update(sizes=HUGE), WEIGHTS)),
    (
        "load.bad_tensor",
        edited(lambda content: weight(content)["tensor_meta"].update(storage_offset=NEGATIVE), WEIGHTS),
    ),
    ("load.bad_pt2", edited(lambda content: weight(content).update(path_name="../../../etc/passwd"), WEIGHTS)),
    ("load.bad_pt2", edited(lambda content: content["config"].pop("0.weight"), WEIGHTS)),
]


@pytest.mark.parametrize(("code", "change"), DAMAGE)
def test_that_a_damaged_archive_is_refused(code: str, change: Change, archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(rewritten(archive, change))
    with pytest.raises(UserError) as refusal:
        open_model(path)
    assert refusal.value.code == code


def test_that_an_export_in_training_mode_is_refused_with_the_way_out(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).train()
    path = tmp_path / "m.pt2"
    path.write_bytes(networks.export_pt2(module, torch.zeros(2, 4), open_batch=False))
    with pytest.raises(UserError, match=r"eval\(\)"):
        open_model(path)
