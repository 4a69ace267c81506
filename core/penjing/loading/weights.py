"""Reads files that hold tensors only, `.safetensors` and state-dict `.pt`, into an architecture.

Pickles are never executed: torch reads state dicts with `weights_only`. An architecture is one of ours, or a factory in
a Python file, whose code runs only after explicit consent.
"""

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.architectures import ARCHITECTURES
from penjing.loading.module import from_module
from penjing.loading.reasons import reason
from penjing.model.model import Model

_CHECKPOINTS = ("state_dict", "model_state_dict", "model")
"""Under what training scripts keep a network's tensors beside an optimizer's."""
_WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""


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
    module, example = _architecture(architecture, allow_code=allow_code)
    _fill(module, tensors, path.name)
    return from_module(module, example, where=path.name)


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
        objects = "weights_only" in str(error).lower()
        detail = "it holds Python objects, not only tensors" if objects else reason(error)
        raise UserError("load.not_weights", path=path.name, detail=detail) from error
    if isinstance(found, Mapping):
        nested = (found[key] for key in _CHECKPOINTS if isinstance(found.get(key), Mapping))
        found = next(nested, found)
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError("load.not_weights", path=path.name, detail="it is no state dict")
    return found


def _architecture(name: str, *, allow_code: bool) -> tuple[nn.Module, tuple[Tensor, ...]]:
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]()
    file, colon, factory = name.rpartition(":")
    if not colon or not file.endswith(".py"):
        raise UserError("load.unknown_architecture", name=name, known=", ".join(ARCHITECTURES))
    if not allow_code:
        raise UserError("load.needs_consent", path=file, factory=factory)
    limits.check_file(Path(file))
    return _run(Path(file), factory)


def _run(file: Path, factory: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Run a factory: it returns a module and an example input, or a module with `example_input`."""
    try:
        spec = importlib.util.spec_from_file_location("penjing_user_architecture", file)
        assert spec is not None
        assert spec.loader is not None
        space = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(space)
        made = getattr(space, factory)()
    except Exception as error:  # somebody else's code
        raise UserError(
            "load.bad_factory", path=file.name, factory=factory, detail=f"{type(error).__name__}: {reason(error)}"
        ) from error
    module, example = (
        made if isinstance(made, tuple) and len(made) == 2 else (made, getattr(made, "example_input", None))
    )
    examples = (example,) if isinstance(example, Tensor) else example
    if not isinstance(module, nn.Module) or not isinstance(examples, tuple | list) or not examples:
        detail = "it must return (module, example_input)"
        raise UserError("load.bad_factory", path=file.name, factory=factory, detail=detail)
    return module, tuple(examples)


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    wanted = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    for prefix in (*_WRAPPERS, *_WRAPPERS):  # one may stand inside another
        if given and all(name.startswith(prefix) for name in given) and not given.keys() & wanted.keys():
            given = {name.removeprefix(prefix): tensor for name, tensor in given.items()}
    differing = sorted(wanted.keys() ^ given.keys())
    differing += sorted(name for name in wanted.keys() & given.keys() if wanted[name].shape != given[name].shape)
    if differing:
        raise UserError("load.weights_differ", path=where, names=", ".join(differing[:8]), count=len(differing))
    module.load_state_dict({**module.state_dict(), **given})
