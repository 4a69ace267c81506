"""Real files of every kind that Penjing reads, and seeded damage to them."""

import io
import random
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image
from safetensors.numpy import save

from penjing.devices.profiles import devices
from penjing.devices.writing import profile_text
from penjing.exporting.onnx_qdq import qdq_proto
from penjing.exporting.pt2 import exported_program, state_dict
from penjing.inspection.graph import layer_graph
from penjing.loading.architectures import lenet5
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.plan import Plan
from penjing.project.archive import write_archive
from penjing.project.identity import original
from penjing.project.lesson import OwnLesson
from penjing.project.values import Project

SEED = 7


def originals(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """(kind, ending, content) of small real files, all of them readable."""
    network = open_model("sample:digits")
    yield "model", ".penjingnet", encode(network)
    yield "model", ".onnx", qdq_proto(network).SerializeToString()
    yield "model", ".onnx", _recurrent()
    yield "model", ".onnx", _looping()
    content = io.BytesIO()
    torch.export.save(exported_program(lenet5()), content)
    yield "model", ".pt2", content.getvalue()
    tensors = {name: tensor.numpy() for name, tensor in state_dict(lenet5()).items()}
    yield "weights", ".safetensors", save(tensors)
    content = io.BytesIO()
    torch.save(lenet5().module.state_dict(), content)
    yield "weights", ".pt", content.getvalue()
    shape = network.inputs[0].shape[1:]
    generator = np.random.default_rng(SEED)
    x, y = generator.random((200, *shape), np.float32), np.arange(200) % 10
    content = io.BytesIO()
    np.savez(content, x=x, y=y)
    yield "data", ".npz", content.getvalue()
    rows = ["label," + ",".join(f"p{place}" for place in range(x[0].size))]
    rows += [f"{label}," + ",".join(f"{one:.3g}" for one in row.ravel()) for label, row in zip(y, x, strict=True)]
    yield "data", ".csv", "\n".join(rows).encode()
    yield "data", ".csv", _table(x[:40].reshape(40, -1), y)
    yield "card", ".toml", _CARD
    for ending, form, mode in _PICTURES:
        content = io.BytesIO()
        gray = Image.fromarray((generator.random((20, 16)) * 255).astype(np.uint8))
        gray.convert(mode).save(content, form)
        yield "one of a folder", ending, content.getvalue()
    yield "one of a folder", ".wav", _sound(generator)
    plan = Plan().with_defaults(sparsity=0.5, weight_bits=4).with_layer(network_layer(network), filters=0.25)
    yield "plan", ".json", plan.to_json().encode()
    yield "project", ".penjing", _project(folder, plan)
    yield "device", ".toml", profile_text(devices()[0]).encode()
    lesson = OwnLesson(title="What bits cost", plan=plan, notes="Move one slider.", source="sample:digits")
    yield "lesson", ".json", lesson.to_json().encode()


_CARD = b"""title = "Digits"
classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
layout = "NCHW"
mean = 0.5
std = [0.25]
metric = "top1"
[image]
fit = "pad"
[audio]
sample_rate = 8000
"""
_PICTURES = ((".png", "PNG", "L"), (".jpg", "JPEG", "RGB"), (".tiff", "TIFF", "RGBA"), (".gif", "GIF", "P"))


def _table(x: NDArray[np.float32], y: NDArray[np.int64]) -> bytes:
    """As a spreadsheet of another country writes it: quoted words, semicolons, commas in numbers, gaps."""
    rows = ['"label";' + ";".join(f'"p;{place}"' for place in range(x.shape[1]))]
    for label, values in zip(y, x, strict=False):
        numbers = [f"{value:.3g}".replace(".", ",") if value > 0.01 else "n/a" for value in values]
        rows.append(f'"digit {label}";' + ";".join(numbers))
    return "\r\n".join(rows).encode("utf-16")


def _sound(generator: np.random.Generator) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as out:
        out.setparams((2, 2, 8000, 0, "NONE", ""))
        out.writeframes((generator.random(4000) * 20000).astype("<i2").tobytes())
    return content.getvalue()


def network_layer(network: Model) -> str:
    """A layer that a plan can name."""
    return layer_graph(network).compressible[0].name


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One of several kinds of damage, as disks, networks and people with bad intentions make it."""
    if zipfile.is_zipfile(io.BytesIO(content)) and chance.random() < 0.7:
        return _damaged_member(content, chance)
    found = bytearray(content)
    ways = (_flip, _cut, _repeat, _blank, _grow_numbers, _swap)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(ways)(found, chance)
    return bytes(found)


def _damaged_member(content: bytes, chance: random.Random) -> bytes:
    """The archive stays whole; what is in it does not."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = chance.choice(sorted(members))
    changed = bytearray(members[name])
    _ways = (_flip, _cut, _repeat, _blank, _grow_numbers, _swap)
    chance.choice(_ways)(changed, chance)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for member, data in members.items():
            where = chance.choice(("../" + member, "/" + member, member * 3)) if chance.random() < 0.03 else member
            archive.writestr(where, bytes(changed) if member == name else data)
    return result.getvalue()


def _flip(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 8, 64))):
        if content:
            content[chance.randrange(len(content))] = chance.randrange(256)


def _cut(content: bytearray, chance: random.Random) -> None:
    if content:
        start = chance.randrange(len(content))
        del content[start : start + chance.choice((1, 16, 256, len(content)))]


def _repeat(content: bytearray, chance: random.Random) -> None:
    if content:
        start = chance.randrange(len(content))
        part = content[start : start + chance.choice((1, 16, 256))]
        content[start:start] = part * chance.choice((1, 3, 50))


def _blank(content: bytearray, chance: random.Random) -> None:
    if content:
        start = chance.randrange(len(content))
        length = min(len(content) - start, chance.choice((4, 8, 64)))
        content[start : start + length] = bytes([chance.choice((0, 255, 127))]) * length


def _grow_numbers(content: bytearray, chance: random.Random) -> None:
    """Digits become huge numbers, brackets nest: what text formats fear."""
    digits = [place for place, one in enumerate(content[: 1 << 16]) if 48 <= one <= 57]
    if digits:
        place = chance.choice(digits)
        content[place : place + 1] = chance.choice(
            (b"9" * 30, b"-1", b"1e999", b"NaN", b"[" * 500, b'{"a":' * 200, b'"\\u0000"', b"<script>")
        )


def _swap(content: bytearray, chance: random.Random) -> None:
    if len(content) > 64:
        one, other = (chance.randrange(len(content) - 32) for _ in range(2))
        content[one : one + 32], content[other : other + 32] = content[other : other + 32], content[one : one + 32]


def _looping() -> bytes:
    """A loop whose turns a number in the file counts, so that damage reaches graphs in nodes and what stops them."""
    turn = helper.make_tensor_value_info("turn", 7, [])
    on, state = helper.make_tensor_value_info("on", 9, []), helper.make_tensor_value_info("state", 1, ["k", 4])
    steps = [
        helper.make_node("Add", ["state", "step"], ["sum"]),
        helper.make_node("Sin", ["sum"], ["next"]),
        helper.make_node("Identity", ["on"], ["again"]),
    ]
    ends = [helper.make_tensor_value_info("again", 9, []), helper.make_tensor_value_info("next", 1, ["k", 4])]
    body = helper.make_graph(
        steps, "body", [turn, on, state], ends, [numpy_helper.from_array(np.ones(4, np.float32), "step")]
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "yes", "x"], ["y"], body=body)],
        "looping",
        [helper.make_tensor_value_info("x", 1, ["n", 4])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.array(3), "turns"), numpy_helper.from_array(np.array(True), "yes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def _recurrent() -> bytes:
    """An LSTM and an operator that only onnxruntime knows, so that damage reaches these readers, too."""
    generator = np.random.default_rng(SEED)
    tensors = {
        "w": generator.random((1, 16, 3), np.float32),
        "r": generator.random((1, 16, 4), np.float32),
        "b": generator.random((1, 32), np.float32),
        "front": np.array([1]),
        "axis": np.array(1),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w", "r", "b"], ["s"], hidden_size=4),
        helper.make_node("Squeeze", ["s", "front"], ["q"]),
        helper.make_node("Transpose", ["q"], ["m"], perm=[1, 0, 2]),
        helper.make_node("CumSum", ["m", "axis"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "recurrent",
        [helper.make_tensor_value_info("x", 1, ["n", 5, 3])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8).SerializeToString()


def _project(folder: Path, plan: Plan) -> bytes:
    path = folder / "original.penjing"
    write_archive(path, Project(source=original("sample:digits"), plan=plan), {})
    return path.read_bytes()
