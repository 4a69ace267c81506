"""The facts of a device profile in words, in any language: what each is called and what it says.

>>> fact_title("flash_bytes", "en"), fact_value("flash_bytes", 65536, "en")
('Flash', '64 KiB')
>>> fact_title("throughput.cmsis-nn.int8.conv", "en")
'Speed, cmsis-nn, int8: convolution, MMAC/s'
"""

from penjing.assets import messages, phrase, text
from penjing.devices.units import size_text

_SIZES = frozenset({"flash_bytes", "ram_bytes", "kernel_bytes"})
_WORDS = {"origin", "kind", "sparse_storage"}
"""Facts whose values are identifiers of Penjing's own."""
_PHRASES = frozenset({"simd", "memory", "throughput", "power_mw", "runtime"})
"""Facts and sources of facts that are told in a phrase."""
_CODES = {"linux-board": "linux_board"}
"""Identifiers that no code of a message can hold."""


def fact_title(key: str, language: str) -> str:
    """Of a fact by its place in the file; what is inside a measurement of a person's own is called as it is there."""
    first, _, rest = key.partition(".")
    if first == "sources":
        return text("fact.source", language=language, fact=fact_title(rest, language))
    if first == "throughput" and rest.count(".") >= 2:
        library, precision, what = rest.rsplit(".", 2)
        return text("fact.rate", language=language, library=library, precision=precision, what=_named(what, language))
    return _named(key, language)


def fact_value(key: str, value: object, language: str) -> str:
    """What a fact says: sizes with their unit, identifiers in words, sentences in the language."""
    if isinstance(value, list | tuple):
        return ", ".join(fact_value(key, one, language) for one in value)
    if key in _SIZES and isinstance(value, int):
        return size_text(value)
    if key == "clock_mhz":
        return f"{value:g} MHz"
    if key in _WORDS:
        return _named(str(value), language)
    return phrase(str(value), language=language) if key in _PHRASES else str(value)


def _named(key: str, language: str) -> str:
    code = f"fact.{_CODES.get(key, key)}"
    return text(code, language=language) if code in messages("en") else key
