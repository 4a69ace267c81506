"""Device profiles: facts with their sources, read from TOML files that ship with Penjing or that users add.

>>> device("nRF52840").ram_bytes
262144
"""

import difflib
import functools
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta
from platformdirs import user_data_path

from penjing import assets
from penjing.devices.units import size_text
from penjing.errors import UserError

Positive = Annotated[float, Meta(gt=0, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=2**50)]
Bits = Annotated[int, Meta(ge=1, le=32)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]

DeviceKind = Literal["microcontroller", "linux-board", "phone"]
SparseStorage = Literal["bitmask", "index8"]
"""`bitmask`: one bit a weight, then the kept ones; `index8`: each kept weight with an 8-bit distance to the last."""
Precision = Literal["int8", "float32"]
MEASURED = "measured"
"""The library of `throughput` that is fitted to a user's own measurements."""
OperatorClass = Literal["conv", "pointwise", "narrow", "depthwise", "dense"]
"""Kernels that differ in speed: `pointwise` is a 1 × 1 convolution, `narrow` one whose filters read fewer than four
channels (kernels take four 8-bit values at once), `dense` a fully connected layer."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LARGEST_FILE = 64 * 1024
_MOST_FILES = 500
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(.*)`")
_MISSING_KEY = re.compile(r"Object missing required field `(.*)`")


class Throughput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Million multiply-accumulates a second by operator class; a class without a figure runs at the rate of `conv`."""

    conv: Positive
    pointwise: Positive | None = None
    narrow: Positive | None = None
    depthwise: Positive | None = None
    dense: Positive | None = None
    band: Annotated[float, Meta(ge=0, le=10)]
    """Relative half-width of a predicted latency: 0.2 is ± 20 %; nine networks of ten lie within."""
    power_mw: Positive | None = None
    """While it computes."""

    def of(self, kind: OperatorClass) -> float:
        """The rate of one class in MMAC/s."""
        value: float | None = getattr(self, kind)
        return self.conv if value is None else value


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One network timed on a board."""

    name: Text
    """What was measured, for people."""
    latency_ms: Positive
    macs: dict[Precision, dict[OperatorClass, Positive]]
    """Million multiply-accumulates of one inference."""


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
    """Code of the kernels that a network brings along; 0 where the runtime is part of the system. Left out where the
    format is `c99`: then it is counted kernel by kernel, as linked for the core."""
    library: Text | None = None
    """The entry of `throughput` that estimates use."""
    throughput: dict[str, dict[Precision, Throughput]] = {}
    """By library, then by the precision of weights and activations."""
    measurements: tuple[Measurement, ...] = ()
    """What a user timed on the board; the library `measured` of `throughput` is fitted to them."""
    fitted_from: Text | None = None
    """The library whose rates `measured` began with."""
    opset: Annotated[int, Meta(ge=1, le=100)] | None = None
    """The newest ONNX opset its runtime reads, if that is a limit."""
    sources: dict[str, Text] = {}
    """Where each fact comes from, by fact."""

    def rates(self, precision: Precision) -> Throughput | None:
        """The throughput that estimates use at this precision, if a source gives it."""
        return self.throughput.get(self.library, {}).get(precision) if self.library else None

    @property
    def power_mw(self) -> float | None:
        """Milliwatts while the chosen library computes, if a source gives them."""
        every = self.throughput.get(self.library or "", {}).values()
        return next((rates.power_mw for rates in every if rates.power_mw is not None), None)

    @property
    def brings_c(self) -> bool:
        """Whether a network on it is exported C with its own kernels, whose storage and code are known."""
        return self.kernel_bytes is None and self.default_format == "c99"

    def with_library(self, library: str) -> "Device":
        """The same device running another library of its `throughput`."""
        return msgspec.structs.replace(self, library=library)

    def stored_bits(self, bits: int) -> int:
        """The width at which its runtime keeps weights of `bits` bits: the next one it can store."""
        return next((width for width in self.weight_bits if width >= bits), 32)


class Collection(NamedTuple):
    """Every device there is."""

    devices: tuple[Device, ...]
    """By name; the user's own replace shipped ones of the same name."""
    files: Mapping[str, Path]
    """The file of each of the user's own, by device name."""
    problems: tuple[UserError, ...]
    """What is wrong with each profile of the user's that is left out."""


def collection() -> Collection:
    """Every device that ships and every one of the user's; a profile that is not understood costs only itself."""
    found = {known.name: known for known in _shipped()}
    files: dict[str, Path] = {}
    problems = []
    for path in _profiles(user_folder()):
        try:
            own = read_device(path)
            if own.name in files:
                raise UserError("devices.twice", path=path, name=own.name, other=files[own.name].name)
        except UserError as error:
            problems.append(error)
            continue
        found[own.name], files[own.name] = own, path
    return Collection(tuple(found[name] for name in sorted(found)), files, tuple(problems))


def devices() -> tuple[Device, ...]:
    """Every known device by name: those that ship, and the user's own, which replace one of the same name."""
    return collection().devices


def device(name: str) -> Device:
    """One device by its name or alias; case, `-`, `_` and spaces do not matter.

    Raises:
        UserError: `device.unknown`, with the nearest names, or a few of all where none is near; or what is wrong with
            the user's file of that name.
    """
    known = collection()
    by_key = {_key(alias): entry for entry in known.devices for alias in entry.aliases}
    by_key |= {_key(entry.name): entry for entry in known.devices}
    if _key(name) in by_key:
        return by_key[_key(name)]
    for problem in known.problems:
        if _key(Path(str(problem.values["path"])).stem) == _key(name):
            raise problem
    near = [by_key[key].name for key in difflib.get_close_matches(_key(name), by_key, n=5, cutoff=0.5)]
    few = list(dict.fromkeys(near)) or [entry.name for entry in known.devices[:5]]
    raise UserError("device.unknown", name=name, near=", ".join(few))


def read_device(path: Path) -> Device:
    """A device from one TOML file.

    Raises:
        UserError: `devices.too_large`, `devices.invalid`, `devices.unknown_key` or `devices.wrong_value`, with the
            file, where in it and why.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UserError("devices.too_large", path=path, most=size_text(_LARGEST_FILE))
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Device)
        _check(found, path)
    except msgspec.ValidationError as error:
        raise _explained(path, str(error)) from error
    except (OSError, ValueError, RecursionError) as error:  # msgspec's and tomllib's errors are ValueErrors
        raise _invalid(path, error) from error
    return found


def checked_name(name: str) -> str:
    """The name, if a profile may have it.

    Raises:
        UserError: `devices.name`.
    """
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise UserError("devices.name", name=name)
    return name


def user_folder() -> Path:
    """Where users put profiles of their own: `PENJING_HOME/devices`, else the platform's data folder."""
    home = os.environ.get("PENJING_HOME")
    if home:
        return Path(home) / "devices"
    return user_data_path("penjing", appauthor=False) / "devices"


@functools.cache
def _shipped() -> tuple[Device, ...]:
    return tuple(read_device(path) for path in _profiles(assets.resources() / "devices"))


def _profiles(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))[:_MOST_FILES]
    except OSError:  # a folder that cannot be listed holds no profiles
        return []


def _explained(path: Path, said: str) -> UserError:
    """What the reader found, with the key that it is about."""
    what, _, where = said.partition(" - at ")
    key = where.strip("`").removeprefix("$").removeprefix(".")
    if unknown := _UNKNOWN_KEY.fullmatch(what):
        inside = {"throughput": Throughput, "measurements": Measurement}.get(re.split(r"\W", key)[0], Device)
        near = difflib.get_close_matches(unknown[1], inside.__struct_fields__, n=1)
        known = ", ".join(near or inside.__struct_fields__)
        return UserError("devices.unknown_key", path=path, key=".".join(filter(None, (key, unknown[1]))), known=known)
    if missing := _MISSING_KEY.fullmatch(what):
        key, what = ".".join(filter(None, (key, missing[1]))), "it is missing"
    return UserError("devices.wrong_value", path=path, key=key, detail=what) if key else _invalid(path, what)


def _invalid(path: Path, detail: object) -> UserError:
    return UserError("devices.invalid", path=path, detail=detail)


def _check(found: Device, path: Path) -> None:
    try:
        checked_name(found.name)
    except UserError as error:
        raise UserError("devices.wrong_value", path=path, key="name", detail=error) from error
    for field in ("weight_bits", "activation_bits"):
        widths = getattr(found, field)
        if not widths or list(widths) != sorted(set(widths)):
            raise ValueError(f"{field} {list(widths)} must be ascending, at least one")
    if found.library is not None and found.library not in found.throughput:
        raise ValueError(f"library {found.library!r} is not one of throughput: {', '.join(found.throughput) or 'none'}")
    if found.throughput and found.library is None:
        raise ValueError("throughput needs library: the one that estimates use")
    if found.throughput and "throughput" not in found.sources:
        raise ValueError("throughput needs its source under [sources]")
    powered = any(rates.power_mw is not None for each in found.throughput.values() for rates in each.values())
    if powered and "power_mw" not in found.sources:
        raise ValueError("power_mw needs its source under [sources]")


def _key(name: str) -> str:
    return re.sub(r"[-_\s]", "", name).casefold()
