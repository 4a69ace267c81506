"""The JSON documents of a project: project.json, plan.json, history.json; versions and limits.

>>> from penjing.plan import Plan
>>> from penjing.project.values import Original, Project
>>> project = Project(source=Original(path="sample:watch"), plan=Plan())
>>> decode(encode(project)) == project
True
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from penjing.errors import UserError
from penjing.plan import plan_from_json, read_plan
from penjing.project.values import SCHEMA_VERSION, Original, Project, Run, Unfinished

PROJECT, PLAN, HISTORY = "project.json", "plan.json", "history.json"
NAMES = (PROJECT, PLAN, HISTORY)
MOST_RUNS = 10_000
P = TypeVar("P", Run, Unfinished)
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What project.json says."""

    schema_version: int
    source: Original
    data: Original | None = None
    architecture: str | None = None
    metric: str | None = None
    title: str = ""
    device: str | None = None
    budgets: dict[str, int | float] = {}
    applied: str | None = None
    training: dict[str, Any] | None = None


def encode(project: Project) -> dict[str, bytes]:
    """The documents by name."""
    head = _Head(
        schema_version=SCHEMA_VERSION,
        source=project.source,
        data=project.data,
        architecture=project.architecture,
        metric=project.metric,
        title=project.title,
        device=project.device,
        budgets=project.budgets,
        applied=project.applied,
        training=None if project.training is None else _told(project.training),
    )
    history = [_told(run) for run in project.runs]
    return {
        PROJECT: _json(head),
        PLAN: project.plan.to_json().encode(),
        HISTORY: _json({"runs": history}),
    }


def decode(documents: Mapping[str, bytes], *, where: str = "project") -> Project:
    """The project that the documents describe.

    Raises:
        UserError: `project.damaged`, `project.version`, and what `plan.read_plan` raises.
    """
    missing = [name for name in NAMES if name not in documents]
    if missing:
        raise UserError("project.damaged", where=where, detail=f"no {missing[0]}")
    raw = _read(documents[PROJECT], dict[str, Any], where, PROJECT)
    version = raw.get("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise UserError("project.version", where=where, value=version, newest=SCHEMA_VERSION)
    head = _convert(raw, _Head, where, PROJECT)
    history = _read(documents[HISTORY], dict[str, list[dict[str, Any]]], where, HISTORY)
    entries = history.get("runs", [])
    if len(entries) > MOST_RUNS:
        raise UserError("project.damaged", where=where, detail=f"{HISTORY}: more than {MOST_RUNS} runs")
    return Project(
        source=head.source,
        data=head.data,
        architecture=head.architecture,
        metric=head.metric,
        title=head.title,
        device=head.device,
        budgets=head.budgets,
        plan=read_plan(documents[PLAN], where=f"{where}: {PLAN}"),
        runs=tuple(_planned(entry, Run, where, HISTORY) for entry in entries),
        applied=head.applied,
        training=None if head.training is None else _planned(head.training, Unfinished, where, PROJECT),
    )


def _told(entry: Run | Unfinished) -> dict[str, Any]:
    return {**msgspec.to_builtins(entry), "plan": entry.plan.as_json()}


def _planned(entry: dict[str, Any], kind: type[P], where: str, name: str) -> P:
    # The plan is checked as any plan file is; msgspec alone would not check its ranges.
    plan = plan_from_json(entry.get("plan"), where=f"{where}: {name}")
    found: P = _convert({**entry, "plan": {}}, kind, where, name)
    if not _ID.fullmatch(found.id):
        raise UserError("project.damaged", where=where, detail=f"{name}: the run id {found.id!r}")
    return msgspec.structs.replace(found, plan=plan)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _read(content: bytes, kind: Any, where: str, name: str) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("project.damaged", where=where, detail=f"{name}: {error}") from error


def _convert(raw: object, kind: Any, where: str, name: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UserError("project.damaged", where=where, detail=f"{name}: {error}") from error
