"""The only description of a compression: a small frozen value, JSON with a schema version.

>>> from penjing.plan import Plan
>>> Plan().settings("conv1").weight_bits
32
"""

import codecs
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from penjing.catalogue.methods import Kind, methods, variants
from penjing.errors import UserError

SCHEMA_VERSION = 1
WEIGHT_BITS = (2, 3, 4, 5, 6, 7, 8, 16, 32)
MAX_LAYERS = 20_000
DEFAULT_PIPELINE = ("prune", "bn_reestimate", "quantize", "distill")

Scope = Literal["layer", "global"]
Schedule = Literal["once", "cubic"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to one layer. Units: fractions 0..1, bits, absolute scores for the thresholds."""

    sparsity: float = 0.0
    """Fraction of the weights set to zero, of those that the filter cut leaves."""
    threshold: float | None = None
    """Absolute score below which (strictly) a weight is set to zero; wins over `sparsity`."""
    criterion: str = "magnitude"
    scope: Scope = "layer"
    nm: tuple[int, int] | None = None
    filters: float = 0.0
    """Fraction of the filters removed, of the coupled group."""
    filter_threshold: float | None = None
    filter_criterion: str = "l1"
    keep: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    remove: bool = False
    locked: bool = False
    weight_bits: int = 32
    activation_bits: int = 32
    scheme: str = "symmetric"
    granularity: str = "per_channel"
    calibrator: str = "minmax"
    rounding: str = "nearest"
    codebook: int | None = None
    equalize: bool = False
    bias_correction: bool = False
    schedule: Schedule = "once"

    @property
    def prunes_weights(self) -> bool:
        """Whether a prune step zeroes weights of this layer."""
        return not self.locked and (self.threshold is not None or self.sparsity > 0 or self.nm is not None)

    @property
    def cuts_filters(self) -> bool:
        """Whether a prune step removes filters of this layer."""
        return not self.locked and (self.filters > 0 or self.filter_threshold is not None or bool(self.cut))

    @property
    def quantizes(self) -> bool:
        """Whether a quantize step changes this layer."""
        return self.weight_bits < 32 or self.activation_bits < 32 or self.codebook is not None


Override = msgspec.defstruct(
    "Override",
    [(name, kind | UnsetType, UNSET) for name, kind in Settings.__annotations__.items()],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    namespace={"__doc__": "What one layer sets otherwise than the defaults; unset fields follow the defaults."},
)


class Distillation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the training steps teach: loss α T² KL + (1 - α) CE + feature · L_F + attention · L_A."""

    soft_label: float = 0.7
    """α, the weight of the teacher's soft labels, 0..1."""
    temperature: float = 4.0
    feature: float = 0.0
    attention: float = 0.0
    pairs: tuple[tuple[str, str], ...] = ()
    """(teacher layer, student layer) for the feature and attention losses; empty: automatic."""
    teacher: str = "original"
    student: str = "compressed"
    epochs: int = 5
    lr: float = 0.001
    batch_size: int = 64
    seed: int = 0
    shift: int = 0
    """Every training example is moved by up to so many places along each of its axes, anew each time it is seen."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of the pipeline; `method` chooses among a step's variants."""

    step: str
    method: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A whole compression: settings per layer, the order of the steps, how to teach."""

    schema_version: int = SCHEMA_VERSION
    defaults: Settings = Settings()
    layers: dict[str, Override] = {}  # type: ignore[valid-type]
    pipeline: tuple[str | Step, ...] = DEFAULT_PIPELINE
    distillation: Distillation = Distillation()

    def settings(self, layer: str) -> Settings:
        """The settings of one layer: its own where it sets them, else the defaults."""
        found = self._resolved.get(layer)
        return self.defaults if found is None else found

    @property
    def steps(self) -> tuple[Step, ...]:
        """The pipeline with every entry as a `Step`."""
        return tuple(Step(step=entry) if isinstance(entry, str) else entry for entry in self.pipeline)

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON: equal plans have equal hashes on every machine."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True, allow_nan=False).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values, all keys present, overrides sparse."""
        built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return built

    def to_json(self) -> str:
        """The plan as the text of a plan file."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"

    def with_layer(self, layer: str, **changes: object) -> "Plan":
        """A new plan in which one layer sets `changes` for itself; UNSET lets a field follow the defaults."""
        override = msgspec.structs.replace(self.layers.get(layer, Override()), **changes)
        return checked(msgspec.structs.replace(self, layers={**self.layers, layer: override}))

    def with_defaults(self, **changes: object) -> "Plan":
        """A new plan with other defaults."""
        return checked(msgspec.structs.replace(self, defaults=msgspec.structs.replace(self.defaults, **changes)))

    @functools.cached_property
    def _resolved(self) -> Mapping[str, Settings]:
        return {name: _merge(self.defaults, override) for name, override in self.layers.items()}


def read_plan(content: str | bytes, *, where: str = "plan") -> Plan:
    """A plan from the text of a plan file; a byte order mark, which some editors write, is passed over.

    Raises:
        UserError: `plan.not_json`, `plan.repeated_key`, `plan.unknown_key`, `plan.wrong_type`, `plan.out_of_range`,
            `plan.unknown_method`, `plan.schema_version`.
    """
    content = content.removeprefix(codecs.BOM_UTF8) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    try:
        raw = msgspec.json.decode(content)
        # Once more only for what msgspec lets pass: of two settings of one layer the first would be lost in silence.
        json.loads(content, object_pairs_hook=lambda pairs: _unique(pairs, where))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UserError("plan.not_json", where=where, detail=error) from error
    return plan_from_json(raw, where=where)


def _unique(pairs: list[tuple[str, Any]], where: str) -> None:
    """Refuse an object that names a key twice."""
    seen = set[str]()
    for key, _ in pairs:
        if key in seen:
            raise UserError("plan.repeated_key", where=where, key=key)
        seen.add(key)


def plan_from_json(raw: object, *, where: str = "plan") -> Plan:
    """A plan from decoded JSON; errors as `read_plan`."""
    if not isinstance(raw, dict):
        raise UserError("plan.wrong_type", where=where, path="the plan", detail="expected an object")
    version = raw.get("schema_version", SCHEMA_VERSION)
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise UserError("plan.schema_version", where=where, value=version, newest=SCHEMA_VERSION)
    layers = raw.get("layers", {})
    if isinstance(layers, dict):
        if len(layers) > MAX_LAYERS:
            raise UserError("plan.too_many_layers", where=where, count=len(layers), most=MAX_LAYERS)
        # One layer at a time, so that the message names it: msgspec's path says only `layers[...]`.
        layers = {name: _convert(entry, Override, where, f"layers.{name}") for name, entry in layers.items()}
    defaults = _convert(raw.get("defaults", {}), Settings, where, "defaults")
    distillation = _convert(raw.get("distillation", {}), Distillation, where, "distillation")
    rest = {key: value for key, value in raw.items() if key not in {"layers", "defaults", "distillation"}}
    plan: Plan = _convert(rest, Plan, where, "")
    if not isinstance(layers, dict):
        raise UserError("plan.wrong_type", where=where, path="layers", detail="expected an object")
    return checked(
        msgspec.structs.replace(plan, layers=layers, defaults=defaults, distillation=distillation), where=where
    )


def checked(plan: Plan, *, where: str = "plan") -> Plan:
    """The plan itself if every value is in range; otherwise a `UserError` that names the first that is not."""
    _check_settings(plan.defaults, where, "defaults")
    for name in plan.layers:
        _check_settings(plan.settings(name), where, f"layers.{name}")
    for index, step in enumerate(plan.steps):
        _known("step", step.step, where, f"pipeline[{index}]")
        choices = variants(step.step)
        if step.method is not None and step.method not in choices:
            known = ", ".join((*choices, "null"))
            path = f"pipeline[{index}].method"
            raise UserError("plan.unknown_method", where=where, path=path, value=step.method, known=known)
    teaching = plan.distillation
    _within(teaching.soft_label, 0, 1, where, "distillation.soft_label")
    _within(teaching.temperature, 1e-3, 1e3, where, "distillation.temperature")
    _within(teaching.feature, 0, 1e6, where, "distillation.feature")
    _within(teaching.attention, 0, 1e6, where, "distillation.attention")
    _within(teaching.epochs, 0, 100_000, where, "distillation.epochs")
    _within(teaching.lr, 0, 1e3, where, "distillation.lr")
    _within(teaching.batch_size, 1, 1_000_000, where, "distillation.batch_size")
    _within(teaching.seed, 0, 2**63 - 1, where, "distillation.seed")
    _within(teaching.shift, 0, 1000, where, "distillation.shift")
    return plan


def _check_settings(settings: Settings, where: str, path: str) -> None:
    _within(settings.sparsity, 0, 1, where, f"{path}.sparsity")
    _within(settings.filters, 0, 1, where, f"{path}.filters")
    if settings.threshold is not None:
        _within(settings.threshold, 0, math.inf, where, f"{path}.threshold")
    if settings.filter_threshold is not None:
        _within(settings.filter_threshold, 0, math.inf, where, f"{path}.filter_threshold")
    for field, bits in (("weight_bits", settings.weight_bits), ("activation_bits", settings.activation_bits)):
        if bits not in WEIGHT_BITS:
            raise UserError("plan.out_of_range", where=where, path=f"{path}.{field}", value=bits, allowed="2-8, 16, 32")
    if settings.codebook is not None:
        _within(settings.codebook, 2, 256, where, f"{path}.codebook")
    if settings.nm is not None and not 1 <= settings.nm[0] <= settings.nm[1] <= 64:
        value = list(settings.nm)
        raise UserError("plan.out_of_range", where=where, path=f"{path}.nm", value=value, allowed="1 ≤ N ≤ M ≤ 64")
    for field in ("keep", "cut"):
        for index in getattr(settings, field):
            _within(index, 0, 10_000_000, where, f"{path}.{field}")
    _known("criterion", settings.criterion, where, f"{path}.criterion")
    _known("filter_criterion", settings.filter_criterion, where, f"{path}.filter_criterion")
    _known("scheme", settings.scheme, where, f"{path}.scheme")
    _known("granularity", settings.granularity, where, f"{path}.granularity")
    _known("calibrator", settings.calibrator, where, f"{path}.calibrator")
    _known("rounding", settings.rounding, where, f"{path}.rounding")


def _known(kind: Kind, value: str, where: str, path: str) -> None:
    if value not in methods(kind):
        raise UserError("plan.unknown_method", where=where, path=path, value=value, known=", ".join(methods(kind)))


def _within(value: float, low: float, high: float, where: str, path: str) -> None:
    if not low <= value <= high:  # also refuses NaN
        allowed = f"≥ {low:g}" if math.isinf(high) else f"{low:g}..{high:g}"
        raise UserError("plan.out_of_range", where=where, path=path, value=value, allowed=allowed)


def _merge(defaults: Settings, override: Any) -> Settings:
    own = {name: value for name in Settings.__struct_fields__ if (value := getattr(override, name)) is not UNSET}
    # A sparsity or a threshold of its own replaces both of the defaults, else the other default would win over it.
    if "sparsity" in own or "threshold" in own:
        own = {"sparsity": 0.0, "threshold": None} | own
    if "filters" in own or "filter_threshold" in own:
        own = {"filters": 0.0, "filter_threshold": None} | own
    return msgspec.structs.replace(defaults, **own)


def _convert(raw: object, kind: Any, where: str, path: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        detail = str(error)
        if "unknown field" in detail and isinstance(raw, dict):
            unknown = [key for key in raw if key not in kind.__struct_fields__]
            if unknown:
                key = f"{path}.{unknown[0]}" if path else str(unknown[0])
                known = ", ".join(kind.__struct_fields__)
                raise UserError("plan.unknown_key", where=where, key=key, known=known) from error
        raise UserError("plan.wrong_type", where=where, path=path or "the plan", detail=detail) from error
