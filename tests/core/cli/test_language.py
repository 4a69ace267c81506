"""The command line in Chinese: helps, complaints and tables, with nothing left in English but names."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from penjing.cli.help import complaint
from penjing.cli.main import COMMANDS, main, parser

HAN = re.compile(r"[\u4e00-\u9fff]")
Capture = pytest.CaptureFixture[str]


def helps(of: argparse.ArgumentParser) -> Iterator[str]:
    """Every sentence of a parser's help and of its subcommands'."""
    yield from (text for text in (of.description, *(group.title for group in of._action_groups)) if text)
    for action in of._actions:
        if action.help:
            yield action.help
        if isinstance(action, argparse._SubParsersAction):
            yield from (line.help for line in action._get_subactions() if line.help)
            for child in action.choices.values():
                yield from helps(child)


def test_that_every_help_is_chinese_and_english_stays_english() -> None:
    chinese, english = list(helps(parser("zh_CN"))), list(helps(parser()))
    assert len(chinese) == len(english) > 4 * len(COMMANDS)
    # What is all names and symbols is the same in both.
    assert [text for text in chinese if not HAN.search(text) and text not in ("%(choices)s", *english)] == []
    spoken = [
        text for text in english if re.search(r"[a-z]{3,}", re.sub(r"%\(\w+\)s|[\w-]+, [\w-]+, [\w, -]+", "", text))
    ]
    assert [text for text in chinese if text in spoken] == []
    assert [text for text in english if HAN.search(text)] == []


@pytest.mark.parametrize("command", [name.replace("_", "-") for name in COMMANDS])
def test_that_a_help_page_is_led_in_chinese_and_fits_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([command, "--help", "--language", "zh_CN"])
    assert caught.value.code == 0
    page = capsys.readouterr().out
    assert page.startswith("用法：penjing") and "usage" not in page and "Example" not in page
    wide = [line for line in page.splitlines() if sum(1 + bool(HAN.match(letter)) for letter in line) > 80]
    assert [line for line in wide if HAN.search(line)] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit",), "缺少参数：MODEL, --device"),
        (("fit", "x.onnx", "--device"), "参数 --device：需要一个值"),
        (("devices", "--colour"), "无法识别的参数：--colour"),
        (("samples", "--json=1"), "参数 --json：不接受值 '1'"),
        (("compress", "x", "--plan", "p", "-o", "o", "--seed", "many"), "参数 --seed：无效的值 'many'"),
    ],
)
def test_that_a_complaint_about_arguments_is_chinese(capsys: Capture, arguments: tuple[str, ...], said: str) -> None:
    assert main([*arguments, "--language", "zh_CN"]) == 2
    told = capsys.readouterr().err
    assert f"无法理解命令行：{said}。" in told and len(told.strip().splitlines()) == 1


def test_that_a_complaint_that_nobody_knows_and_english_ones_stay_as_argparse_says_them(capsys: Capture) -> None:
    assert complaint("something new", "zh_CN") == "something new"
    assert main(["inspect"]) == 2
    assert "the following arguments are required: MODEL" in capsys.readouterr().err


def test_that_names_of_samples_and_sources_of_devices_are_chinese(capsys: Capture) -> None:
    assert main(["samples", "--language", "zh_CN"]) == 0
    assert "智能手表上的肩部训练" in capsys.readouterr().out
    assert main(["devices", "nrf52840", "--language", "zh_CN"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("向量指令") and "DSP 扩展，2 × 16 位" in line for line in lines)
    shown = [line for line in lines if line.startswith("来源：")]
    assert len(shown) >= 3 and all(HAN.search(line) for line in shown)


@pytest.mark.parametrize("variable", ["LC_ALL", "LC_MESSAGES", "LANG"])
def test_that_the_terminal_s_language_is_spoken_where_none_is_asked_for(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv(variable, "zh_CN.UTF-8")
    assert main(["inspect", "nowhere.onnx"]) == 2
    assert HAN.search(capsys.readouterr().err)
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith("用法：penjing")
    assert main(["inspect", "nowhere.onnx", "--language", "en"]) == 2
    assert not HAN.search(capsys.readouterr().err)


def test_that_what_reading_a_file_changed_is_said_in_chinese(capsys: Capture, tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((3, 4), np.float16), "w")
    given, got = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT16, ["n", size]) for name, size in (("x", 3), ("y", 4))
    )
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "half", [given], [got], [weight])
    path = tmp_path / "half.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert main(["inspect", str(path), "--language", "zh_CN", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["warnings"]
    assert told == ["类型为 float16 的数值已转换为 float32。"]
    assert main(["inspect", str(path)]) == 0
    assert "Values of type float16 became float32." in capsys.readouterr().err
