"""Device profiles: facts with their sources, read from TOML files that ship with Penjing or that users add.

>>> device("nRF52840").ram_bytes
262144
"""

import difflib
import functools
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from platformdirs import user_data_path

from penjing import assets
from penjing.errors import UserError

Positive = Annotated[float, Meta(gt=0, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=2**50)]
Bits = Annotated[int, Meta(ge=1, le=32)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]

DeviceKind = Literal["microcontroller", "linux-board", "phone"]
SparseStorage = Literal["bitmask", "index8"]
"""`bitmask`: one bit a weight, then the kept ones; `index8`: each kept weight with an 8-bit distance to the last."""
Precision = Literal["int8", "float32"]
OperatorClass = Literal["conv", "depthwise", "dense"]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LARGEST_FILE = 64 * 1024


class Throughput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Million multiply-accumulates a second by operator class; a class without a figure runs at the rate of `conv`."""

    conv: Positive
    depthwise: Positive | None = None
    dense: Positive | None = None

    def of(self, kind: OperatorClass) -> float:
        """The rate of one class in MMAC/s."""
        value: float | None = getattr(self, kind)
        return self.conv if value is None else value


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one device can store and how fast it is; None is a fact without a source."""

    name: str
    """Kebab-case, unique."""
    title: Text
    kind: DeviceKind
    core: Text
    clock_mhz: Positive
    default_format: Literal["onnx", "onnx-int8", "c99", "pt2", "penjingnet"]
    weight_bits: tuple[Bits, ...]
    """Bit-widths that its runtime really stores, ascending; any other is stored at the next larger one."""
    activation_bits: tuple[Bits, ...]
    aliases: tuple[Text, ...] = ()
    cores: Annotated[int, Meta(ge=1, le=1024)] = 1
    simd: Text | None = None
    flash_bytes: Count | None = None
    ram_bytes: Count | None = None
    sparse_storage: tuple[SparseStorage, ...] = ()
    """Formats in which its runtime really stores zeros away; empty: a zero saves nothing."""
    kernel_bytes: Count | None = None
    """Code of the kernels that a network brings along; 0 where the runtime is part of the system."""
    library: Text | None = None
    """The entry of `throughput` that estimates use."""
    throughput: dict[str, dict[Precision, Throughput]] = {}
    """By library, then by the precision of weights and activations."""
    power_mw: Positive | None = None
    """While it computes."""
    band: Annotated[float, Meta(ge=0, le=10)] | None = None
    """Relative half-width of latency and energy: 0.2 is ± 20 %."""
    opset: Annotated[int, Meta(ge=1, le=100)] | None = None
    """The newest ONNX opset its runtime reads, if that is a limit."""
    sources: dict[str, Text] = {}
    """Where each fact comes from, by fact."""

    def rates(self, precision: Precision) -> Throughput | None:
        """The throughput that estimates use at this precision, if a source gives it."""
        return self.throughput.get(self.library, {}).get(precision) if self.library else None

    def stored_bits(self, bits: int) -> int:
        """The width at which its runtime keeps weights of `bits` bits: the next one it can store."""
        return next((width for width in self.weight_bits if width >= bits), 32)


def devices() -> tuple[Device, ...]:
    """Every known device by name: those that ship, and the user's own, which replace one of the same name.

    Raises:
        UserError: `devices.invalid` for a profile of the user's that is not understood; it names the file.
    """
    found = {known.name: known for known in (*_shipped(), *_read_folder(user_folder()))}
    return tuple(found[name] for name in sorted(found))


def device(name: str) -> Device:
    """One device by its name or alias; case, `-`, `_` and spaces do not matter.

    Raises:
        UserError: `device.unknown`, with the nearest names, or a few of all where none is near; `devices.invalid`.
    """
    known = devices()
    by_key = {_key(alias): entry for entry in known for alias in entry.aliases}
    by_key |= {_key(entry.name): entry for entry in known}
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = [by_key[key].name for key in difflib.get_close_matches(_key(name), by_key, n=5, cutoff=0.5)]
    few = list(dict.fromkeys(near)) or [entry.name for entry in known[:5]]
    raise UserError("device.unknown", name=name, near=", ".join(few))


def read_device(path: Path) -> Device:
    """A device from one TOML file.

    Raises:
        UserError: `devices.invalid`, with the file and the reason.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"larger than {_LARGEST_FILE} bytes")
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Device)
        _check(found)
    except (OSError, ValueError, RecursionError) as error:  # msgspec's and tomllib's errors are ValueErrors
        raise UserError("devices.invalid", path=path, detail=error) from error
    return found


def user_folder() -> Path:
    """Where users put profiles of their own: `PENJING_HOME/devices`, else the platform's data folder."""
    home = os.environ.get("PENJING_HOME")
    if home:
        return Path(home) / "devices"
    return user_data_path("penjing", appauthor=False) / "devices"


@functools.cache
def _shipped() -> tuple[Device, ...]:
    return _read_folder(assets.resources() / "devices")


def _read_folder(folder: Path) -> tuple[Device, ...]:
    return tuple(read_device(path) for path in sorted(folder.glob("*.toml"))) if folder.is_dir() else ()


def _check(found: Device) -> None:
    if not _NAME.fullmatch(found.name) or len(found.name) > 64:
        raise ValueError(f"name {found.name!r} must be lower-case words joined by '-'")
    for field in ("weight_bits", "activation_bits"):
        widths = getattr(found, field)
        if not widths or list(widths) != sorted(set(widths)):
            raise ValueError(f"{field} {list(widths)} must be ascending, at least one")
    if found.library is not None and found.library not in found.throughput:
        raise ValueError(f"library {found.library!r} is not one of throughput: {', '.join(found.throughput) or 'none'}")
    if found.throughput and (found.library is None or found.band is None):
        raise ValueError("throughput needs library (the one that estimates use) and band")
    facts = {"throughput": bool(found.throughput), "power_mw": found.power_mw is not None}
    for fact, given in facts.items():
        if given and fact not in found.sources:
            raise ValueError(f"{fact} needs its source under [sources]")


def _key(name: str) -> str:
    return re.sub(r"[-_\s]", "", name).casefold()
