"""Our own files: every network comes back bit for bit, small where it is compressed, and damage is refused."""

import copy
import dataclasses
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.loading.module import from_module
from penjing.loading.penjingnet import from_bytes
from penjing.model.model import Model, Quantizer
from penjing.model.penjingnet_container import pack, unpack
from penjing.model.penjingnet_format import encode
from penjing.model.tensor_encodings import encodings, fixed8_exponent
from tests.core.loading import networks


@pytest.fixture(scope="module", params=list(networks.CLASSES))
def model(request: pytest.FixtureRequest) -> Model:
    return from_module(networks.network(request.param), networks.example(request.param, 1))


@pytest.fixture(scope="module")
def residual() -> Model:
    return from_module(networks.network("Residual"), networks.example("Residual", 1))


def assert_equal(one: Model, other: Model) -> None:
    assert one.inputs == other.inputs
    assert one.outputs == other.outputs
    assert dict(one.source_names) == dict(other.source_names)
    assert [(name, type(module), feeds) for name, module, feeds in one.layers()] == [
        (name, type(module), feeds) for name, module, feeds in other.layers()
    ]
    ours, theirs = one.module.state_dict(), other.module.state_dict()
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        assert torch.equal(tensor, theirs[key]), key
    for quantizers in ("weight_quantizers", "activation_quantizers"):
        left, right = getattr(one, quantizers), getattr(other, quantizers)
        assert left.keys() == right.keys()
        for key, quantizer in left.items():
            assert torch.equal(quantizer.scale, right[key].scale)
            assert torch.equal(quantizer.zero_point, right[key].zero_point)
            for field in ("bits", "axis", "symmetric", "float16"):
                assert getattr(quantizer, field) == getattr(right[key], field)


def quantized(
    model: Model, bits: int, *, symmetric: bool = True, kept: float = 1.0, channels: bool = True, float16: bool = False
) -> Model:
    """Weights on a grid, some of them masked; scale · (q - zero_point) in float32, by the formula of METHODS.md."""
    modules: dict[str, nn.Module] = {}
    quantizers, masks = {}, {}
    generator = torch.Generator().manual_seed(bits)
    for name, module, _ in model.layers():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.dim() < 2:
            continue
        mask = torch.rand(weight.shape, generator=generator) < kept
        if float16:
            values = weight.half().float() * mask
            quantizer = Quantizer(
                bits=16, scale=torch.tensor(1.0), zero_point=torch.tensor(0, dtype=torch.int32), float16=True
            )
        else:
            rows = weight.detach().flatten(1) if channels else weight.detach().flatten()[None]
            shape = (-1, *(1,) * (weight.dim() - 1)) if channels else ()
            if symmetric:
                scale = rows.abs().amax(1) / (2 ** (bits - 1) - 1)
                zero = torch.zeros(len(rows), dtype=torch.int32)
            else:
                low, high = rows.amin(1).clamp(max=0), rows.amax(1).clamp(min=0)
                scale = (high - low) / (2**bits - 1)
                zero = (-(2 ** (bits - 1)) - torch.round(low / scale)).to(torch.int32)
            spread, moved = scale.reshape(shape), zero.reshape(shape)
            codes = torch.round(weight.detach() / spread).to(torch.int32) + moved
            codes = codes.clamp(-(2 ** (bits - 1)) + int(symmetric), 2 ** (bits - 1) - 1)
            values = spread * (codes - moved).float() * mask
            quantizer = Quantizer(
                bits=bits,
                scale=scale if channels else scale[0],
                zero_point=zero if channels else zero[0],
                axis=0 if channels else None,
                symmetric=symmetric,
            )
        changed: Any = copy.deepcopy(module)
        changed.weight = nn.Parameter(values, requires_grad=False)
        modules[name], quantizers[name], masks[name] = changed, quantizer, mask
    activation = Quantizer(
        bits=8, scale=torch.tensor(0.125), zero_point=torch.tensor(-7, dtype=torch.int32), symmetric=False
    )
    return dataclasses.replace(
        model.replace_layers(modules),
        weight_quantizers=quantizers,
        activation_quantizers={model.inputs[0].name: activation, next(iter(modules)): activation},
        masks=masks if kept < 1 else {},
    )


def test_that_every_network_comes_back_bit_for_bit(model: Model) -> None:
    content = encode(model)
    loaded = from_bytes(content)
    assert_equal(model, loaded)
    assert encode(loaded) == content
    x = torch.rand(2, *model.inputs[0].shape[1:])
    first, second = networks.outputs(model, x), networks.outputs(loaded, x)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("kept", [1.0, 0.9, 0.3])
def test_that_quantized_and_pruned_weights_come_back_bit_for_bit(
    residual: Model, bits: int, symmetric: bool, kept: float
) -> None:
    compressed = quantized(residual, bits, symmetric=symmetric, kept=kept, channels=bits % 2 == 0)
    loaded = from_bytes(encode(compressed))
    assert_equal(compressed, loaded)
    for name, mask in loaded.masks.items():
        # Where a bitmap would not be smaller, a kept weight that became zero counts as masked.
        known = compressed.masks[name]
        assert torch.equal(mask, known) or torch.equal(mask, known & (compressed.weight(name) != 0))


def test_that_half_precision_weights_come_back_bit_for_bit(residual: Model) -> None:
    compressed = quantized(residual, 16, float16=True, kept=0.4)
    assert_equal(compressed, from_bytes(encode(compressed)))


def test_that_weights_off_their_grid_are_kept_exactly_all_the_same(residual: Model) -> None:
    compressed = quantized(residual, 4)
    compressed.layer("conv1").weight.data[0, 0, 0, 0] += 1e-3
    assert_equal(compressed, from_bytes(encode(compressed)))


def old(content: bytes) -> bytes:
    """The file as version 1 was: a zip of two entries."""
    text, weights = unpack(content, "network")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        first = json.dumps(json.loads(text) | {"schema_version": 1})
        archive.writestr("network.json", first, zipfile.ZIP_DEFLATED)
        archive.writestr("weights.bin", weights)
    return packed.getvalue()


def test_that_files_of_the_first_version_still_open(residual: Model) -> None:
    for model in (residual, quantized(residual, 4, kept=0.4)):
        content = encode(model)
        assert_equal(model, from_bytes(old(content)))
        assert len(content) < len(old(content)) - 400


def test_that_a_small_network_takes_few_bytes_beside_its_numbers(residual: Model) -> None:
    content = encode(residual)
    text, weights = unpack(content, "network")
    assert len(content) - len(weights) < 0.2 * len(text)


def test_that_infinite_attributes_survive() -> None:
    model = from_module(nn.Sequential(nn.Linear(2, 2), nn.Hardtanh(-math.inf, 1.0)), torch.zeros(1, 2))
    loaded = from_bytes(encode(model))
    x = torch.tensor([[100.0, -1e30]])
    assert torch.equal(model(x), loaded(x))


def sizes(content: bytes) -> tuple[int, int]:
    text, weights = unpack(content, "network")
    return len(text), len(weights)


def test_that_the_weights_take_exactly_the_bytes_of_the_formula() -> None:
    module = nn.Sequential(nn.Linear(100, 30, bias=True)).eval()
    model = from_module(module, torch.zeros(1, 100))
    rest = 4 * 30 + 4 * 30 + (4 + 1) * 2  # biases; a scale a filter; two activation quantizers with a zero point
    for bits in (2, 3, 5, 8):
        assert sizes(encode(quantized(model, bits)))[1] == math.ceil(3000 * bits / 8) + rest
    pruned = quantized(model, 4, kept=0.25)
    left = int(pruned.masks["n_0"].sum())
    assert sizes(encode(pruned))[1] == math.ceil(3000 / 8) + math.ceil(left * 4 / 8) + rest
    # At 95 % kept a bitmap costs more than it saves.
    assert sizes(encode(quantized(model, 4, kept=0.95)))[1] == math.ceil(3000 * 4 / 8) + rest


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
def test_that_codes_are_packed_lowest_bit_first_as_twos_complement(bits: int) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    codes = np.random.default_rng(bits).integers(low, high + 1, 2**20 + 13).astype(np.int32)
    packed = encodings()["packed"]
    content = packed.write(codes, bits)
    assert len(content) == packed.size(len(codes), bits) == math.ceil(len(codes) * bits / 8)
    number = int.from_bytes(content[:64], "little")
    for place, code in enumerate(codes[: 64 * 8 // bits].tolist()):
        assert (number >> (place * bits)) & ((1 << bits) - 1) == code % (1 << bits)
    assert np.array_equal(packed.read(content, len(codes), bits), codes)


@pytest.mark.parametrize("scale", [1.0, 2.0**-120, 2.0**100])
def test_that_fixed_point_gives_back_what_has_few_bits_and_refuses_the_rest(scale: float) -> None:
    fixed = encodings()["fixed8"]
    values = (np.array([3, -127, 64, 0, 127]) * scale / 128).astype(np.float32)
    content = fixed.write(values, 32)
    assert len(content) == fixed.size(5, 32) == 6
    assert np.array_equal(fixed.read(content, 5, 32), values)
    assert fixed8_exponent(np.zeros(3, np.float32)) is not None
    for other in ([1.0, 1 / 256], [0.3], [math.inf], [math.nan], [2.0**127], [2.0**-140]):
        assert fixed8_exponent(np.array(other, np.float32)) is None


def edited(content: bytes, edit: Callable[[dict[str, Any]], object], *, weights: bytes | None = None) -> bytes:
    text, stored = unpack(content, "network")
    network = json.loads(text)
    edit(network)
    return pack(json.dumps(network).encode(), stored if weights is None else weights)


def rechecked(content: bytes) -> bytes:
    """Damaged bytes with the checksum of them: the checks behind it see the damage, too."""
    return content[:8] + struct.pack("<I", zlib.crc32(content[12:])) + content[12:]


def node(content: dict[str, Any], place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = content["nodes"][place]
    return found


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "a newer version": lambda network: network.update(schema_version=3),
    "no version": lambda network: network.pop("schema_version"),
    "an unknown key": lambda network: network.update(code="print()"),
    "no nodes": lambda network: network["nodes"].clear(),
    "an unknown operator": lambda network: node(network).update(kind="eval"),
    "an unknown encoding": lambda network: node(network)["tensors"]["bias"].update(encoding="pickle"),
    "packed without a quantizer": lambda network: node(network)["tensors"]["bias"].update(encoding="packed"),
    "a huge shape": lambda network: node(network)["tensors"]["weight"].update(shape=[1 << 31, 1 << 31]),
    "a huge input": lambda network: network["inputs"][0].update(shape=[1, 1 << 40]),
    "a negative extent": lambda network: node(network)["tensors"]["weight"].update(shape=[-1, 3]),
    "more values than the file has": lambda network: node(network)["tensors"]["bias"].update(shape=[5000]),
    "fewer values than the file has": lambda network: node(network)["tensors"]["bias"].update(shape=[1]),
    "a hostile name": lambda network: node(network).update(name='a"); open("PWN","w'),
    "a name twice": lambda network: node(network, 1).update(name=node(network)["name"]),
    "an unknown input": lambda network: node(network).update(inputs=["nowhere"]),
    "a scale count that does not fit": lambda network: node(network)["weight"].update(axis=1),
    "an axis that is not there": lambda network: node(network)["weight"].update(axis=7),
    "odd bits": lambda network: node(network)["weight"].update(bits=9),
    "attributes that are words": lambda network: node(network)["attributes"].update(stride="ab"),
    "no outputs": lambda network: network["outputs"].clear(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_that_damage_is_refused(damage: str, residual: Model) -> None:
    content = encode(quantized(residual, 4))
    with pytest.raises(UserError) as refusal:
        from_bytes(edited(content, DAMAGE[damage]))
    assert refusal.value.code.startswith(("load.", "model."))


def test_that_scales_and_weights_that_are_not_finite_are_refused(residual: Model) -> None:
    compressed = quantized(residual, 4)
    compressed.weight_quantizers["conv1"].scale[0] = math.nan
    with pytest.raises(UserError, match="scale"):
        from_bytes(encode(compressed))
    broken = residual.copy()
    broken.layer("conv1").weight.data[0] = math.inf
    with pytest.raises(UserError, match="finite"):
        from_bytes(encode(broken))


def test_that_a_zip_bomb_is_refused_without_unpacking_it(residual: Model) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.json", b"[" + b" " * (65 << 20))
        archive.writestr(zipfile.ZipInfo("weights.bin"), b"")
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(UserError, match="too big"):
        from_bytes(packed.getvalue())
    bomb = pack(b"[" + b" " * (65 << 20), b"")
    assert len(bomb) < 100_000
    with pytest.raises(UserError, match="too big"):
        from_bytes(bomb)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.json", b"{}")
        archive.writestr("weights.bin", bytes(1 << 20))
    with pytest.raises(UserError, match="compressed"):
        from_bytes(packed.getvalue())


def test_that_a_file_that_was_cut_lengthened_or_changed_is_refused(residual: Model) -> None:
    content = encode(residual)
    changed = bytearray(content)
    changed[-1] ^= 1
    for wrong in (content[:9], content[:40], content[:-1], content + b"\0", bytes(changed)):
        with pytest.raises(UserError) as refusal:
            from_bytes(wrong)
        assert refusal.value.code in ("load.not_penjingnet", "load.bad_penjingnet")


def test_that_a_graph_that_ends_after_the_file_is_refused(residual: Model) -> None:
    content = encode(residual)
    body = struct.pack("<I", 1 << 30) + content[16:]
    with pytest.raises(UserError):
        from_bytes(content[:8] + struct.pack("<I", zlib.crc32(body)) + body)
