"""Profiles that follow measurements, their errors, and their file."""

import os
from pathlib import Path

import msgspec
import pytest

from penjing.devices.profiles import Device, Measurement, device, devices, read_device
from penjing.devices.refit import predicted_ms, refit
from penjing.devices.writing import profile_text, save_device
from penjing.errors import UserError

NRF = device("nrf52840")
SHAPES = {
    "a": {"conv": 12.0, "dense": 0.1},
    "b": {"pointwise": 3.0, "depthwise": 0.4, "narrow": 0.2},
    "c": {"dense": 0.5},
    "d": {"conv": 1.0, "depthwise": 1.0},
}


def timed(name: str, known: Device, factor: float) -> Measurement:
    measurement = Measurement(name=name, latency_ms=1.0, macs={"int8": SHAPES[name]})  # type: ignore[dict-item]
    milliseconds = predicted_ms(known, measurement)
    assert milliseconds is not None
    return msgspec.structs.replace(measurement, latency_ms=milliseconds * factor)


def test_that_one_measurement_scales_every_class() -> None:
    measurement = timed("a", NRF, 2.0)
    found = refit(NRF, (measurement,))
    assert found.rows[0].before_ms == pytest.approx(measurement.latency_ms / 2)
    assert found.rows[0].after_ms == pytest.approx(measurement.latency_ms, rel=0.02)
    before, after = NRF.rates("int8"), found.device.rates("int8")
    assert before is not None and after is not None and found.unseen_error is None
    for kind in ("conv", "pointwise", "depthwise", "dense"):
        assert after.of(kind) == pytest.approx(before.of(kind) / 2, rel=0.1)  # type: ignore[arg-type]
    assert after.band < before.band
    assert found.device.library == "measured" and found.device.fitted_from == "cmsis-nn"


def test_that_several_measurements_tell_classes_apart_and_how_far_off_an_unseen_one_is() -> None:
    # On this board fully connected layers alone are slow: twice the time of everything else.
    measurements = (timed("a", NRF, 1.0), timed("b", NRF, 1.0), timed("c", NRF, 1.6), timed("d", NRF, 1.0))
    found = refit(NRF, measurements)
    before, after = NRF.rates("int8"), found.device.rates("int8")
    assert before is not None and after is not None
    assert after.of("dense") < 0.8 * before.of("dense")
    assert after.of("conv") == pytest.approx(before.of("conv"), rel=0.1)
    assert all(abs(row.error) < 0.1 for row in found.rows)
    assert found.unseen_error is not None and 0.02 < found.unseen_error < 0.3


def test_that_a_refit_starts_again_from_the_profile_and_not_from_the_last_refit() -> None:
    first, second = timed("a", NRF, 2.0), timed("b", NRF, 2.0)
    again = refit(refit(NRF, (first,)).device, (first, second))
    assert again.device.rates("int8") == refit(NRF, (first, second)).device.rates("int8")


def test_that_a_device_without_rates_learns_them() -> None:
    bare = msgspec.structs.replace(NRF, throughput={}, library=None, sources={})
    macs = {"int8": {"conv": 2.0}, "float32": {"dense": 1.0}}
    measurement = Measurement(name="mixed", latency_ms=50.0, macs=macs)  # type: ignore[arg-type]
    found = refit(bare, (measurement,))
    assert found.rows[0].before_ms is None
    assert predicted_ms(found.device, measurement) == pytest.approx(50.0, rel=0.02)


def test_that_a_measurement_of_nothing_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        refit(NRF, (Measurement(name="empty", latency_ms=1.0, macs={}),))
    assert refused.value.code == "devices.nothing_measured"


def test_that_every_profile_survives_its_own_text(tmp_path: Path) -> None:
    refitted = refit(NRF, (timed("a", NRF, 2.0),)).device
    for known in (*devices(), refitted):
        path = tmp_path / f"{known.name}.toml"
        path.write_text(profile_text(known), encoding="utf-8")
        assert read_device(path) == known


def test_that_a_saved_profile_is_known_at_once(penjing_home: Path) -> None:
    path = save_device(msgspec.structs.replace(NRF, name="my-board", title='A "board" – 板', aliases=()))
    assert path == penjing_home / "devices" / "my-board.toml"
    assert device("my-board").title == 'A "board" – 板'


def test_that_a_bad_name_or_a_full_disk_leaves_the_old_file(
    penjing_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = msgspec.structs.replace(NRF, name="my-board", aliases=())
    path = save_device(mine)
    before = path.read_bytes()
    with pytest.raises(UserError) as refused:
        save_device(msgspec.structs.replace(mine, name="../escape"))
    assert refused.value.code == "devices.name"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as refused:
        save_device(msgspec.structs.replace(mine, clock_mhz=1.0))
    assert refused.value.code == "devices.cannot_write"
    assert path.read_bytes() == before and [one.name for one in path.parent.iterdir()] == ["my-board.toml"]
