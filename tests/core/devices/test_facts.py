"""Facts of devices in words: every key of a profile has a title in every language, and values say their unit."""

import re

import msgspec
import pytest

from penjing.assets import LANGUAGES
from penjing.cli.main import main
from penjing.devices.facts import fact_title, fact_value
from penjing.devices.profiles import Device, Throughput, devices

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("language", LANGUAGES)
def test_that_every_key_of_a_profile_has_a_title(language: str) -> None:
    keys = {field.name for field in msgspec.structs.fields(Device)} - {"sources"}
    keys |= {f"throughput.cmsis-nn.int8.{field.name}" for field in msgspec.structs.fields(Throughput)}
    keys |= {f"sources.{fact}" for one in devices() for fact in one.sources}
    titles = {key: fact_title(key, language) for key in sorted(keys)}
    for key, title in titles.items():
        assert "_" not in title and title != key, key
        assert language == "en" or HAN.search(title), key
    assert len(set(titles.values())) == len(titles)


def test_that_values_say_their_unit_and_identifiers_are_words() -> None:
    assert fact_value("ram_bytes", 262144, "en") == "256 KiB"
    assert fact_value("clock_mhz", 64.0, "en") == "64 MHz"
    assert fact_value("weight_bits", [8, 32], "zh_CN") == "8, 32"
    assert fact_value("kind", "linux-board", "zh_CN") == "Linux 开发板"
    assert fact_value("name", "my-board", "zh_CN") == "my-board"
    assert fact_title("measurements", "zh_CN") == "自己的测量"


def test_that_the_chinese_command_line_tells_a_device_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "nrf52840", "--language", "zh_CN"]) == 0
    table = capsys.readouterr().out.splitlines()[2:]
    assert len(table) > 20
    titles = [re.split(r"\s{2,}", line)[0] for line in table if line.strip()]
    assert not [title for title in titles if not HAN.search(title)]
