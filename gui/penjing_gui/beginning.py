"""What a network that was just opened begins with: the plan, the device and the budgets of its project or sample."""

import contextlib
from dataclasses import dataclass

import msgspec

from penjing.devices.profiles import Device, device
from penjing.devices.units import parse_size
from penjing.errors import UserError
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing.planning.presets import preset
from penjing.project.values import Project
from penjing.worker.messages import Opened


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Values to begin with."""

    plan: Plan
    device: Device | None = None
    budgets: Budgets
    refused: UserError | None = None
    """Why the project's device cannot be used."""


def beginning(arriving: Opened, project: Project | None) -> Beginning:
    """A project begins where it was left, a sample where its sliders are interesting, anything else with nothing."""
    if project is not None:
        return _of_project(project, _of_sample(arriving))
    return _of_sample(arriving)


def _of_sample(arriving: Opened) -> Beginning:
    sample = arriving.sample
    if sample is None:
        return Beginning(plan=Plan(), budgets=Budgets())
    chosen, plan = device(sample.device), sample.plan
    if not plan.layers and plan.defaults == Plan().defaults:
        start = preset("balanced", arriving.graph, device=chosen)
        plan = msgspec.structs.replace(plan, defaults=start.defaults, layers=start.layers)
    budgets = Budgets(flash_bytes=parse_size(sample.flash), ram_bytes=parse_size(sample.ram))
    return Beginning(plan=plan, device=chosen, budgets=budgets)


def _of_project(project: Project, otherwise: Beginning) -> Beginning:
    chosen, refused, budgets = None, None, otherwise.budgets
    with contextlib.suppress(msgspec.ValidationError):  # a project may be edited by hand
        budgets = msgspec.convert(project.budgets, Budgets)
    if project.device is not None:
        try:
            chosen = device(project.device)
        except UserError as error:
            refused = error
    return Beginning(plan=project.plan, device=chosen, budgets=budgets, refused=refused)


def room_of(found: Device | None) -> Budgets:
    """All that a device has."""
    return Budgets() if found is None else Budgets(flash_bytes=found.flash_bytes, ram_bytes=found.ram_bytes)
