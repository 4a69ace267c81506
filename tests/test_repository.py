"""Rules that no single part of the project can keep alone: files, messages, processes and the wheel."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [*sorted((ROOT / "core").rglob("*.py")), *sorted((ROOT / "gui").rglob("*.py"))]
LANGUAGES = ("en", "zh_CN")


def test_that_tracked_files_name_no_machine_path_and_no_registry() -> None:
    machine = re.compile(r"(?<![\w.~}/-])/(work|root|home)/\w|\b(pypi\.org|pythonhosted\.org|registry\.npmjs)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        if path != Path(__file__).resolve()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if machine.search(line)
    ]
    assert not found, "\n".join(found)


def test_that_the_languages_have_the_same_messages_with_the_same_placeholders() -> None:
    placeholders = runpy.run_path(str(ROOT / "packaging" / "add_message.py"))["placeholders"]
    english, chinese = (messages(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    different = [code for code in english if placeholders(english[code]) != placeholders(chinese[code])]
    assert different == []


def test_that_every_error_and_note_has_a_message_and_gives_it_its_values() -> None:
    placeholders = runpy.run_path(str(ROOT / "packaging" / "add_message.py"))["placeholders"]
    english = messages("en")
    wrong = []
    for where, code, values in raised_errors():
        if code not in english:
            wrong.append(f"{where}: {code} has no message")
            continue
        texts = english[code] + english.get(f"{code}.hint", "")
        if values is not None and (missing := placeholders(texts) - values):
            wrong.append(f"{where}: {code} needs {', '.join(sorted(missing))}")
    assert not wrong, "\n".join(wrong)


def test_that_every_package_init_is_empty() -> None:
    assert [str(path) for path in SOURCES if path.name == "__init__.py" and path.read_bytes()] == []


def test_that_packaging_is_no_python_package() -> None:
    # A regular package of that name would hide the library `packaging`, which pip's own tools import.
    assert not (ROOT / "packaging" / "__init__.py").exists()


def test_that_loading_the_window_loads_no_tensor_library() -> None:
    code = (
        "import pkgutil, importlib, sys, penjing_gui\n"
        "for module in pkgutil.walk_packages(penjing_gui.__path__, 'penjing_gui.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'penjing_gui.__main__' in sys.modules\n"
        "print(*{'torch', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=paths(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_that_no_network_is_told_to_the_maker_of_the_runtime(tmp_path: Path) -> None:
    # It would be gathered in a file of the user's cache; where CI stands in the environment nothing is gathered anyway.
    code = (
        "import onnx\n"
        "from onnx import TensorProto, helper\n"
        "from penjing.model.onnx_runtime import onnxruntime\n"
        "told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in 'xy']\n"
        "graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'g', told[:1], told[1:])\n"
        "model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)\n"
        "onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])\n"
    )
    quiet = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in paths().items() if name not in quiet} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []
    imports = re.compile(r"^\s*(import|from) onnxruntime", re.M)
    assert [path.name for path in SOURCES if imports.search(path.read_text("utf-8"))] == ["onnx_runtime.py"]


def test_that_the_wheel_holds_both_packages_and_the_resources_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(ROOT)], check=True, timeout=120)
    (wheel,) = tmp_path.glob("penjing-*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{place}{path.relative_to(ROOT / folder)}"
        for folder, files, place in (
            ("core", "penjing/**/*", ""),
            ("gui", "penjing_gui/**/*", ""),
            ("resources", "**/*", "penjing/resources/"),
        )
        for path in (ROOT / folder).glob(files)
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == expected


def tracked_files() -> list[Path]:
    # The checkout may belong to someone else than the one who tests it, which git refuses by default.
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def messages(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((ROOT / "resources" / "i18n" / f"{language}.json").read_text("utf-8"))
    return found


def raised_errors() -> Iterator[tuple[str, str, set[str] | None]]:
    """Place, code and value names (None if unpacked) of each error and note that is made with a literal code."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            match named, node.args, given.get("code"):
                case (("UserError" | "note" | "warn"), [ast.Constant(value=str(code)), *_], _) if "." in code:
                    values = None if None in given else {name for name in given if name is not None}
                case "Note", [], ast.Constant(value=str(code)):
                    told = given.get("values", ast.Dict(keys=[], values=[]))
                    keys = told.keys if isinstance(told, ast.Dict) else [None]
                    known = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                    values = set(known) if len(known) == len(keys) else None
                case _:
                    continue
            yield f"{path.relative_to(ROOT)}:{node.lineno}", code, values


def paths() -> dict[str, str]:
    """An environment in which the checkout's packages are found, installed or not."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT / "gui")])}
