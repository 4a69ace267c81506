"""The registry of formats, and what an export tells about its files."""

from pathlib import Path

import pytest

from penjing.catalogue.methods import methods
from penjing.errors import UserError
from penjing.exporting.export import export_model, formats
from penjing.model.operators.table import Operator, operators
from tests.core.exporting.networks import plain


def test_that_the_catalogue_and_the_writers_name_the_same_formats() -> None:
    assert set(formats()) == set(methods("format"))


def test_that_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        export_model(plain(), tmp_path, format="tflite")
    assert caught.value.code == "export.unknown_format"
    assert "onnx-int8" in str(caught.value)


def test_that_the_files_are_told_with_their_real_bytes(tmp_path: Path) -> None:
    files = export_model(plain(), tmp_path, format="onnx", name="net")
    assert [(file.path, file.format) for file in files] == [("net.onnx", "onnx")]
    assert files[0].bytes == (tmp_path / "net.onnx").stat().st_size


def test_that_every_operator_can_be_written_to_onnx() -> None:
    silent = [kind for kind, row in operators().items() if type(row).write is Operator.write]
    assert silent == []
