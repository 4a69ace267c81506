"""Penjing's own network file: everything that was on screen, weights packed at exactly their bits."""

from pathlib import Path

from penjing.exporting.export import Request, register
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode

REFERENCE = "reference.penjingnet"
"""What was on screen, beside an export that has no such file of its own: to verify it later in full."""


@register("penjingnet")
def write_penjingnet(request: Request) -> tuple[Path, ...]:
    """NAME.penjingnet."""
    path = request.path(".penjingnet")
    path.write_bytes(encode(request.model))
    return (path,)


def write_reference(folder: Path, model: Model) -> None:
    """`reference.penjingnet` in an export's folder."""
    (folder / REFERENCE).write_bytes(encode(model))
