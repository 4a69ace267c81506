"""The command line's manners: exit codes, one clear line, JSON on stdout and nothing else there."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penjing.cli.main import main

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys: Capture, *arguments: object) -> Any:
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "cli.usage"),
        (("polish",), "cli.usage"),
        (("inspect",), "cli.usage"),
        (("estimate", "x.onnx"), "cli.usage"),
        (("inspect", "no-such-file.onnx"), "load.not_found"),
        (("inspect", "sample:nothing"), "load.unknown_sample"),
        (("devices", "toaster"), "device.unknown"),
        (("fit", "sample:digits", "--device", "stm32l4r5", "--flash", "many"), "units.size"),
    ],
)
def test_that_a_user_error_is_one_line_and_exit_code_2_and_a_document_with_json(
    capsys: Capture, arguments: tuple[str, ...], code: str
) -> None:
    exit_code, out, err = run(capsys, *arguments)
    assert exit_code == 2
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    exit_code, out, _ = run(capsys, *arguments, "--json")
    assert exit_code == 2
    error = json.loads(out)["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] == code
    assert error["message"]


def test_that_errors_speak_the_language_asked_for(capsys: Capture) -> None:
    _, _, english = run(capsys, "devices", "toaster")
    _, _, chinese = run(capsys, "devices", "toaster", "--language", "zh_CN")
    assert "toaster" in english
    assert "toaster" in chinese
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese)


def test_that_a_bug_is_exit_code_1_with_a_traceback(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("unexpected")

    monkeypatch.setattr("penjing.cli.commands.devices.run", broken)
    code, _, err = run(capsys, "devices")
    assert code == 1
    assert "RuntimeError: unexpected" in err


def test_that_an_interrupt_is_exit_code_130(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("penjing.cli.commands.devices.run", interrupted)
    assert run(capsys, "devices")[0] == 130


def test_that_samples_and_devices_are_listed_and_shown_by_any_spelling(capsys: Capture) -> None:
    names = [entry["name"] for entry in document(capsys, "samples")["samples"]]
    assert names[0] == "watch"
    assert "digits" in names
    devices = {entry["name"]: entry for entry in document(capsys, "devices")["devices"]}
    assert {"nrf52840", "stm32l4r5", "stm32h7a3", "esp32-s3", "rp2040", "raspberry-pi-4"} <= set(devices)
    assert devices["nrf52840"]["ram_bytes"] == 256 * 1024
    (one,) = document(capsys, "devices", "NRF_52840")["devices"]
    assert one["name"] == "nrf52840"
    (other,) = document(capsys, "devices", "Raspberry Pi 4")["devices"]
    assert other["name"] == "raspberry-pi-4"


def test_that_help_of_every_subcommand_shows_an_example(capsys: Capture) -> None:
    for command in ("samples", "devices", "inspect", "estimate", "fit", "compress", "export", "verify"):
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        assert f"penjing {command}" in capsys.readouterr().out


def test_that_a_plan_file_that_is_not_there_is_named(capsys: Capture, tmp_path: Path) -> None:
    code, _, err = run(capsys, "estimate", "sample:digits", "--plan", tmp_path / "gone.json")
    assert code == 2
    assert "gone.json" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [("devices",), ("devices", "--json"), ("inspect", "sample:digits")])
def test_that_a_full_disk_behind_the_output_is_one_line_and_no_defect(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "penjing", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert os.strerror(errno.ENOSPC) in done.stderr and "Traceback" not in done.stderr


def test_that_an_unknown_device_is_answered_with_few_names(capsys: Capture) -> None:
    assert main(["devices", "toaster"]) == 2
    assert capsys.readouterr().err.count("esp32") < 4
