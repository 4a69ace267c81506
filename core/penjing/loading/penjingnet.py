"""Reads `.penjingnet` files: the format is `penjing.model.penjingnet_format`, the building is here."""

import dataclasses
from pathlib import Path

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.penjingnet_format import decode


def read_penjingnet(path: Path) -> Model:
    """The network of a file with its masks and quantizers.

    Raises:
        UserError: `load.not_penjingnet`, `load.penjingnet_version`, `load.bad_penjingnet`, `model.…`.
    """
    limits.check_file(path)
    return from_bytes(path.read_bytes(), where=path.name)


def from_bytes(content: bytes, *, where: str = "network") -> Model:
    """The same from bytes."""
    decoded = decode(content, where=where)
    model = build(decoded.spec)
    for name, mask in decoded.masks.items():
        if mask.shape != model.weight(name).shape:
            raise UserError("load.bad_penjingnet", where=where, detail=f"the mask of {name} does not fit its weight")
    return dataclasses.replace(
        model,
        masks=decoded.masks,
        codebooks=decoded.codebooks,
        weight_quantizers=decoded.weight_quantizers,
        activation_quantizers=decoded.activation_quantizers,
    )
