"""What the window, the engine and the jobs say to each other: plain values, no tensors, no torch.

Every message is a tagged struct, MessagePack on the wire (`frames`). `request` numbers are the window's: an answer
carries the number of what it answers, and so do its failures. `generation` numbers plans: the newest wins, older ones
are dropped or stopped within one batch, and the window ignores what still arrives about them.

Big arrays lie in files of the folder that the window owns (`exchange`): a message names the `file` and, for each
array, its place in it.

>>> from penjing.plan import Plan
>>> decode_to_engine(encode(Measure(generation=3, plan=Plan()))).generation
3
"""

from typing import Any

import msgspec

from penjing.errors import plain
from penjing.worker.change import Change, Count, Flip
from penjing.worker.engine_messages import (
    Baseline,
    CancelOpen,
    DataSummary,
    Failed,
    JobRuns,
    Learn,
    Learned,
    Logits,
    Measure,
    Measured,
    Opened,
    OpenProgress,
    OpenSource,
    Ranges,
    Recovery,
    Saliency,
    SampleFacts,
    Samples,
    Shutdown,
    Snapshot,
    SnapshotWritten,
    State,
    Tables,
    Tune,
    WantLogits,
    WantRanges,
    WantRecovery,
    WantSaliency,
    WantSamples,
    WantTables,
)
from penjing.worker.insight_messages import (
    FeaturePair,
    Features,
    Judged,
    Look,
    NetworkLook,
    Spread,
    WantFeatures,
    WantJudgement,
    WantLook,
)
from penjing.worker.job_messages import (
    Cancel,
    JobCancelled,
    JobDone,
    JobEpoch,
    JobFailed,
    JobFound,
    JobKind,
    JobPaused,
    JobProgress,
    Pause,
    Resume,
    RunJob,
    StopAndKeepBest,
    Trained,
)
from penjing.worker.message import Array, Crashed, Message, Ready, SplitName, Value

__all__ = [
    "Array",
    "Baseline",
    "Cancel",
    "CancelOpen",
    "Change",
    "Count",
    "Crashed",
    "DataSummary",
    "Failed",
    "FeaturePair",
    "Features",
    "Flip",
    "FromEngine",
    "FromJob",
    "FromWorker",
    "JobCancelled",
    "JobDone",
    "JobEpoch",
    "JobFailed",
    "JobFound",
    "JobKind",
    "JobPaused",
    "JobProgress",
    "JobRuns",
    "Judged",
    "Learn",
    "Learned",
    "Logits",
    "Look",
    "Measure",
    "Measured",
    "Message",
    "NetworkLook",
    "OpenProgress",
    "OpenSource",
    "Opened",
    "Pause",
    "Ranges",
    "Ready",
    "Recovery",
    "Resume",
    "RunJob",
    "Saliency",
    "SampleFacts",
    "Samples",
    "Shutdown",
    "Snapshot",
    "SnapshotWritten",
    "SplitName",
    "Spread",
    "State",
    "StopAndKeepBest",
    "Tables",
    "ToEngine",
    "ToJob",
    "Trained",
    "Tune",
    "Value",
    "WantFeatures",
    "WantJudgement",
    "WantLogits",
    "WantLook",
    "WantRanges",
    "WantRecovery",
    "WantSaliency",
    "WantSamples",
    "WantTables",
    "decode_from_worker",
    "decode_to_engine",
    "decode_to_job",
    "encode",
    "plain",
]

ToEngine = (
    OpenSource
    | CancelOpen
    | Measure
    | WantTables
    | WantSaliency
    | WantSamples
    | WantLogits
    | WantLook
    | WantRanges
    | Learn
    | WantRecovery
    | WantJudgement
    | WantFeatures
    | Snapshot
    | JobRuns
    | Tune
    | Shutdown
)  # fmt: skip

FromEngine = (
    Ready
    | State
    | OpenProgress
    | Opened
    | Baseline
    | Tables
    | Saliency
    | Samples
    | Logits
    | Look
    | Ranges
    | Learned
    | Recovery
    | Judged
    | Features
    | SnapshotWritten
    | Measured
    | Failed
    | Crashed
)  # fmt: skip

ToJob = RunJob | Pause | Resume | StopAndKeepBest | Cancel

FromJob = Ready | JobProgress | JobEpoch | JobFound | JobPaused | JobDone | JobCancelled | JobFailed | Crashed

FromWorker = FromEngine | FromJob

_ENCODER = msgspec.msgpack.Encoder()
_TO_ENGINE: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ToEngine)
_TO_JOB: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ToJob)
_FROM_WORKER: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(FromWorker)


def encode(message: Message) -> bytes:
    """The MessagePack of a message."""
    return _ENCODER.encode(message)


def decode_to_engine(content: bytes) -> ToEngine:
    """What the window says to the engine; `msgspec.DecodeError` if it is nothing of the kind."""
    message: ToEngine = _TO_ENGINE.decode(content)
    return message


def decode_to_job(content: bytes) -> ToJob:
    """What the window says to a job."""
    message: ToJob = _TO_JOB.decode(content)
    return message


def decode_from_worker(content: bytes) -> FromWorker:
    """What an engine or a job says to the window."""
    message: FromWorker = _FROM_WORKER.decode(content)
    return message
