"""Reopens what was exported, runs it on the test data and compares it with what was on screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from torch import Tensor

from penjing.catalogue.metrics import metric
from penjing.devices.profiles import Device
from penjing.estimation.scoring import Scorer
from penjing.exporting.c99.cmsis_nn import FORMAT as CMSIS_NN
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.results import ExportedFile, OnProgress, Progress, Rung, Verdict, unheard
from penjing.verification.c99.tools import ToolMissing
from penjing.verification.comparison import Comparison
from penjing.verification.divergence import Divergence, first_divergence
from penjing.verification.linked import ladder, linked_rungs, unknown_core_rung
from penjing.verification.rungs import Seen, Texts, accuracy_rung, bytes_rung, parity_rung
from penjing.verification.runtimes import C99, FORMATS, OpenFile, as_shaped, opener, reference, rows
from penjing.verification.trial import Trial, excused
from penjing.verification.truth import Batch, Truth, truth_of_model

DIVERGENCE_SAMPLES = 8


def verify_files(
    model: Model,
    files: Sequence[ExportedFile],
    folder: Path,
    data: Dataset | None,
    *,
    baseline: Model | None = None,
    device: Device | None = None,
    predicted: Mapping[str, int] | None = None,
    on_progress: OnProgress = unheard,
    language: str = "en",
) -> Verdict:
    """The verdict on files that were written just now.

    Args:
        model: What was on screen, with its quantizers.
        files: What `export_model` returned.
        folder: Where they lie.
        data: Its test split is run in full; without it (or with an empty one) 64 seeded random inputs.
        baseline: The network before compression, for the question whether a drop is real.
        device: Exported C is run on an emulated board with its core, a Cortex-M4 without one; `verify_folder` runs it
            on every board.
        predicted: Bytes that the estimate said, by format and by what `linked.estimates` names.
        on_progress: Told before each batch; may raise `Cancelled`.
        language: Of the rungs' details.
    """
    texts = Texts(language)
    verdict = verify_against(
        truth_of_model(model, data, baseline=baseline),
        files,
        folder,
        predicted=predicted or {},
        on_progress=on_progress,
        texts=texts,
        open_file=opener(ladder(device)),
    )
    unknown = unknown_core_rung(device, files, texts)
    return verdict if unknown is None else msgspec.structs.replace(verdict, rungs=(*verdict.rungs, unknown))


def verify_against(
    truth: Truth,
    files: Sequence[ExportedFile],
    folder: Path,
    *,
    texts: Texts,
    predicted: Mapping[str, int],
    on_progress: OnProgress = unheard,
    open_file: OpenFile,
) -> Verdict:
    """The verdict on files, given the right answers; `open_file` says how a file is reopened."""
    carriers = _carriers(files)
    trials, rungs = _open(truth, carriers, folder, open_file, texts)
    seen = _run(truth, trials, on_progress)
    divergence: Divergence | None = None
    for trial in trials:
        found = None
        if truth.model is not None and _ran(trial) and not trial.passed and not excused(trial, trials):
            found = first_divergence(truth.model, trial.path, seen.first, trial)
        divergence = divergence or found
        rungs.append(parity_rung(trial, trials, found, texts))
    # What calls CMSIS-NN carries the network a second time: its bytes are not what was estimated.
    rungs += [bytes_rung(file, predicted.get(file.format), texts) for file in carriers if file.format != CMSIS_NN]
    rungs += linked_rungs(trials, predicted, texts)
    ran = [trial for trial in trials if _ran(trial) and not excused(trial, trials)]
    accuracy = None
    whole = [trial for trial in ran if trial.runtime.limit is None]
    if whole and truth.data is not None:
        shown = min(whole, key=lambda trial: list(FORMATS).index(trial.format))
        accuracy, told = accuracy_rung(shown, seen, truth.data, texts)
        rungs += [] if told is None else [told]
    sizes = [file.bytes / predicted[file.format] - 1 for file in carriers if predicted.get(file.format)]
    return Verdict(
        passed=bool(ran) and all(rung.passed is not False for rung in rungs),
        agreement=min((trial.comparison.agreement for trial in ran), default=None),
        accuracy=accuracy,
        max_abs_diff=max((trial.comparison.largest_difference for trial in ran), default=None),
        size_error=max(sizes, key=abs, default=None),
        first_divergent_layer=divergence.layer if divergence else None,
        rungs=tuple(rungs),
    )


def _carriers(files: Sequence[ExportedFile]) -> list[ExportedFile]:
    """The first file of every format that can be reopened, with the bytes of all of that format's."""
    found: dict[str, ExportedFile] = {}
    for file in files:
        if file.format in FORMATS:
            before = found.get(file.format)
            total = file.bytes + (0 if before is None else before.bytes)
            found[file.format] = msgspec.structs.replace(before or file, bytes=total)
    return list(found.values())


def _ran(trial: Trial) -> bool:
    return trial.error is None and trial.missing is None


def _open(
    truth: Truth, files: Sequence[ExportedFile], folder: Path, open_file: OpenFile, texts: Texts
) -> tuple[list[Trial], list[Rung]]:
    trials: list[Trial] = []
    rungs: list[Rung] = []
    for file in files:
        steps = truth.steps if FORMATS[file.format].promise == "screen" else (None,) * len(truth.steps)
        try:
            runtimes = open_file(file.format, folder / file.path)
        except Exception as error:
            # Whatever a runtime raises, it means that the file cannot be run: that is the finding.
            rungs.append(Rung(name=f"{file.format}: opens", passed=False, detail=texts("not_opened", error=error)))
            continue
        if file.format == C99 and truth.model is not None:
            runtimes = (reference(truth.model), *runtimes)
        for runtime in runtimes:
            tells = truth.data is None or metric(truth.data.metric).is_share
            compared = Comparison(steps=steps, tells_classes=tells, border=truth.border)
            trials.append(Trial(format=file.format, path=folder / file.path, runtime=runtime, comparison=compared))
    return trials, rungs


def _run(truth: Truth, trials: Sequence[Trial], on_progress: OnProgress) -> Seen:
    data = truth.data
    scorer = None if data is None or not data.has_truth else Scorer(data, "test")
    seen = Seen(scorer=scorer, border=truth.border)
    done = 0
    on_progress(Progress(stage="verify", done=done, total=truth.total))
    for batch in truth.batches():
        for trial in trials:
            if _ran(trial):
                _try(trial, batch, truth, seen.scorer)
        seen.add(batch)
        seen.first = seen.first or tuple(tensor[:DIVERGENCE_SAMPLES] for tensor in batch.inputs)
        done += len(batch.inputs[0])
        on_progress(Progress(stage="verify", done=done, total=truth.total))
    return seen


def _shaped(
    answers: Sequence[Tensor], shapes: Sequence[Sequence[int]], axes: Sequence[str | None] = ()
) -> tuple[Tensor, ...]:
    known = axes or (None,) * len(shapes)
    return tuple(as_shaped(*one) for one in zip(answers, shapes, known, strict=True))


def _try(trial: Trial, batch: Batch, truth: Truth, scorer: Scorer | None) -> None:
    limit, seen = trial.runtime.limit, trial.comparison.samples
    shapes = [tensor.shape for tensor in batch.wanted[trial.promise]]
    take = slice(None if limit is None else max(limit - seen, 0))
    inputs, wanted = batch.inputs, batch.wanted[trial.promise]
    if limit is not None and seen >= limit:
        return
    exact = FORMATS[trial.format].exact
    if exact:
        wanted = tuple(tensor if tensor.dim() > 2 else rows(tensor) for tensor in wanted)
    inputs, wanted = tuple(tensor[take] for tensor in inputs), tuple(tensor[take] for tensor in wanted)
    try:
        answers = trial.runtime.run(inputs)
        if trial.runtime.rounding == "double":
            if truth.model is None:
                raise ValueError("only the network itself can tell what rounding twice must give")
            wanted = _shaped(reference(truth.model, rounding="double").run(inputs), shapes)
        # Compared where the screen has it: the class of a map is a place in it, whatever the order in which C lays it.
        code = trial.runtime.code
        answers = _shaped(answers, shapes, () if code is None else code.output_axes) if exact else answers
        trial.comparison.add(answers, wanted)
        if scorer is not None and limit is None:
            trial.scores.append(scorer.scores(answers[0], np.arange(seen, seen + len(answers[0]))))
    except ToolMissing as missing:
        trial.missing = missing
    except Exception as error:
        # As above: a file that its runtime cannot run is a finding, not a bug of ours.
        trial.error = f"{type(error).__name__}: {error}"
