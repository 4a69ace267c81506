"""Device profiles: look-up, validation, and whether their throughput gives back the results it was fitted to."""

import re
from pathlib import Path

import msgspec
import pytest

from penjing.devices.profiles import Device, OperatorClass, collection, device, devices, read_device
from penjing.errors import UserError

SHIPPED = 22
PROMISED = ("nrf52840", "stm32l4r5", "stm32h7a3", "esp32-s3", "rp2040", "raspberry-pi-4")
MINE = """
name = "my-board"
title = "My board"
aliases = ["prototype 3"]
kind = "microcontroller"
core = "Cortex-M4F"
clock_mhz = 80
default_format = "onnx-int8"
weight_bits = [8, 32]
activation_bits = [8, 32]
"""

# MLPerf Tiny networks by operator class, in MMAC: conv, pointwise, narrow, depthwise, dense; counted by hand from their
# definitions: the stem of ResNet-8 is 32² · 16 · 27, its two shortcuts 16² · 32 · 16 and 8² · 64 · 32; and so on.
NETWORKS = {
    "ic": (11.796, 0.262, 0.442, 0.0, 0.00064),
    "kws": (0.0, 2.048, 0.320, 0.288, 0.000768),
    "vww": (0.0, 6.193, 0.498, 0.798, 0.000512),
    "ad": (0.0, 0.0, 0.0, 0.0, 0.264),
}
# Published milliseconds: MLPerf Tiny v0.5 to v1.2 (EXPORT §5 and the results' repositories).
PUBLISHED = {
    ("stm32l4r5", "cmsis-nn"): (390, 99.8, 301, 8.6),
    ("stm32l4r5", "tflm"): (704, 182, 601, 10.1),
    ("stm32l4r5", "x-cube-ai"): (165, 43.2, 88.9, 5.26),
    ("stm32u575", "x-cube-ai"): (111, 29.1, 59.3, 3.43),
    ("stm32h7a3", "x-cube-ai"): (40.8, 11.3, 23.8, 1.23),
    ("stm32f746", "hale"): (62.55, 18.96, 57.25, 1.711),
    ("nrf5340", "cmsis-nn"): (318, 76.5, 233, 6.29),
    ("stm32g0b1", "hale"): (1522, 475, 1414, 40.9),
    ("ra6m4", "cmsis-nn"): (246.2, 50.57, 162.4, 4.613),
    ("ra8d1", "cmsis-nn-helium"): (8.48, 3.47, 13.4, 0.53),
}


@pytest.mark.parametrize("name", PROMISED)
def test_that_the_promised_devices_are_there_with_sources(name: str) -> None:
    found = device(name)
    assert found.name == name
    assert found.sources["throughput"] and found.sources["memory"]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("nRF52840", "nrf52840"),
        ("NRF_52840", "nrf52840"),
        ("Raspberry Pi 4", "raspberry-pi-4"),
        ("esp32s3", "esp32-s3"),
        ("Pico", "rp2040"),
    ],
)
def test_that_spelling_and_aliases_do_not_matter(spelling: str, name: str) -> None:
    assert device(spelling).name == name


def test_that_no_spelling_means_two_devices() -> None:
    keys = [
        spelling.replace("-", "").replace("_", "").replace(" ", "").casefold()
        for found in devices()
        for spelling in (found.name, *found.aliases)
    ]
    assert len(keys) == len(set(keys))


def test_that_an_unknown_device_is_refused_with_near_names() -> None:
    with pytest.raises(UserError) as refused:
        device("nrf5284")
    assert refused.value.code == "device.unknown"
    assert "nrf52840" in refused.value.message() and "'nrf5284'" in refused.value.message()


@pytest.mark.parametrize(("name", "library"), PUBLISHED)
def test_that_throughput_gives_back_published_times_within_the_band(name: str, library: str) -> None:
    rates = device(name).with_library(library).rates("int8")
    assert rates is not None
    classes: tuple[OperatorClass, ...] = ("conv", "pointwise", "narrow", "depthwise", "dense")
    for work, milliseconds in zip(NETWORKS.values(), PUBLISHED[name, library], strict=True):
        predicted = 1e3 * sum(mmac / rates.of(kind) for mmac, kind in zip(work, classes, strict=True))
        assert predicted == pytest.approx(milliseconds, rel=min(rates.band, 0.16))


def test_that_scaled_profiles_follow_the_clock() -> None:
    for name, source, ratio in (
        ("nrf52840", "stm32l4r5", 64 / 120),
        ("rp2040", "stm32g0b1", 133 / 64),
        ("rp2350", "nrf5340", 150 / 128),
    ):
        scaled, measured = device(name).rates("int8"), device(source).rates("int8")
        assert scaled is not None and measured is not None
        assert scaled.conv == pytest.approx(measured.conv * ratio, rel=0.01)
        assert "scaled by clock" in device(name).sources["throughput"]


def test_that_a_width_is_stored_at_the_next_one_the_runtime_has() -> None:
    assert [device("nrf52840").stored_bits(bits) for bits in (2, 3, 4, 5, 8, 16, 32)] == [2, 4, 4, 8, 8, 32, 32]


def test_that_a_missing_rate_is_unknown_and_not_zero() -> None:
    assert device("nrf52840").rates("float32") is None
    assert device("nrf52840").power_mw is None
    assert device("rp2040").flash_bytes is None


def test_that_users_add_devices_and_replace_shipped_ones(penjing_home: Path) -> None:
    folder = penjing_home / "devices"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(MINE)
    (folder / "nrf.toml").write_text(MINE.replace("my-board", "nrf52840"))
    assert device("Prototype-3").title == "My board"
    assert device("nrf52840").clock_mhz == 80


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("clock_mhz = 80", "clock_mhz = -80"), "clock_mhz"),
        (("clock_mhz = 80", "clock = 80"), "clock"),
        (("weight_bits = [8, 32]", "weight_bits = [32, 8]"), "weight_bits"),
        (("weight_bits = [8, 32]", "weight_bits = []"), "weight_bits"),
        (('"my-board"', '"My Board"'), "My Board"),
        (('kind = "microcontroller"', 'kind = "toaster"'), "toaster"),
        (("clock_mhz = 80\n", ""), "clock_mhz: it is missing"),
        (
            (
                "activation_bits = [8, 32]\n",
                'activation_bits = [8, 32]\nlibrary = "x"\n[throughput.x.int8]\nconv = 1\nband = 0.1\n',
            ),
            "source",
        ),
        (
            (
                "activation_bits = [8, 32]\n",
                'activation_bits = [8, 32]\nlibrary = "x"\n[throughput.x.int8]\nconv = 1\n',
            ),
            "throughput",
        ),
        (
            (
                "activation_bits = [8, 32]\n",
                'activation_bits = [8, 32]\nlibrary = "x"\n[throughput.x.int8]\nconv = 1\nband = 0.1\ndept = 2\n',
            ),
            "dept",
        ),
        (("clock_mhz = 80", 'clock_mhz = 80\nlibrary = "x"'), "library"),
        (("clock_mhz = 80", "clock_mhz = 80\nsparse_storage = ['magic']"), "magic"),
        (("name =", "name"), "line"),
    ],
)
def test_that_a_profile_that_is_not_understood_is_refused_by_file_and_reason(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace(*change))
    with pytest.raises(UserError) as refused:
        read_device(path)
    assert refused.value.code in ("devices.invalid", "devices.unknown_key", "devices.wrong_value")
    assert "mine.toml" in refused.value.message() and told in refused.value.message()
    assert refused.value.hint()


def test_that_a_misspelt_key_is_told_with_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace("clock_mhz", "clock_mhs"))
    with pytest.raises(UserError) as refused:
        read_device(path)
    assert refused.value.code == "devices.unknown_key"
    assert "clock_mhs" in refused.value.message() and "clock_mhz" in (refused.value.hint() or "")


def test_that_a_wrong_profile_costs_a_message_and_not_the_list(penjing_home: Path) -> None:
    folder = penjing_home / "devices"
    folder.mkdir(parents=True)
    (folder / "a-mine.toml").write_text(MINE)
    (folder / "broken.toml").write_text(MINE.replace("kind", "kindness"))
    (folder / "twice.toml").write_text(MINE)
    found = collection()
    assert "my-board" in [one.name for one in found.devices] and len(found.devices) == SHIPPED + 1
    assert dict(found.files) == {"my-board": folder / "a-mine.toml"}
    assert [problem.code for problem in found.problems] == ["devices.unknown_key", "devices.twice"]
    with pytest.raises(UserError, match="kindness"):
        device("broken")


def test_that_a_huge_profile_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_text(MINE + "#" * 100_000)
    with pytest.raises(UserError, match="64 KiB"):
        read_device(path)


def test_that_every_profile_survives_json() -> None:
    for found in devices():
        assert msgspec.json.decode(msgspec.json.encode(found), type=Device) == found


def test_that_titles_are_names_alone_which_need_no_translation() -> None:
    spoken = [known.title for known in devices() if re.search(r"\b[a-z]{3,}\b", known.title)]
    assert spoken == []
