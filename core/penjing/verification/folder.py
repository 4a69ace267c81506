"""Verifies an export again, perhaps much later: notices what was changed and climbs the same ladder."""

from pathlib import Path

import msgspec

from penjing.errors import UserError
from penjing.exporting.penjingnet import REFERENCE
from penjing.exporting.samples import FILE as SAMPLES
from penjing.exporting.samples import read_samples
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.results import OnProgress, Rung, Verdict, unheard
from penjing.verification.c99.boards import BOARDS
from penjing.verification.record import SAMPLE_PREFIX, Record, changed_files, read_record
from penjing.verification.rungs import Texts
from penjing.verification.runtimes import FORMATS, OpenFile, Runtime, opener, running
from penjing.verification.truth import Truth, truth_of_model, truth_of_samples
from penjing.verification.verify import verify_against

NETWORK_FORMAT = "penjingnet"
"""The format that holds everything that was on screen."""


def verify_folder(
    folder: Path, *, on_progress: OnProgress = unheard, language: str = "en"
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on an export as it lies there now, and the files that were changed since; any makes it fail.

    Exported C is run on every core that this machine can emulate.

    What was on screen is read from the export's `.penjingnet`, or the reference beside it; without an unchanged one
    the recorded samples stand in.
    Test data that has moved away leaves the accuracy unknown.

    Raises:
        UserError: `verify.not_an_export`, `verify.damaged_record`.
    """
    record, texts = read_record(folder), Texts(language)
    changed = changed_files(folder, record)
    rungs = [_unchanged(changed, texts)]
    truth = _truth(folder, record, changed, rungs, texts)
    present = tuple(file for file in record.files if (folder / file.path).is_file())
    rungs += [
        Rung(name=f"{file.format}: opens", passed=False, detail=texts("missing", path=file.path))
        for file in record.files
        if file.format in FORMATS and file not in present
    ]
    if truth is None:
        verdict = Verdict(
            passed=False,
            agreement=None,
            accuracy=None,
            max_abs_diff=None,
            size_error=None,
            first_divergent_layer=None,
            rungs=tuple(rungs),
        )
        return verdict, changed
    real = tuple(msgspec.structs.replace(file, bytes=(folder / file.path).stat().st_size) for file in present)
    verdict = verify_against(
        truth,
        real,
        folder,
        texts=texts,
        predicted=record.predicted,
        on_progress=on_progress,
        open_file=_opener(folder, changed),
    )
    told = (*rungs, *verdict.rungs)
    passed = verdict.passed and all(rung.passed is not False for rung in told)
    return msgspec.structs.replace(verdict, passed=passed, rungs=told), changed


def _unchanged(changed: tuple[str, ...], texts: Texts) -> Rung:
    detail = texts("changed", paths=", ".join(changed)) if changed else texts("unchanged")
    return Rung(name="files: unchanged", passed=not changed, detail=detail)


def _truth(folder: Path, record: Record, changed: tuple[str, ...], rungs: list[Rung], texts: Texts) -> Truth | None:
    model = _network(folder, record, changed)
    if model is not None:
        return truth_of_model(model, _data(folder, record, model, rungs, texts), before=record.before)
    try:
        if SAMPLES in changed:
            raise ValueError(f"{SAMPLES} was changed")
        return truth_of_samples(read_samples(folder))
    except Exception as error:
        # A damaged archive raises what it likes; what matters is that there is nothing left to compare with.
        rungs.append(Rung(name="reference", passed=False, detail=texts("no_reference", error=error)))
        return None


def _network(folder: Path, record: Record, changed: tuple[str, ...]) -> Model | None:
    own = [file.path for file in record.files if file.format == NETWORK_FORMAT]
    for path in (*own, *(name for name in record.manifest if name == REFERENCE)):
        if path not in changed:
            return open_model(folder / path)
    return None


def _data(folder: Path, record: Record, model: Model, rungs: list[Rung], texts: Texts) -> Dataset | None:
    if record.data is None:
        return None
    source = record.data if record.data.startswith(SAMPLE_PREFIX) else folder / record.data
    try:
        return open_data(source, model=model, metric=record.metric)
    except UserError as error:
        rungs.append(Rung(name="test data", passed=None, detail=texts("no_data", error=error)))
        return None


def _opener(folder: Path, changed: tuple[str, ...]) -> OpenFile:
    suspicious = {folder / name for name in changed}
    every_core = opener(tuple(BOARDS))

    def open_file(format: str, path: Path) -> tuple[Runtime, ...]:
        if format == "pt2" and path in suspicious:
            # torch's loader runs what is in the file: one that is not ours any more goes through the safe reader.
            return (Runtime(variant="", run=running(open_model(path))),)
        if FORMATS[format].exact and any(other.parent == path.parent for other in suspicious):
            raise ValueError("a file beside it was changed, so it is not compiled")
        return every_core(format, path)

    return open_file
