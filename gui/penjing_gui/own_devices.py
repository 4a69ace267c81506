"""Takes in a device profile that somebody shared: read, checked, kept among the person's own, chosen."""

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from penjing.devices.profiles import read_device
from penjing.devices.writing import save_device
from penjing.errors import UserError
from penjing_gui.notices import Notice
from penjing_gui.session import Session

SUFFIX = ".penjingdevice"


def add_device(session: Session, path: Path) -> None:
    """Keep the profile; a file that is none costs a notice that says where it is wrong."""
    try:
        device = read_device(path)
        save_device(device)
    except UserError as error:
        session.noticed.emit(session.texts.error(error, key="device"))
        return
    session.devices_changed.emit()
    if session.is_open:
        session.set_device(device.name)
    text = QCoreApplication.translate("own_devices", "{title} is one of your devices now.").format(title=device.title)
    session.noticed.emit(Notice(level="information", text=text, key="device"))
