"""Penjing's own network file: everything that was on screen, weights packed at exactly their bits."""

from pathlib import Path

from penjing.exporting.export import Request, register
from penjing.model.penjingnet_format import encode


@register("penjingnet")
def write_penjingnet(request: Request) -> tuple[Path, ...]:
    """NAME.penjingnet."""
    path = request.path(".penjingnet")
    path.write_bytes(encode(request.model))
    return (path,)
