"""The report: whole, escaped, in both languages, printable without anything from elsewhere."""

import dataclasses
import html.parser
from pathlib import Path

import msgspec
import pytest

from penjing.compression.quantize import quantize
from penjing.devices.profiles import device, devices
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.plan import Distillation, Plan, read_plan
from penjing.report.html import _file_rows, _layer_rows, short_plan, write_report
from penjing.results import Accuracy, ExportedFile, RunResult, StepResult
from penjing.verification.verify import verify_files
from tests.core.exporting.networks import residual

HOSTILE = '</title><script>alert("1")</script>*/' + "名" * 10_000


class Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "rect", "path"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def write(
    folder: Path,
    *,
    language: str = "en",
    name: str | None = None,
    original: Model | None = None,
    data_source: str | None = "/srv/somebody/data.npz",
) -> str:
    original = residual() if original is None else original
    if name is not None:
        sources = {layer: f"{name}{index}" for index, layer in enumerate(original.source_names)}
        original = dataclasses.replace(original, source_names=sources)
    chip = device("nrf52840")
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8).with_layer("conv1", weight_bits=4)
    model = quantize(original, plan, None)
    files = export_model(model, folder, format="onnx-int8")
    verdict = verify_files(model, files, folder, None, predicted={"onnx-int8": files[0].bytes}, language=language)
    before, after = layer_graph(original), layer_graph(model)
    accuracy = Accuracy(value=0.91, low=0.88, high=0.934, n=500, split="test")
    compressed = figures_of(after, state_of(model, after), device=chip, format="onnx-int8")
    result = RunResult(
        baseline=msgspec.structs.replace(figures_of(before, device=chip, format="onnx"), accuracy=accuracy),
        compressed=msgspec.structs.replace(
            compressed, accuracy=Accuracy(value=0.9, low=0.87, high=0.925, n=500, split="test")
        ),
        plan_hash=plan.hash,
        files=files,
        verdict=verdict,
        steps=(StepResult(step="quantize", seconds=1.25, accuracy=accuracy, detail="<b>8 bits</b>"),),
        warnings=("<i>careful</i>",),
    )
    path = folder / "report.html"
    write_report(
        path,
        result=result,
        plan=plan,
        before=before,
        after=after,
        model=model,
        device=chip,
        model_source=name or "/srv/somebody/nets/net.onnx",
        data_source=data_source,
        language=language,
    )
    return path.read_text(encoding="utf-8")


def test_that_the_page_is_well_formed_and_loads_nothing(tmp_path: Path) -> None:
    page = Page(write(tmp_path))
    assert not page.open
    assert not {"script", "link", "img", "iframe", "object"}.intersection(page.tags)
    assert not {"src", "href", "onclick", "onload"}.intersection(key for key, _ in page.attributes)
    assert "url(" not in " ".join(page.texts)


def test_that_it_tells_figures_with_kind_and_interval(tmp_path: Path) -> None:
    text = Page(write(tmp_path)).text
    assert "90.0 % (87.0 % – 92.5 %, n = 500)" in text
    assert "−1.0 pp" in text
    assert "measured, top-1, test split, 95 % interval" in text
    assert "predicted, ± 60 %" in text  # four bits are counted on an emulated core
    assert "ONNX (int8, QDQ): parity without optimisation" in text
    assert "weights in 4 bits (Symmetric, Per channel, Nearest, ties to even)" in text
    assert "The files compute what the plan promised" in text
    assert "Nordic nRF52840" in text and "scaled by clock" in text
    assert (
        "penjing compress net.onnx --plan plan.json --data data.npz --device nrf52840 --format onnx-int8 -o out" in text
    )


def test_that_the_page_alone_holds_the_script_and_the_plan_that_repeat_the_run(tmp_path: Path) -> None:
    page = Page(write(tmp_path))
    script, plan = (text for text in page.texts if "compress_job" in text or '"schema_version"' in text)
    assert "MODEL = 'net.onnx'" in script and "DATA = 'data.npz'" in script
    compile(script, "reproduce.py", "exec")
    assert read_plan(plan.encode()).hash[:12] in page.text and len(plan) < 500


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan().with_defaults(weight_bits=3, nm=(2, 4)).with_layer("conv2", sparsity=0.0, keep=(1, 2)),
        msgspec.structs.replace(
            Plan(), pipeline=("prune", "qat"), distillation=Distillation(epochs=9, pairs=(("a", "b"),))
        ),
    ],
)
def test_that_a_plan_without_what_is_usual_is_the_same_plan(plan: Plan) -> None:
    assert read_plan(short_plan(plan).encode()).hash == plan.hash


def test_that_many_samples_are_one_row_of_the_files() -> None:
    def file(path: str, size: int) -> ExportedFile:
        return ExportedFile(path=path, bytes=size, format="c99")

    files = (file("c/model.c", 9), file("c/samples/a.bin", 3), file("c/samples/b.bin", 4), file("net.onnx", 5))
    assert [(row.path, row.bytes) for row in _file_rows(files)] == [
        ("c/model.c", 9),
        ("c/samples/* (2)", 7),
        ("net.onnx", 5),
    ]


def test_that_it_does_not_speak_of_test_data_where_there_was_none(tmp_path: Path) -> None:
    assert "run on the test data" in Page(write(tmp_path)).text
    without = Page(write(tmp_path, data_source=None)).text
    assert "run on the test data" not in without and "64 random inputs" in without


def test_that_it_names_no_place_of_the_machine(tmp_path: Path) -> None:
    content = write(tmp_path)
    assert "/srv/somebody" not in content and str(tmp_path) not in content


def test_that_hostile_names_are_text(tmp_path: Path) -> None:
    content = write(tmp_path, name=HOSTILE)
    page = Page(content)
    assert "script" not in page.tags and not page.open
    assert 'alert("1")' in page.text
    assert len(content) < 200_000
    assert "<b>8 bits</b>" in page.text and "<i>careful</i>" in page.text


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_that_every_text_has_a_translation(tmp_path: Path, language: str) -> None:
    text = Page(write(tmp_path, language=language)).text
    assert "report." not in text and "figure." not in text and "verify." not in text
    assert ("压缩前后" in text) is (language == "zh_CN")


def test_that_the_report_says_what_each_part_saves_and_what_other_devices_would_take(tmp_path: Path) -> None:
    page = Page(write(tmp_path))
    assert "What each part of the plan saves on Nordic nRF52840" in page.text
    assert "unpacks weights below 8 bits before it multiplies by them" in page.text
    assert "How long Nordic nRF52840 takes in float is not known" in page.text
    for known in devices():
        assert known.title in page.text
    chinese = Page(write(tmp_path, language="zh_CN"))
    assert "闪存占用变小" in chinese.text and "同一网络在其他设备上" in chinese.text


@pytest.mark.parametrize(("chip", "shown"), [(None, "4 (12 values)"), ("nrf52840", "32 (12 values)")])
def test_that_a_layer_with_shared_values_tells_how_many_and_the_bits_of_what_is_stored(
    chip: str | None, shown: str
) -> None:
    original = residual()
    model = quantize(original, Plan().with_layer("conv1", codebook=12), None)
    before, after = layer_graph(original), layer_graph(model)
    rows = _layer_rows(before, after, model, None if chip is None else device(chip), "en")
    assert {row.name: row.bits for row in rows}["conv1"] == shown
