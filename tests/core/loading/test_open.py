"""What is opened, what is refused, and what the refusal says; tensors into architectures only with consent."""

import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from penjing.errors import UserError
from penjing.loading.architectures import lenet5
from penjing.loading.open import CONVERSIONS, open_model

FACTORY = """
from pathlib import Path
import torch
Path({marker!r}).write_text("ran")
def make():
    return torch.nn.Sequential(torch.nn.Linear(4, 2)), torch.zeros(1, 4)
def broken():
    raise ValueError("on purpose")
def nothing():
    return 3
"""


def state() -> dict[str, torch.Tensor]:
    model = lenet5(seed=5)
    return dict(model.module.state_dict())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".ckpt"])
def test_that_tensors_are_read_into_a_named_architecture(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path)
    with pytest.raises(UserError) as refusal:
        open_model(path)
    assert refusal.value.code == "load.needs_architecture"
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(open_model(path, architecture="lenet5")(x), lenet5(seed=5)(x))


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module."])
def test_that_checkpoints_and_what_wrapped_the_network_are_looked_through(
    key: str | None, prefix: str, tmp_path: Path
) -> None:
    named = {f"{prefix}{name}": tensor for name, tensor in state().items()}
    torch.save(named if key is None else {key: named, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "c.pth")
    x = torch.randn(2, 1, 28, 28)
    found = open_model(tmp_path / "c.pth", architecture="lenet5")(x)
    assert torch.equal(found, lenet5(seed=5)(x))


def test_that_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tensors = state()
    tensors["fc3.bias"] = torch.zeros(11)
    tensors["extra"] = torch.zeros(1)
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(UserError) as refusal:
        open_model(tmp_path / "w.safetensors", architecture="lenet5")
    assert refusal.value.values["names"] == "+ extra, fc3.bias [11] ≠ [10]"


def test_that_tensors_that_are_missing_are_named_behind_the_prefix(tmp_path: Path) -> None:
    tensors = {f"module.{name}": tensor for name, tensor in state().items() if name != "conv1.weight"}
    torch.save(tensors, tmp_path / "w.pt")
    with pytest.raises(UserError) as refusal:
        open_model(tmp_path / "w.pt", architecture="lenet5")
    assert refusal.value.values["names"] == "- conv1.weight"


@pytest.mark.parametrize("keys", [("ema",), ("ema_state_dict",), ("model_ema", "state_dict"), ("network", "model")])
def test_that_checkpoints_in_checkpoints_are_looked_through(keys: tuple[str, ...], tmp_path: Path) -> None:
    content: dict[str, object] = {**state()}
    for key in reversed(keys):
        content = {key: content, "epoch": 7}
    torch.save(content, tmp_path / "c.pt")
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(open_model(tmp_path / "c.pt", architecture="lenet5")(x), lenet5(seed=5)(x))


def test_that_what_lightning_keeps_beside_the_network_is_left_out_and_told(tmp_path: Path) -> None:
    named = {f"net.{name}": tensor for name, tensor in state().items()} | {"loss.weight": torch.ones(10)}
    torch.save({"state_dict": named, "hyper_parameters": {"lr": 0.1}, "epoch": 1}, tmp_path / "c.pt")
    model, x = open_model(tmp_path / "c.pt", architecture="lenet5"), torch.randn(2, 1, 28, 28)
    assert torch.equal(model(x), lenet5(seed=5)(x))
    told = [(one.code, one.values["names"]) for one in model.warnings]
    assert told == [("load.tensors_unused", "loss.weight")]


def test_that_a_factory_has_what_lies_beside_it_and_two_of_one_name_are_two(tmp_path: Path) -> None:
    for folder, width in (("one", 3), ("two", 5)):
        (tmp_path / folder).mkdir()
        parts = f"from dataclasses import dataclass\n\n@dataclass\nclass Size:\n    width: int = {width}\n"
        (tmp_path / folder / "parts.py").write_text(parts)
        made = "import torch\nfrom parts import Size\n\n\ndef make():\n"
        made += "    width = Size().width\n"
        made += "    return torch.nn.Sequential(torch.nn.Linear(width, 2)), torch.zeros(1, width)\n"
        (tmp_path / folder / "nets.py").write_text(made)
        save_file({"0.weight": torch.ones(2, width), "0.bias": torch.zeros(2)}, tmp_path / folder / "w.safetensors")
        factory = f"{tmp_path / folder / 'nets.py'}:make"
        model = open_model(tmp_path / folder / "w.safetensors", architecture=factory, allow_code=True)
        assert model.inputs[0].shape == (1, width)
        assert str(tmp_path / folder) not in sys.path


def test_that_a_factory_runs_only_with_consent(tmp_path: Path) -> None:
    marker, factory, weights = tmp_path / "marker", tmp_path / "nets.py", tmp_path / "w.safetensors"
    factory.write_text(FACTORY.format(marker=str(marker)))
    linear = nn.Linear(4, 2)
    save_file({f"0.{key}": value for key, value in linear.state_dict().items()}, weights)
    with pytest.raises(UserError) as refusal:
        open_model(weights, architecture=f"{factory}:make")
    assert refusal.value.code == "load.needs_consent"
    assert not marker.exists()
    model = open_model(weights, architecture=f"{factory}:make", allow_code=True)
    assert marker.exists()
    x = torch.randn(3, 4)
    assert torch.equal(model(x), linear(x))
    for name in ("broken", "nothing", "missing"):
        with pytest.raises(UserError) as refusal:
            open_model(weights, architecture=f"{factory}:{name}", allow_code=True)
        assert refusal.value.code == "load.bad_factory"


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (Path(self.path),)


def test_that_a_pickle_that_calls_itself_a_state_dict_does_not_run(tmp_path: Path) -> None:
    path, target = tmp_path / "w.pt", tmp_path / "PWN"
    path.write_bytes(pickle.dumps(Payload(str(target))))
    with pytest.raises(UserError) as refusal:
        open_model(path, architecture="lenet5")
    assert refusal.value.code == "load.not_weights"
    torch.save({"fc3.bias": Payload(str(target))}, path)
    with pytest.raises(UserError):
        open_model(path, architecture="lenet5")
    assert not target.exists()


@pytest.mark.parametrize("suffix", [*CONVERSIONS, ".docx", ""])
def test_that_every_other_format_is_refused_with_what_to_do(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(UserError) as refusal:
        open_model(path)
    assert path.name in refusal.value.message()
    assert refusal.value.hint()
    assert refusal.value.message("zh_CN") != refusal.value.message("en")


@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".penjingnet", ".safetensors", ".pt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x07garbage", b"\x00" * 100])
def test_that_garbage_is_refused_in_words(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError) as refusal:
        open_model(path, architecture="lenet5")
    assert path.name in str(refusal.value)


def test_that_missing_files_folders_and_samples_are_said(tmp_path: Path) -> None:
    for source, code in (
        (tmp_path / "no.onnx", "load.not_found"),
        (tmp_path, "load.not_a_file"),
        ("sample:nothing", "load.unknown_sample"),
    ):
        with pytest.raises(UserError) as refusal:
            open_model(source)
        assert refusal.value.code == code
