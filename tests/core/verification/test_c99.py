"""The rungs of exported C: bit-exact where right, failed where one byte is wrong, named where a tool is missing."""

import shutil
from pathlib import Path

import pytest
from torch import nn

from penjing.devices.cores import TITLES
from penjing.devices.profiles import device
from penjing.estimation.finished import state_of
from penjing.exporting.c99.program import program_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.loading.dataset import Dataset
from penjing.model.c_kernels import code_size
from penjing.model.model import Model
from penjing.results import ExportedFile, Rung, Verdict
from penjing.verification.c99.boards import BOARDS
from penjing.verification.c99.tools import ARM, ToolMissing, tool, tools, version
from penjing.verification.linked import estimates, scratch_estimates
from penjing.verification.runtimes import opener
from penjing.verification.verify import verify_files
from tests.core.exporting.test_c99 import two_ended
from tests.support.c99 import CMSIS_NN
from tests.support.calibration import quantized
from tests.support.few_data import few_data
from tests.support.networks import NETWORKS, network


def exported(folder: Path) -> tuple[Model, tuple[ExportedFile, ...]]:
    model = quantized(NETWORKS["residual"](0))
    return model, export_model(model, folder, format="c99")


def rung(verdict: Verdict, name: str) -> Rung:
    (found,) = [one for one in verdict.rungs if one.name == name]
    return found


def test_that_the_ladder_is_climbed_bit_for_bit(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    verdict = verify_files(model, files, tmp_path, None)
    assert verdict.passed and verdict.max_abs_diff == 0 and verdict.agreement == 1
    assert rung(verdict, "c99: integer reference").passed is True
    assert rung(verdict, "c99: host compiler").passed is True
    board = rung(verdict, "c99: Cortex-M4")
    assert board.passed is not False
    if board.passed:
        assert "instructions per inference" in board.detail


def test_that_flash_and_ram_as_linked_are_what_the_estimate_said(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    predicted = estimates(layer_graph(model), state_of(model, layer_graph(model)))
    verdict = verify_files(model, files, tmp_path, None, device=device("nrf52840"), predicted=predicted)
    if rung(verdict, "c99: Cortex-M4").passed is None:
        pytest.skip("no cross compiler")
    assert rung(verdict, "c99: flash").passed is True and rung(verdict, "c99: RAM").passed is True
    wrong = {**predicted, "flash:cortex-m4": round(1.1 * predicted["flash:cortex-m4"]), "ram": predicted["ram"] + 16}
    verdict = verify_files(model, files, tmp_path, None, predicted=wrong)
    # A difference of 10 % counts only where the same compiler made it.
    assert rung(verdict, "c99: flash").passed is (False if own_compiler_counted() else None)
    assert rung(verdict, "c99: RAM").passed is False and not verdict.passed


def own_compiler_counted() -> bool:
    return version(tool(ARM)) == code_size.compiler("cortex-m4")


def test_that_an_export_is_tried_on_the_core_of_its_device(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    names = [one.name for one in verify_files(model, files, tmp_path, None, device=device("rp2040")).rungs]
    assert "c99: Cortex-M0+" in names and "c99: Cortex-M4" not in names
    verdict = verify_files(model, files, tmp_path, None, device=device("esp32"))
    unknown = rung(verdict, "c99: Xtensa LX6")
    assert unknown.passed is None and "Cortex-M4" in unknown.detail
    assert rung(verdict, "c99: Cortex-M4").passed is not False


def test_that_the_whole_ladder_names_every_core_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, files = exported(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    variants = [runtime.variant for runtime in opener(tuple(BOARDS))("c99", tmp_path / files[0].path)]
    assert variants == ["host compiler", *TITLES.values()]
    assert {"Cortex-M0+", "Cortex-M3", "Cortex-M4", "Cortex-M7", "Cortex-M33", "RV32"} <= set(variants)
    for board in BOARDS.values():
        with pytest.raises(ToolMissing, match="qemu-system"):
            tools(board.compiler, board.emulator)


def test_that_one_wrong_constant_fails_the_rung_of_the_compiler_alone(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    source = tmp_path / "model_c99" / "model.c"
    text = source.read_text()
    assert ".out_zero    " in text
    start = text.rindex("_bias[5] = {\n") + len("_bias[5] = {\n")
    source.write_text(text[: start + 4] + f"{123456:11d}" + text[start + 15 :])
    verdict = verify_files(model, files, tmp_path, None)
    assert not verdict.passed
    assert rung(verdict, "c99: integer reference").passed is True
    assert rung(verdict, "c99: host compiler").passed is False


@pytest.mark.parametrize(("name", "share"), [("residual", 0.5), ("two ended", 0.0)])
def test_that_the_first_layer_whose_weights_were_changed_is_named_with_both_statistics(
    name: str, share: float, tmp_path: Path
) -> None:
    model = quantized({**NETWORKS, "two ended": two_ended}[name](0))
    files = export_model(model, tmp_path, format="c99")
    weighted = [(n, placed.node) for n, placed in enumerate(program_of(model).nodes) if placed.node.weight is not None]
    index, node = weighted[int(share * len(weighted))]
    source = tmp_path / files[0].path
    text = source.read_text()
    start = text.index("{\n    ", text.index("_bias[", text.index(f" n{index:02d}_"))) + len("{\n    ")
    source.write_text(text[:start] + f"{1 << 20:11d}" + text[start + 11 :])
    verdict = verify_files(model, files, tmp_path, None)
    layer = node.layers[0]
    assert not verdict.passed and verdict.first_divergent_layer == layer
    detail = rung(verdict, "c99: host compiler").detail
    assert f'"{layer}"' in detail and detail.count(" mean ") == 2
    board = rung(verdict, "c99: Cortex-M4")
    assert board.passed is None or f'"{layer}"' in board.detail


def test_that_code_that_rounds_twice_is_held_against_the_reference_that_does(tmp_path: Path) -> None:
    model = quantized(NETWORKS["residual"](0))
    files = export_model(model, tmp_path, format="c99", rounding="double")
    graph = layer_graph(model)
    verdict = verify_files(model, files, tmp_path, None, predicted=estimates(graph, state_of(model, graph)))
    host = rung(verdict, "c99: host compiler")
    assert verdict.passed and host.passed and "rounded twice" in host.detail
    assert "c99: flash" not in [one.name for one in verdict.rungs]
    # The same network is not, against the reference that rounds once.
    header = tmp_path / files[1].path
    header.write_text(header.read_text().replace('"double"', '"single"'))
    assert rung(verify_files(model, files, tmp_path, None), "c99: host compiler").passed is False


def test_that_calls_of_cmsis_nn_are_tried_with_the_library_that_a_person_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quantized(NETWORKS["residual"](0))
    files = export_model(model, tmp_path, format="c99", kernels="cmsis-nn")
    monkeypatch.delenv("PENJING_CMSIS_NN", raising=False)
    verdict = verify_files(model, files, tmp_path, None)
    missing = rung(verdict, "c99-cmsis-nn: Cortex-M4")
    assert verdict.passed and missing.passed is None and "PENJING_CMSIS_NN" in missing.detail
    monkeypatch.setenv("PENJING_CMSIS_NN", str(CMSIS_NN))
    graph = layer_graph(model)
    predicted = estimates(graph, state_of(model, graph)) | scratch_estimates(model, "single")
    verdict = verify_files(model, files, tmp_path, None, predicted=predicted)
    if shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm"):
        assert rung(verdict, "c99-cmsis-nn: Cortex-M4").passed and rung(verdict, "c99-cmsis-nn: RAM").passed
        assert "c99: flash" in [one.name for one in verdict.rungs]
    # A wrong constant of that source alone fails its rung alone, and its layer is named.
    source = tmp_path / "model_c99" / "model_cmsis_nn.c"
    text = source.read_text()
    start = text.index("{\n    ", text.index("_bias[")) + len("{\n    ")
    source.write_text(text[:start] + f"{1 << 20:11d}" + text[start + 11 :])
    verdict = verify_files(model, files, tmp_path, None)
    wrong = rung(verdict, "c99-cmsis-nn: Cortex-M4")
    assert rung(verdict, "c99: host compiler").passed
    assert wrong.passed is None or (wrong.passed is False and verdict.first_divergent_layer is not None)


def test_that_a_divergence_is_not_made_up_where_calls_are_missing(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    source = tmp_path / files[0].path
    text = source.read_text()
    body = text.rindex("_run(")
    last = text.rindex("(&n", body)
    line = text.rindex("\n", body, last) + 1
    source.write_text(
        text[:line] + "    (void)" + text[last + 1 : text.index(",", last)] + ";" + text[text.index("\n", last) :]
    )
    verdict = verify_files(model, files, tmp_path, None)
    assert not verdict.passed and verdict.first_divergent_layer is None


def test_that_code_that_does_not_compile_fails_with_the_reason(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    (tmp_path / "model_c99" / "model.c").write_text("no C at all\n")
    found = rung(verify_files(model, files, tmp_path, None), "c99: host compiler")
    assert found.passed is False and "error" in found.detail


def test_that_a_missing_tool_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, files = exported(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    verdict = verify_files(model, files, tmp_path, None)
    assert verdict.passed  # the integer reference needs no tool
    host, board = rung(verdict, "c99: host compiler"), rung(verdict, "c99: Cortex-M4")
    assert host.passed is None and "gcc libc6-dev" in host.detail
    assert board.passed is None and "gcc-arm-none-eabi" in board.detail


def test_that_the_class_of_a_map_is_the_same_place_however_c_lays_it(tmp_path: Path) -> None:
    model = quantized(network((3, 6, 6), [("one", nn.Conv2d(3, 4, 3), ""), ("two", nn.Conv2d(4, 5, 3), "")]))
    files = export_model(model, tmp_path, format="c99")
    split = few_data((3, 6, 6), 24, labels=False).test
    data = Dataset(train=split, val=split, test=split, metric="agreement")
    verdict = verify_files(model, files, tmp_path, data, baseline=model)
    # The network agrees with itself where its places are kept in order; laid channels last, they would hardly.
    assert verdict.passed and verdict.accuracy is not None
    assert (verdict.accuracy.value, verdict.accuracy.metric) == (1.0, "agreement")


def test_that_a_network_too_large_for_the_emulated_board_is_not_called_wrong(tmp_path: Path) -> None:
    if not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")):
        pytest.skip("needs gcc-arm-none-eabi and qemu-system-arm")
    model = quantized(network((900,), [("fc", nn.Linear(900, 600), "x")]))  # more than the 512 KiB of that board
    files = export_model(model, tmp_path, format="c99")
    verdict = verify_files(model, files, tmp_path, None, device=device("ra8d1"))
    board = rung(verdict, "c99: Cortex-M55")
    assert verdict.passed and rung(verdict, "c99: host compiler").passed
    assert board.passed is None and "512 + 2048" in board.detail
