"""A training's state in one file, safetensors with JSON in its header, replaced in one step: what resuming needs.

No random state is in it: every epoch draws from a generator of its own, seeded by the plan's seed and the epoch.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from penjing.errors import UserError
from penjing.plan import Distillation
from penjing.results import Epoch


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a training stands after an epoch."""

    fingerprint: str
    history: tuple[Epoch, ...]
    best_epoch: int
    seconds: float


def write_checkpoint(path: Path, standing: Standing, tensors: Mapping[str, Tensor]) -> None:
    """Replaces the file in one step: whoever is interrupted finds the old one or the new one, never a part."""
    new = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    owned = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(owned, new, metadata={"standing": msgspec.json.encode(standing).decode()})
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def read_checkpoint(path: Path, fingerprint: str) -> tuple[Standing, dict[str, Tensor]] | None:
    """The state in the file, or None where there is no file.

    Raises:
        UserError: `distillation.bad_checkpoint` (damaged), `distillation.other_checkpoint` (of another training).
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            standing = msgspec.json.decode((file.metadata() or {})["standing"], type=Standing)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, msgspec.MsgspecError, OSError) as error:
        raise UserError("distillation.bad_checkpoint", path=path, detail=error) from error
    if standing.fingerprint != fingerprint:
        raise UserError("distillation.other_checkpoint", path=path)
    return standing, tensors


def fingerprint(options: Distillation, tensors: Mapping[str, Tensor], *facts: object) -> str:
    """What makes two trainings the same: options, starting tensors, sizes of the data, kind and method."""
    digest = hashlib.sha256(msgspec.json.encode([options, [repr(fact) for fact in facts]]))
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous().cpu()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
