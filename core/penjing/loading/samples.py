"""The samples that ship with Penjing: a network, its data, and the device and budget that it should fit.

>>> from penjing.loading.samples import samples
>>> sorted(entry.name for entry in samples())  # doctest: +SKIP
['digits', 'watch']
"""

import functools
from pathlib import Path

import msgspec

from penjing.assets import resources
from penjing.errors import UserError
from penjing.loading.card import read_card

DEFAULT = "watch"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample: what its card says, and where its files lie. `flash` and `ram` are sizes as people write them."""

    name: str
    title: str
    description: str
    device: str
    flash: str
    ram: str
    source: str
    licence: str
    model_path: Path
    data_path: Path
    plan: dict[str, object] = {}
    """Settings at which the sliders open on it, if its card names any."""


@functools.cache
def samples() -> tuple[Sample, ...]:
    """Every sample that ships, the default one first."""
    folder = resources() / "samples"
    found = [_read(path.parent) for path in sorted(folder.glob("*/dataset.toml"))]
    return tuple(sorted(found, key=lambda entry: (entry.name != DEFAULT, entry.name)))


def sample(name: str) -> Sample:
    """One sample by name.

    Raises:
        UserError: `load.unknown_sample`.
    """
    found = {entry.name: entry for entry in samples()}
    if name not in found:
        raise UserError("load.unknown_sample", name=name, known=", ".join(found))
    return found[name]


def _read(folder: Path) -> Sample:
    card = read_card(folder / "dataset.toml")
    entry = card.sample
    if entry is None:
        raise UserError("load.bad_card", path=folder / "dataset.toml", detail="no [sample]")
    return Sample(
        name=folder.name,
        title=card.title or folder.name,
        description=entry.description,
        device=entry.device,
        flash=entry.flash,
        ram=entry.ram,
        source=entry.source,
        licence=entry.licence,
        model_path=folder / entry.model,
        data_path=folder / entry.data,
        plan=card.plan,
    )
