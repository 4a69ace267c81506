"""Finds every phrase that people read in English in code, and tells what its translations lack.

A phrase is an English text that stands in the code itself and is looked up in `phrases.<language>.json`: what the
window says through `tr`, titles and formulas of the catalogue, facts of devices, names of samples and of proofs.

Example:
    python packaging/phrases.py                                # tell what is missing, unused or inconsistent
    python packaging/phrases.py --list                         # every phrase and where it stands
    python packaging/phrases.py add "&Open…" "打开(&O)…"        # put a translation in, safely while others do the same
    python packaging/phrases.py prune                          # take out what nothing says any more
"""

import argparse
import ast
import json
import re
import runpy
import string
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINDOW = ROOT / "gui" / "penjing_gui"
RESOURCES = ROOT / "resources"
LANGUAGE = "zh_CN"

SAYS = {"tr", "_tr", "translate"}
"""Functions whose last argument is a phrase; of `translate` it is the second, and see `_said`."""
EVERY = 99
SHOWS = {
    **dict.fromkeys(("setText", "setToolTip", "setStatusTip", "setWhatsThis", "setWindowTitle", "setTitle"), 1),
    **dict.fromkeys(("setAccessibleName", "setAccessibleDescription", "setInformativeText", "setDetailedText"), 1),
    **dict.fromkeys(("setPlaceholderText", "setIconText", "setPrefix", "setSuffix", "setSpecialValueText"), 1),
    **dict.fromkeys(("setTabText", "setItemText", "addTab", "setTabToolTip", "addMenu", "addAction", "addRow"), 2),
    **dict.fromkeys(("setHorizontalHeaderLabels", "setHeaderLabels", "addItem", "addItems", "setHtml", "announce"), 1),
    **dict.fromkeys(("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QDockWidget", "Readout"), 1),
    **dict.fromkeys(("QAction", "QMenu", "QToolButton"), 2),
    **{"Action": 1, "say": 2, "showMessage": 1, "identify": EVERY, "Notice": EVERY},
}
"""Calls whose texts people see, with how many of their arguments are texts."""
NAMED = ("text", "hint", "name", "title", "toolTip", "placeholderText")
NAMES = re.compile(
    r"\b(Penjing|ONNX|QDQ|QAT|CSV|JSON|PNG|SVG|HTML|float32|int8|KiB|MiB|GiB|ms|mJ|mAh|MHz|kHz|uA|min|mm|px"
    r"|Ctrl|Shift|Alt|Esc|Del|Home|End|Up|Down|F\d+)\b"
)
"""Words that are the same in every language: names, formats, units, keys."""
PATTERN = re.compile(r"<[^>]*>|\*\.\w+|\{[^}]*\}|[\w.-]+\.(toml|json|npz|csv|onnx)|-\w+")
WORD = re.compile(r"[A-Za-z]{2,}")


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, 1 if something is wrong, or 2 if a translation is refused."""
    parser = argparse.ArgumentParser(description="Phrases of the product and their translations.")
    parser.add_argument("--list", action="store_true", help="every phrase and where it stands")
    verbs = parser.add_subparsers(dest="verb")
    new = verbs.add_parser("add", help="put a translation in")
    new.add_argument("english", help="the phrase as it stands in the code; \\n is a line break")
    new.add_argument("translation", help="with the same placeholders and the same letter after &")
    verbs.add_parser("prune", help="take out what nothing says any more")
    given = parser.parse_args(arguments)
    if given.list:
        for phrase, places in spoken().items():
            print(f"{json.dumps(phrase, ensure_ascii=False)}  {places[0]}")
        return 0
    if given.verb == "add":
        return _add(given.english.replace("\\n", "\n"), given.translation.replace("\\n", "\n"))
    if given.verb == "prune":
        found = spoken()
        change(lambda known: {english: text for english, text in known.items() if english in found})
        return 0
    wrong = [*problems(spoken(), translations()), *unwrapped()]
    print("\n".join(wrong) or "Every phrase is translated.")
    return 1 if wrong else 0


def problems(phrases: Mapping[str, list[str]], known: Mapping[str, str]) -> Iterator[str]:
    """What is missing, unused or inconsistent, each as a line that says how to mend it."""
    for english, places in phrases.items():
        if english not in known:
            shown = json.dumps(english, ensure_ascii=False)
            verb = "add --" if english.startswith("-") else "add"
            yield f"{places[0]}: {shown} is not translated: python packaging/phrases.py {verb} {shown} '中文'"
        elif reason := inconsistency(english, known[english]):
            yield f"{places[0]}: the translation of {json.dumps(english, ensure_ascii=False)} {reason}"
    for english in known:
        if english not in phrases:
            shown = json.dumps(english, ensure_ascii=False)
            yield f"phrases.{LANGUAGE}.json: nothing says {shown}: python packaging/phrases.py prune"


def inconsistency(english: str, translated: str) -> str | None:
    """Why a translation does not fit its phrase; None if it does."""
    if not translated.strip():
        return "is empty"
    names, others = _placeholders(english), _placeholders(translated)
    if names != others:
        return f"has the placeholders {sorted(others)} instead of {sorted(names)}"
    letter, other = _letter(english), _letter(translated)
    if letter != other:
        return f"has the letter {other or 'none'} after & instead of {letter or 'none'}"
    for end in ("…", "\n"):
        if english.endswith(end) != translated.endswith(end):
            return f"must end with {end!r} exactly if the phrase does"
    if english.endswith("…") and translated.endswith("……"):
        return "must end with one … as every command that asks does"
    return None


def spoken() -> dict[str, list[str]]:
    """Every phrase, and where it stands."""
    found: dict[str, list[str]] = {}
    for look in (_in_window, _in_catalogue, _in_data, _in_files, _in_proofs, _in_details, _in_command_line):
        for phrase, place in look():
            found.setdefault(phrase, []).append(place)
    return found


def unwrapped(folder: Path = WINDOW) -> Iterator[str]:
    """Texts of the window that no translation can reach, each as a line."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        keys = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.keyword) and one.arg == "key"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in SHOWS and _said(node) is None:
                shown = node.args[2 if _called(node) == "identify" else 0 : SHOWS[_called(node)]]
                for text in _literals([*shown, *(one.value for one in node.keywords if one.arg in NAMED)]):
                    yield f"{_place(path, node)}: {text!r} is shown as it is: say it through tr()"
            elif isinstance(node, ast.JoinedStr) and id(node) not in keys:
                for part in node.values:
                    if isinstance(part, ast.Constant) and _is_spoken(str(part.value)):
                        yield f"{_place(path, node)}: {part.value!r} stands in an f-string: use tr(…).format(…)"


def translations() -> dict[str, str]:
    """What the language has."""
    known: dict[str, str] = json.loads(_file().read_text("utf-8"))
    return known


def change(how: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Write the translations again, sorted, in one step, while nobody else does."""
    messages = runpy.run_path(str(Path(__file__).with_name("add_message.py")))
    with messages["locked"](_file().parent):
        messages["write"](_file(), how(translations()))


def _add(english: str, translated: str) -> int:
    reason = inconsistency(english, translated)
    if reason is not None:
        print(f"phrases: the translation {reason}", file=sys.stderr)
        return 2
    change(lambda known: {**known, english: translated})
    return 0


def _file() -> Path:
    return RESOURCES / "i18n" / f"phrases.{LANGUAGE}.json"


def _in_window() -> Iterator[tuple[str, str]]:
    for path in sorted(WINDOW.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (said := _said(node)) is not None:
                yield from ((one, _place(path, node)) for one in _ends(said))


def _in_catalogue() -> Iterator[tuple[str, str]]:
    from penjing.catalogue.methods import METHODS

    for method in METHODS:
        yield method.title, f"catalogue, {method.kind} {method.id}"
        for text in (method.formula, method.source):
            if text and _says_something(text):
                yield text, f"catalogue, {method.kind} {method.id}"


def _in_data() -> Iterator[tuple[str, str]]:
    """What metrics are called, and how data were split."""
    from penjing.catalogue.metrics import METRICS, metric
    from penjing.loading.splitting import RULE, RULE_GROUPS, RULE_RANDOM

    yield from ((one.title, f"catalogue, metric {one.id}") for one in (*METRICS, metric("top2")))
    yield from ((one.noun, f"catalogue, metric {one.id}") for one in METRICS if one.noun.islower())
    yield from ((rule, "loading/splitting.py") for rule in (RULE, RULE_GROUPS, RULE_RANDOM))


def _in_files() -> Iterator[tuple[str, str]]:
    for path in sorted((RESOURCES / "devices").glob("*.toml")):
        profile = tomllib.loads(path.read_text("utf-8"))
        if simd := profile.get("simd"):
            yield simd, f"devices/{path.name}"
        for source in profile.get("sources", {}).values():
            yield source, f"devices/{path.name}"
    for path in sorted((RESOURCES / "samples").glob("*/dataset.toml")):
        card = tomllib.loads(path.read_text("utf-8"))
        yield card["title"], f"samples/{path.parent.name}"
        yield card["sample"]["description"], f"samples/{path.parent.name}"


def _in_proofs() -> Iterator[tuple[str, str]]:
    """Words that `report.words.rung_name` looks up: a rung is `what: how`; how a file runs is a part of it."""
    for path in sorted((ROOT / "core" / "penjing" / "verification").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for argument in node.keywords if isinstance(node, ast.Call) else ():
                place = _place(path, node)
                if (_called(node), argument.arg) == ("Rung", "name"):
                    for text in _literals([argument.value]):
                        yield from ((word, place) for word in text.split(": ") if word)
                elif (_called(node), argument.arg) == ("Runtime", "variant"):
                    for text in _literals([argument.value]):
                        yield from ((text, place), (f"parity {text}", place))
    yield from ((word, "verification/trial.py") for word in ("parity", "source", "bytes"))
    from penjing.report.words import HEADS

    yield from ((text, "report/words.py") for text in HEADS.values())


def _in_details() -> Iterator[tuple[str, str]]:
    """What `assets.text` translates of the values of an error: a `detail` that stands in the code."""
    for path in sorted((ROOT / "core" / "penjing").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _called(node) == "unsupported":
                yield from ((text, _place(path, node)) for value in node.args for text in _ends(value))
            for argument in node.keywords if isinstance(node, ast.Call) else ():
                if argument.arg == "detail" and _called(node) == "UserError":
                    # A single word is the key of a file.
                    yield from ((text, _place(path, node)) for text in _ends(argument.value) if " " in text)


def _in_command_line() -> Iterator[tuple[str, str]]:
    """Helps of commands and of their arguments, as `penjing.cli.help` translates them, and argparse's own."""
    for path in sorted((ROOT / "core" / "penjing" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Assign(targets=[ast.Name(id="HELP")], value=value):
                    yield from ((text, _place(path, node)) for text in _ends(value))
                case ast.keyword(arg="help" | "description", value=value):
                    yield from ((text, _place(path, node.value)) for text in _ends(value))
                case ast.Call(func=ast.Name(id="phrase"), args=[value, *_]):
                    yield from ((text, _place(path, node)) for text in _ends(value))
    own = ("usage: ", "positional arguments", "options", "show this help message and exit", "Example: ")
    yield from ((text, "cli/help.py") for text in (*own, "show program's version number and exit"))


def _says_something(text: str) -> bool:
    """Whether a formula or a source holds words to translate: symbols and citations are the same everywhere."""
    if re.search(r"arXiv:|\b(19|20)\d\d\b", text) or text.startswith(("ONNX ", "IEEE ")):
        return bool(re.search(r"\(.*[a-z]{4,}.*\)|, compare", text))
    plain = re.sub(r"\b(max|min|mean|round|clip|log|argmin|softmax|vec|ReLU|seeded)\b", " ", text)
    return bool(re.search(r"[A-Za-z]{3,}", re.sub(r"\w*_\w*|\w*\^\w*", " ", plain))) or "seeded" in text


def _said(node: ast.Call) -> ast.expr | None:
    """The phrase of a call that translates; None for any other call."""
    name = _called(node)
    if not node.args:
        return None
    if name == "say":  # a function that was handed over says its first argument, a widget's own `say` shows it
        return node.args[0] if isinstance(node.func, ast.Name) else None
    if name == "translate" and len(node.args) > 1:
        return node.args[1]
    return node.args[-1] if name in SAYS else None


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _ends(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be, as far as they stand in it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from _ends(body)
            yield from _ends(other)


def _literals(nodes: list[ast.expr]) -> Iterator[str]:
    """Texts with words in expressions, but for what is translated, compared, looked up or an argument elsewhere."""
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)):
                if WORD.search(NAMES.sub("", PATTERN.sub("", text))):
                    yield text
            case ast.JoinedStr(values=parts):
                for part in parts:
                    yield from _literals([part])
            case ast.IfExp(body=body, orelse=other):
                yield from _literals([body, other])
            case ast.BinOp(left=left, right=right):
                yield from _literals([left, right])
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                yield from _literals(values)
            case ast.Call(func=ast.Attribute(value=ast.Constant() as text), args=values):  # ", ".join([...])
                yield from _literals([text, *values])


def _is_spoken(text: str) -> bool:
    """Whether a part of an f-string is read by people, and no style sheet, markup, path or key."""
    if re.search(r"[{}<>;=_/#]|: *$", text):
        return False
    return " " in text and bool(WORD.search(NAMES.sub("", PATTERN.sub("", text))))


def _placeholders(text: str) -> set[str]:
    named = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    return named | set(re.findall(r"%\(\w+\)s", text))


def _letter(text: str) -> str:
    found = re.search(r"&(\w)", text.replace("&&", ""))
    return found.group(1).upper() if found else ""


def _place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}:{getattr(node, 'lineno', 0)}"


if __name__ == "__main__":
    sys.exit(main())
