"""`penjing devices`: the user's own profiles, a network compared across devices, a profile fitted to a board."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penjing.cli.main import main
from penjing.devices.profiles import device
from penjing.devices.writing import profile_text

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    code = main(["devices", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys: Capture, *arguments: object) -> Any:
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"schema_version": 1, "defaults": {"weight_bits": 4, "activation_bits": 8}}))
    return path


def test_that_own_profiles_are_listed_as_the_users_and_broken_ones_cost_a_line(
    capsys: Capture, penjing_home: Path
) -> None:
    folder = penjing_home / "devices"
    folder.mkdir(parents=True)
    mine = msgspec.structs.replace(device("rp2040"), name="mine", aliases=())
    (folder / "mine.toml").write_text(profile_text(mine), encoding="utf-8")
    (folder / "wrong.toml").write_text("name = 3")
    code, out, err = run(capsys)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("mine ")]
    assert line.rstrip().endswith("user")
    assert "wrong.toml" in err and len(err.strip().splitlines()) == 1
    origins = {one["name"]: one["origin"] for one in document(capsys)["devices"]}
    assert origins["mine"] == "user" and origins["rp2040"] == "shipped" and len(origins) == 23


def test_that_a_network_is_compared_across_all_devices(capsys: Capture, plan: Path) -> None:
    found = document(capsys, "--model", "sample:digits", "--plan", plan, "--cell", "220mAh", "--per-hour", 6)
    rows = {row["name"]: row for row in found["devices"]}
    assert len(rows) == 22
    row = rows["stm32u575"]
    assert row["fits"] is True and row["ram_free"] > 0 and row["figures"]["latency_ms"] > 0
    energy, milliseconds = row["figures"]["energy_mj"], row["figures"]["latency_ms"]
    hour = 6 * energy / 1e3 + 3e-6 * (3600 - 6 * milliseconds / 1e3)  # 1 µA at 3 V while it sleeps
    assert row["battery_days"] == pytest.approx(220 * 3.6 * 3 / (24 * hour))
    assert rows["nrf52840"]["battery_days"] is None  # no source tells its power
    assert {saving["part"] for saving in row["savings"]} == {"weight_bits", "activation_bits"}


def test_that_one_device_is_compared_with_each_of_its_libraries_and_says_what_saves_nothing(
    capsys: Capture, plan: Path
) -> None:
    code, out, err = run(capsys, "stm32l4r5", "--model", "sample:digits", "--plan", plan)
    assert code == 0
    libraries = [line.split()[1] for line in out.splitlines()[1:]]
    assert libraries == ["cmsis-nn", "hale", "tflm", "x-cube-ai"]
    assert "unpacks weights below 8 bits" in err


def test_that_a_measured_time_becomes_a_profile_with_its_error(capsys: Capture, plan: Path, penjing_home: Path) -> None:
    given = ("nrf52840", "--model", "sample:digits", "--plan", plan, "--as", "my-board")
    found = document(capsys, *given, "--latency", "90ms")
    (row,) = found["measurements"]
    assert row["after_ms"] == pytest.approx(90, rel=0.03) and row["error"] == pytest.approx(row["after_ms"] / 90 - 1)
    assert found["unseen_error"] is None
    assert Path(found["path"]) == penjing_home / "devices" / "my-board.toml"
    rows = document(capsys, "my-board", "--model", "sample:digits", "--plan", plan)["devices"]
    assert rows[0]["library"] == "measured" and rows[0]["figures"]["latency_ms"] == pytest.approx(90, rel=0.03)
    # The same again replaces what was measured before, another network is one more.
    found = document(capsys, "my-board", *given[1:5], "--latency", "80ms")
    assert [round(row["measured_ms"]) for row in found["measurements"]] == [80] and found["name"] == "my-board"
    other = document(capsys, "my-board", "--model", "sample:watch", "--plan", plan, "--latency", "5ms")
    assert len(other["measurements"]) == 2 and other["unseen_error"] is not None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--latency", "90ms"), "cli.usage"),
        (("nrf52840", "--latency", "90ms"), "cli.usage"),
        (("nrf52840", "--latency", "soon", "--model", "sample:digits"), "units.time"),
        (("nrf52840", "--latency", "1ms", "--model", "sample:digits", "--as", "My Board"), "devices.name"),
        (("--model", "sample:digits", "--cell", "3V"), "units.charge"),
        (("--plan", "plan.json"), "cli.usage"),
        (("--model", "sample:digits", "--cell", "1Ah", "--per-hour", "-1"), "cli.usage"),
    ],
)
def test_that_wrong_wishes_are_refused(capsys: Capture, arguments: tuple[str, ...], code: str) -> None:
    exit_code, out, err = run(capsys, *arguments, "--json")
    assert exit_code == 2 and json.loads(out)["error"]["code"] == code
    assert len(err.strip().splitlines()) == 1
