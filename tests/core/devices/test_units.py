"""Sizes, times and energies as people write them."""

import pytest

from penjing.devices.units import (
    parse_charge,
    parse_current,
    parse_energy,
    parse_points,
    parse_size,
    parse_time,
    parse_voltage,
    size_text,
)
from penjing.errors import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("65536", 65536),
        (65536, 65536),
        ("64KiB", 65536),
        ("64 kib", 65536),
        ("64K", 65536),
        ("64kB", 64000),
        ("1.5MiB", 1572864),
        ("1GiB", 1073741824),
        ("7b", 7),
    ],
)
def test_that_sizes_are_read_as_bytes(text: str | int, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("20ms", 20.0), ("0.02s", 20.0), ("500us", 0.5), ("500µs", 0.5), ("20", 20.0), (20, 20.0)]
)
def test_that_times_are_read_as_milliseconds(text: str | int, expected: float) -> None:
    assert parse_time(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("text", "expected"), [("1mJ", 1.0), ("500uJ", 0.5), ("0.001J", 1.0), ("2", 2.0)])
def test_that_energies_are_read_as_millijoules(text: str, expected: float) -> None:
    assert parse_energy(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "KiB", "-1", "0", "0KiB", "1e6", "nan", "inf", "64KiB/s", "64 KiB 1", "9" * 40, "64XB", "1TiB"]
)
def test_that_what_is_no_size_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_size(text)
    assert refused.value.code == "units.size"
    assert f"'{text}'" in refused.value.message()


def test_that_units_of_one_kind_are_refused_as_another() -> None:
    for parse, text in ((parse_time, "64KiB"), (parse_energy, "20ms"), (parse_size, "1mJ")):
        with pytest.raises(UserError):
            parse(text)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (49152, "48 KiB"),
        (1536, "1.5 KiB"),
        (3 * 2**20, "3 MiB"),
        (5 * 2**29, "2.5 GiB"),
        (-676, "\u2212676 B"),
        (-1536, "\u22121.5 KiB"),
    ],
)
def test_that_sizes_are_told_in_binary_units(size: int, expected: str) -> None:
    assert size_text(size) == expected


def test_that_points_are_read_and_anything_else_is_said() -> None:
    assert [parse_points(text) for text in ("1.0", "0", "100", 2)] == [1.0, 0.0, 100.0, 2.0]
    for text in ("", "abc", "-1", "nan", "inf", "100.1", "1%", "1e1"):
        with pytest.raises(UserError) as caught:
            parse_points(text)
        assert caught.value.code == "units.points"


def test_that_batteries_are_read_in_milliampere_hours_microamperes_and_volts() -> None:
    assert [parse_charge(text) for text in ("220mAh", "1.2 Ah", "220")] == pytest.approx([220, 1200, 220])
    assert [parse_current(text) for text in ("2uA", "2µA", "0.5mA", "800nA", "3")] == pytest.approx([2, 2, 500, 0.8, 3])
    assert [parse_voltage(text) for text in ("3V", "1500mV", "3.7")] == pytest.approx([3, 1.5, 3.7])
    for parse, text in ((parse_charge, "3V"), (parse_current, "220mAh"), (parse_voltage, "2uA")):
        with pytest.raises(UserError) as refused:
            parse(text)
        assert refused.value.hint()
