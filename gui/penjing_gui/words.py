"""Numbers as people read them in the window; unknown is a dash, never a zero.

>>> ratio(100, 50), percent(0.5)
('2.0×', '50.0 %')
"""

from collections.abc import Iterable, Sequence

from penjing.assets import minus as minus
from penjing.devices.units import size_text
from penjing.results import Accuracy

UNKNOWN = "–"
MARKS = {"error": "✕", "warning": "▲", "note": "·"}
"""Before what is said of a plan, by how much it matters, gravest first."""
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def size(count: float | None) -> str:
    """Bytes with a binary unit.

    >>> size(-676)
    '−676 B'
    """
    return UNKNOWN if count is None else size_text(count)


def count(number: float | None) -> str:
    """A count with three digits and a decimal unit: `127 k`, `3.11 M`."""
    if number is None:
        return UNKNOWN
    for unit, name in _UNITS:
        if abs(number) >= unit:
            value = number / unit
            return (
                f"{value:.2f} {name}" if value < 10 else f"{value:.1f} {name}" if value < 100 else f"{value:.0f} {name}"
            )
    return f"{number:.0f}"


def percent(share: float | None, *, digits: int = 1) -> str:
    """A share of one."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def accuracy(value: Accuracy | None) -> str:
    """The value and half of its 95 % interval."""
    if value is None:
        return UNKNOWN
    half, how = (value.high - value.low) / 2, value.how
    return f"{how.show(value.value)} ± {f'{100 * half:.1f}' if how.is_share else f'{half:.2g}'}"


def named_accuracy(value: Accuracy | None) -> str:
    """The same behind the metric's name, where nothing else says that it is none of classes."""
    told = accuracy(value)
    return told if value is None or value.how.is_share else f"{value.how.short} {told}"


def class_name(names: Sequence[str], index: int) -> str:
    """Of a class its name, else its number; below 0 of an answer that is no number.

    >>> class_name(("cat",), 0), class_name(("cat",), 3), class_name(("cat",), -1)
    ('cat', '3', 'NaN')
    """
    return "NaN" if index < 0 else names[index] if index < len(names) else str(index)


def banded(value: float | None, unit: str, band: float | None) -> str:
    """A predicted time or energy with its band."""
    if value is None:
        return UNKNOWN
    shown = f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
    return minus(f"{shown} {unit}" if band is None else f"{shown} {unit} ± {100 * band:.0f} %")


def time(seconds: float) -> str:
    """How long something takes.

    >>> time(89.0), time(150.0), time(7200.0)
    ('89 s', '2 min 30 s', '2 h 00 min')
    """
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min {whole % 60:02d} s" if whole < 5400 else f"{minutes // 60} h {minutes % 60:02d} min"


def ratio(before: float | None, after: float | None) -> str:
    """How many times smaller; empty where that says nothing."""
    if not before or not after:
        return ""
    times = before / after
    return f"{times:.1f}×" if times < 100 else f"{times:.0f}×"


def runs(places: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours.

    >>> runs([3, 1, 2, 7])
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for place in sorted(places):
        if found and found[-1][1] == place - 1:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found


def listed(places: Iterable[int]) -> str:
    """Numbers as people list them.

    >>> listed([3, 7, 8, 9])
    '3, 7–9'
    """
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs(places))


def plain(text: str) -> str:
    """What a command is called, without the mark of its letter: `Copy` of `&Copy`, `复制` of `复制(&C)`."""
    head, mark, tail = text.partition("(&")
    return head + tail[2:] if mark and tail[1:2] == ")" else text.replace("&", "")
