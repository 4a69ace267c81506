"""Every message crosses the wire as it was, without loading a tensor library."""

import subprocess
import sys
import typing

import msgspec
import pytest

from penjing.errors import UserError
from penjing.plan import Plan
from penjing.results import Accuracy
from penjing.worker import messages
from penjing.worker.messages import (
    Failed,
    Measure,
    Measured,
    OpenSource,
    Pause,
    Ready,
    RunJob,
    Tables,
    decode_from_worker,
    decode_to_engine,
    decode_to_job,
    encode,
    plain,
)


def test_that_a_plan_keeps_its_hash_on_the_wire() -> None:
    plan = Plan().with_layer("a.b", sparsity=0.5, weight_bits=4).with_defaults(scope="global")
    received = decode_to_engine(encode(Measure(generation=7, plan=plan)))
    assert isinstance(received, Measure)
    assert (received.generation, received.plan, received.plan.hash) == (7, plan, plan.hash)


def test_that_numbers_survive_as_keys_and_infinities_as_values() -> None:
    sent = Tables(request=1, file="a", bit_errors={"conv": {2: 0.5, 8: float("inf")}})
    assert decode_from_worker(encode(sent)) == sent


def test_that_every_message_is_said_by_someone() -> None:
    unions = (messages.ToEngine, messages.ToJob, messages.FromWorker)
    said = {kind for union in unions for kind in typing.get_args(union)}
    assert said == set(messages.Message.__subclasses__())


@pytest.mark.parametrize("content", [b"", b"\x81", encode(Ready(pid=1, seconds=0.0)), encode(Pause())])
def test_that_the_engine_refuses_what_is_not_said_to_it(content: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_to_engine(content)


def test_that_a_job_refuses_what_is_said_to_the_engine() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_to_job(encode(OpenSource(request=1, source="a")))
    assert decode_to_job(encode(RunJob(kind="fit", snapshot="s"))).kind == "fit"  # type: ignore[union-attr]


def test_that_values_of_errors_become_numbers_and_texts() -> None:
    error = UserError("load.bad_shape", where="x\udc80", shape=[1, 2], count=3, share=0.5, huge=2**80, yes=True)
    sent = Failed(code=error.code, values=plain(error.values), request=1)
    received = decode_from_worker(encode(sent))
    assert isinstance(received, Failed)
    assert received.values == {
        "where": "x?", "shape": "[1, 2]", "count": 3, "share": 0.5, "huge": str(2**80), "yes": "True",
    }  # fmt: skip


def test_that_an_accuracy_crosses_exactly() -> None:
    sent = Measured(
        generation=1, accuracy=Accuracy(value=1 / 3, low=0.1, high=0.7, n=3), final=True, per_class=(None, 0.5)
    )
    assert decode_from_worker(encode(sent)) == sent


def test_that_what_the_window_uses_loads_no_tensor_library() -> None:
    code = (
        "import sys\n"
        "import penjing.worker.client, penjing.worker.messages, penjing.worker.received\n"
        "print(*{'torch', 'onnx', 'onnxruntime', 'PySide6'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
