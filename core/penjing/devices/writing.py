"""Writes a profile of the user's own, as a whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec
import tomli_w

from penjing.devices.profiles import Device, checked_name, user_folder
from penjing.errors import UserError


def profile_text(device: Device) -> str:
    """The TOML of a profile: what is unknown or as it is by default is left out.

    >>> from penjing.devices.profiles import device
    >>> profile_text(device("nrf52840")).splitlines()[0]
    'name = "nrf52840"'
    """
    defaults = {field.name: field.default for field in msgspec.structs.fields(Device)}
    found = {
        name: _without_none(value)
        for name, value in msgspec.to_builtins(device).items()
        if value not in (None, {}, [], ()) and value != defaults[name]
    }
    return tomli_w.dumps(found)


def save_device(device: Device) -> Path:
    """Put a profile into the user's folder; one of the same name is replaced, a shipped one hidden.

    Raises:
        UserError: `devices.name`, or `devices.cannot_write` where the disk is full or the folder is read-only.
    """
    checked_name(device.name)
    folder = user_folder()
    path = folder / f"{device.name}.toml"
    written: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False, encoding="utf-8") as file:
            written = Path(file.name)
            file.write(profile_text(device))
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as error:
        if written is not None:
            with contextlib.suppress(OSError):
                written.unlink(missing_ok=True)
        raise UserError("devices.cannot_write", path=path, detail=error.strerror or error) from error
    return path


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_none(one) for one in value]
    return value
