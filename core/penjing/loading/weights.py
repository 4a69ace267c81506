"""Reads files that hold tensors only, `.safetensors` and state-dict `.pt`, into an architecture.

Pickles are never executed: torch reads state dicts with `weights_only`. An architecture is one of ours, or a factory in
a Python file, whose code runs only after explicit consent.
"""

import dataclasses
import importlib.util
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from penjing.errors import UserError, note
from penjing.loading import limits
from penjing.loading.architectures import ARCHITECTURES
from penjing.loading.module import from_module
from penjing.loading.reasons import reason
from penjing.model.model import Model

_CHECKPOINTS = ("state_dict", "model_state_dict", "model", "network", "net", "ema_state_dict", "model_ema", "ema")
"""Under what training scripts keep a network's tensors beside an optimizer's: the first that is there is taken."""
_DEEPEST = 3
"""How many of these stand in one another."""
_TOLD = 8
"""Names that an error tells."""
_TELLING = 20
"""Names of tensors, the longest ones, that a prefix is looked for at."""


def read_weights(path: Path, *, architecture: str | None, allow_code: bool) -> Model:
    """The architecture with the tensors of a file.

    Raises:
        UserError: `load.needs_architecture`, `load.unknown_architecture`, `load.needs_consent`, `load.bad_factory`,
            `load.not_weights`, `load.weights_differ`, and what `from_module` raises.
    """
    limits.check_file(path)
    tensors = _tensors(path)
    if architecture is None:
        raise UserError("load.needs_architecture", path=path.name, known=", ".join(ARCHITECTURES))
    with _architecture(architecture, allow_code=allow_code) as (module, example):
        unused = _fill(module, tensors, path.name)
        model = from_module(module, example, where=path.name)
    if unused:
        told = note("load.tensors_unused", count=len(unused), names=", ".join(sorted(unused)[:_TOLD]))
        model = dataclasses.replace(model, warnings=(*model.warnings, told))
    return model


def _tensors(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix.lower() == ".safetensors":
            found: Any = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = torch.load(path, map_location="cpu", weights_only=True)
    except safetensors.SafetensorError as error:
        raise UserError("load.not_weights", path=path.name, detail=error) from error
    except Exception as error:  # torch refuses what is no plain state dict with many kinds of errors
        if "weights_only" in str(error).lower() and path.read_bytes()[:1] in (b"P", b"\x80"):
            refused = UserError("load.not_weights", path=path.name, detail="it holds Python objects, not only tensors")
            raise refused from error
        refused = UserError("load.not_weights", path=path.name, detail="it is damaged, or torch.save did not write it")
        raise refused from error
    for _ in range(_DEEPEST):
        inner = (found[key] for key in _CHECKPOINTS if isinstance(found.get(key), Mapping))
        found = next(inner, found) if isinstance(found, Mapping) else found
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError("load.not_weights", path=path.name, detail="it is no state dict")
    return found


@contextmanager
def _architecture(name: str, *, allow_code: bool) -> Iterator[tuple[nn.Module, tuple[Tensor, ...]]]:
    """The module and an example of its inputs; what a factory's file imports is at hand until the block ends."""
    if name in ARCHITECTURES:
        yield ARCHITECTURES[name]()
        return
    file, colon, factory = name.rpartition(":")
    if not colon or not file.endswith(".py"):
        raise UserError("load.unknown_architecture", name=name, known=", ".join(ARCHITECTURES))
    if not allow_code:
        raise UserError("load.needs_consent", path=file, factory=factory)
    path = Path(file).absolute()
    limits.check_file(path)
    known, beside = set(sys.modules), str(path.parent)
    sys.path.insert(0, beside)
    try:
        yield _run(path, factory)
    finally:
        sys.path.remove(beside)
        # Files of the same name beside another factory are other modules.
        for added in sys.modules.keys() - known:
            where = getattr(sys.modules[added], "__file__", None) or ""
            if Path(where).parent == path.parent:
                del sys.modules[added]


def _run(file: Path, factory: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Run a factory: it returns a module and an example input, or a module with `example_input`."""
    try:
        spec = importlib.util.spec_from_file_location("penjing_user_architecture", file)
        assert spec is not None
        assert spec.loader is not None
        space = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = space
        spec.loader.exec_module(space)
        maker = getattr(space, factory, None)
        made = maker() if callable(maker) else None
    except Exception as error:  # somebody else's code
        raise UserError(
            "load.bad_factory", path=file.name, factory=factory, detail=f"{type(error).__name__}: {reason(error)}"
        ) from error
    if not callable(maker):
        raise UserError("load.bad_factory", path=file.name, factory=factory, detail="the file has no such function")
    module, example = (
        made if isinstance(made, tuple) and len(made) == 2 else (made, getattr(made, "example_input", None))
    )
    examples = (example,) if isinstance(example, Tensor) else example
    if not isinstance(module, nn.Module) or not isinstance(examples, tuple | list) or not examples:
        raise UserError(
            "load.bad_factory", path=file.name, factory=factory, detail="it must return (module, example_input)"
        )
    return module, tuple(examples)


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> tuple[str, ...]:
    """Puts the tensors into the module; the names of those that belong to something beside it."""
    wanted, given = _weights(module.state_dict()), _weights(tensors)
    prefix = _prefix(wanted, given)
    own = {name.removeprefix(prefix): tensor for name, tensor in given.items() if name.startswith(prefix)}
    differing = [f"- {name}" for name in sorted(wanted.keys() - own.keys())]
    differing += [f"+ {name}" for name in sorted(own.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & own.keys()):
        if wanted[name].shape != own[name].shape:
            differing.append(f"{name} {list(own[name].shape)} ≠ {list(wanted[name].shape)}")
    if differing:
        raise UserError("load.weights_differ", path=where, names=", ".join(differing[:_TOLD]), count=len(differing))
    module.load_state_dict({**module.state_dict(), **own})
    return tuple(name for name in given if not name.startswith(prefix))


def _weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}


def _prefix(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """What wrappers (DataParallel, torch.compile, Lightning) put before every name: that under which most are found."""
    telling = sorted(wanted, key=len, reverse=True)[:_TELLING]
    ends = {name.removesuffix(own) for own in telling for name in given if name.endswith(own)}
    whole = {prefix for prefix in ends if prefix.endswith(".")} | {""}
    return max(sorted(whole, key=len), key=lambda prefix: sum(f"{prefix}{name}" in given for name in wanted))
