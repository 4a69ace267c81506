"""Safe, unique names for module form: fx writes Python code from names, so a hostile name would run as code."""

import keyword
import re

from torch import fx, nn

SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
MAX_LENGTH = 200
_BUDGET = MAX_LENGTH - 12  # room for what makes a name unique


class SafeNames:
    """Turns names of a file into names of module form, each given out once."""

    def __init__(self) -> None:
        self._variables: set[str] = set()
        self._folders: set[str] = set()

    def make(self, wanted: str) -> str:
        """The nearest safe name to `wanted` that is not taken."""
        base = safe(wanted)
        if any(_variable(folder) in self._variables for folder in _folders(base)):
            base = _variable(base)  # a layer cannot also be the folder of another
        name, count = base, 1
        while _variable(name) in self._variables or name in self._folders:
            count += 1
            name = f"{base}_{count}"
        self._variables.add(_variable(name))
        self._folders.update(_folders(name))
        return name


def safe(wanted: str) -> str:
    """`wanted` with every character that module form does not allow replaced; at most 188 characters."""
    return _cleaned(wanted, _BUDGET)


def is_safe(name: str) -> bool:
    """Whether a name may stand in module form as it is."""
    return len(name) <= MAX_LENGTH and SAFE_NAME.fullmatch(name) is not None and _cleaned(name, MAX_LENGTH) == name


def _cleaned(wanted: str, length: int) -> str:
    parts = [re.sub(r"[^A-Za-z0-9_]+", "_", part).strip("_") for part in re.split(r"[./:]+", wanted[:4000])]
    parts = [part for part in parts if part] or ["layer"]
    parts = [f"{part}_" if _reserved(part) else part for part in parts]
    name = ".".join(parts)[:length].rstrip(".")
    return name if SAFE_NAME.fullmatch(name) else f"n_{name}"[:length].rstrip(".")


def _reserved(part: str) -> bool:
    return part == "self" or keyword.iskeyword(part) or hasattr(fx.GraphModule, part) or hasattr(_PLAIN, part)


def _variable(name: str) -> str:
    """What fx calls it: two names may not give the same variable."""
    return name.replace(".", "_")


def _folders(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


_PLAIN = nn.Module()
