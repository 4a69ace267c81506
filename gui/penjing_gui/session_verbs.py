"""Verbs of the session that its helpers do: jobs, and questions to the engine whose answers come as signals."""

from collections.abc import Sequence

from penjing.estimation.tables import Wanted
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.plan import Distillation, Plan
from penjing.project.values import Run, RunKind
from penjing.results import RunResult
from penjing.worker import messages as wire
from penjing_gui.inquiries import Inquiries
from penjing_gui.job_runner import JobRunner
from penjing_gui.jobs import Job
from penjing_gui.projects import Projects
from penjing_gui.results import Results
from penjing_gui.session_state import SessionState


class SessionVerbs(SessionState):
    """What is wanted of jobs and of the engine; nothing here changes what is open."""

    jobs: JobRunner
    results: Results
    projects: Projects
    _inquiries: Inquiries

    # -------------------------------------------------------------------------------------------------------- jobs

    @property
    def job(self) -> Job | None:
        """The last job; `active` says whether it still runs."""
        return self.jobs.job

    def fit(self) -> None:
        """Find the plan that meets the budgets; the answer is an edit."""
        self.results.fit()

    def train(self, options: Distillation | None = None, kind: RunKind | None = None) -> None:
        """Run the plan with its training steps, or with one of this kind and these options; the answer is a new run."""
        self.results.train(options, kind)

    def prepare_job(self) -> None:
        """A job is likely to be wanted soon: for what is open, its process begins to load its libraries."""
        if self.is_open:
            self.jobs.prepare()

    def pause_job(self) -> None:
        """Hold the job at its next batch."""
        self.jobs.pause()

    def resume_job(self) -> None:
        """Let the job go on."""
        self.jobs.resume()

    def stop_job_keep_best(self) -> None:
        """End a training with its best epoch so far."""
        self.jobs.stop_and_keep_best()

    def cancel_job(self) -> None:
        """Give the job up."""
        self.jobs.cancel()

    def export(
        self,
        formats: Sequence[str],
        folder: str,
        *,
        rounding: Rounding = "single",
        kernels: Kernels = "generated",
    ) -> None:
        """Write the applied run, or the plan without training, and prove it; the answer is `exported`."""
        self.results.export(tuple(formats), folder, rounding=rounding, kernels=kernels)

    @property
    def export_result(self) -> RunResult | None:
        """Of the last export of what is open."""
        return self.results.exported

    # --------------------------------------------------------------------------------- questions to the engine

    def request_saliency(self, layer: str, criterion: str | None, *, folded: bool = False) -> int:
        """Ask for a layer's picture; `saliency_received` brings it with this number."""
        return self._inquiries.ask(wire.WantSaliency, layer=layer, criterion=criterion, folded=folded)

    def request_scores(self, wanted: Wanted) -> None:
        """Ask for scores, each but once; `tables_changed` says that they are here."""
        self._inquiries.ask_scores(wanted)

    def request_ranges(self, layer: str, bits: int) -> int:
        """Ask what a layer's result is on examples; `ranges_received` brings it with this number."""
        return self._inquiries.ask(wire.WantRanges, layer=layer, bits=bits)

    def request_samples(
        self, indices: Sequence[int], split: wire.SplitName = "val", *, label: int | None = None
    ) -> int:
        """Ask for examples, perhaps of one class; `samples_received` brings them with this number."""
        return self._inquiries.ask(wire.WantSamples, indices=tuple(indices), split=split, label=label)

    def request_logits(self, indices: Sequence[int], split: wire.SplitName = "val", *, run: Run | None = None) -> int:
        """Ask what the network as loaded and the plan, or a run, say of examples; `logits_received` brings it."""
        return self._inquiries.ask(wire.WantLogits, indices=tuple(indices), split=split, run=self._folder_of(run))

    def request_features(self, index: int, options: Distillation, *, run: Run | None = None) -> int:
        """Ask what teacher and student make of an example in paired layers; `features_received` brings it."""
        return self._inquiries.ask(wire.WantFeatures, index=index, options=options, run=self._folder_of(run))

    def request_look(self, index: int, method: str, *, entry: int = 0, number: int = 0, run: Run | None = None) -> int:
        """Ask where the network as loaded and the plan, or a run, look in an example; `look_received` brings it."""
        what = {"index": index, "method": method, "entry": entry, "number": number}
        return self._inquiries.ask(wire.WantLook, **what, run=self._folder_of(run))

    def request_judgement(self, plan: Plan, run: Run | None) -> int:
        """Ask how a plan, or a run, judges all validation samples; `judgements` hears it."""
        return self._inquiries.ask(wire.WantJudgement, plan=plan, run=self._folder_of(run))

    def _folder_of(self, run: Run | None) -> str | None:
        """Where the network of a run lies, if it was trained."""
        return str(self.projects.run_folder(run.id)) if run is not None and run.has_network else None
