"""A small share of `benchmarks.breadth` in every test run: one network the whole way, and what counts as a failure."""

import json

import numpy as np
import pytest

from benchmarks import breadth
from benchmarks.breadth_trial import WORKS, Trial, far


def test_that_a_network_goes_the_whole_way(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = ["taught, to ONNX in 8 bits", "pruned, to pt2"]
    assert breadth.main(["--json", "--only", "two inputs, two outputs", "opset 17", *jobs]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["opened"]["detail"].startswith("not opened, of 1 files of 1 networks; 0 more")
    assert 0 < found["parity of 3"]["value"] <= 1
    assert found["jobs"]["detail"].startswith("failed; 2 passed, 0 refused")
    assert 0 < found["estimated bytes"]["value"] <= 2


def test_that_an_answer_that_is_no_number_is_infinitely_far() -> None:
    one, other = [np.array([1.0, 2.0])], [np.array([1.0, np.nan])]
    assert far(one, one) == 0
    assert far(one, [2 * part for part in one]) == 0.5
    assert far(one, other) == far(other, one) == far(other, other) == far(one, [one[0][:1]]) == np.inf


def trial(**changed: object) -> Trial:
    settings = {
        "layers": 3,
        "within": 1e-4,
        "differences": {1: 1e-7, 3: 1e-7},
        "estimated": True,
        "judge": "onnxruntime",
    }
    return Trial(network="MLP", source="opset 17", **(settings | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "bar"),
    [
        ({"layers": 0, "failed": {"open": "load.bad_node"}}, "opened"),
        ({"differences": {1: 2e-4, 3: 1e-7}}, "parity of 1"),
        ({"differences": {1: 1e-7}}, "parity of 3"),
        ({"differences": {1: 1e-7, 3: float("inf")}}, "parity of 3"),
        ({"estimated": False}, "estimated"),
        ({"failed": {next(iter(WORKS)): "no weight was pruned"}}, "jobs"),
        ({"passed": list(WORKS), "size_error": -0.021}, "estimated bytes"),
    ],
)
def test_that_one_file_that_fails_breaks_its_bar_alone(changed: dict[str, object], bar: str) -> None:
    found = breadth.findings([trial(), trial(**changed), trial()], ())
    assert [name for name, one in found.items() if not one["holds"]] == [bar]


def test_that_a_refusal_with_a_reason_is_told_and_breaks_nothing() -> None:
    found = breadth.findings([trial(passed=["a"], refused={"b": "export.c99_not_integer: …"})], ())
    assert all(one["holds"] for one in found.values())
    assert "1 refused with reason (1 export.c99_not_integer)" in found["jobs"]["detail"]
