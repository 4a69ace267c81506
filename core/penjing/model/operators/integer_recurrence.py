"""Recurrent layers in whole numbers: states in 1/32768, what a gate sees in 1/65536, tanh by table between 512 points.

What a gate sees of the input's codes and of the state before are two sums of products, each brought to 1/65536.
"""

import functools

import numpy as np
import torch

from penjing.model.operators.integer_reference import Attributes, FloatArray, Inputs, IntArray
from penjing.model.operators.integer_steps import Steps, Told, halved

STATE_BITS = 15
ARGUMENT_BITS = 16
CELL_BITS = 20
"""Of an LSTM's cell, which may grow beyond 1 …"""
CELL_LIMIT = 1 << 30
"""… and stops here."""
STEP_BITS = 10
"""Of an argument, between two points of the table: 1/64."""
POINTS = 512
"""From 0 to 8, where tanh is 1."""
_ONE = 1 << STATE_BITS
_LARGEST_STATE = _ONE - 1
_LARGEST_ARGUMENT = 1 << 28
_LARGEST_SUM = (1 << 31) - 1
_MANTISSA_BITS = 30
_LARGEST_SHIFT = 62
TANH: IntArray = np.rint(_ONE * np.tanh(np.arange(POINTS + 1) / 64)).astype(np.int64)


def prepare(told: Told) -> Steps | None:
    """Multipliers of both sums, one pair a row of the weight or one for all, and biases in 1/65536."""
    assert told.weight is not None and told.weight_scale is not None
    features = told.shape[-1]
    own, before = (np.abs(part).sum(axis=1).max() for part in np.split(told.weight, [features], axis=1))
    if own * told.reach > _LARGEST_SUM or before * _ONE > _LARGEST_SUM:
        return None
    scales = told.weight_scale.astype(np.float64).reshape(-1)
    factors = np.stack([scales * told.scale * 2.0**ARGUMENT_BITS, scales * 2.0 ** (ARGUMENT_BITS - STATE_BITS)])
    multipliers, shift = _fixed_point(factors)
    attributes = {"input_multiplier": multipliers[0], "state_multiplier": multipliers[1], "argument_shift": shift}
    for name, key in (("offset", "bias"), ("state_offset", "state_bias")):
        if key in told.tensors:
            attributes[name] = np.rint(told.tensors[key].numpy() * 2.0**ARGUMENT_BITS).astype(np.int64)
    return Steps(attributes=attributes, scale=1 / _ONE, bound=_ONE)


def _fixed_point(factors: FloatArray) -> tuple[IntArray, IntArray]:
    """Multipliers [2, rows] of at most 30 bits, and the shift that both of a row share."""
    exponent = np.frexp(factors.max(axis=0))[1].astype(np.int64)
    shift = np.clip(_MANTISSA_BITS - exponent, 1, _LARGEST_SHIFT)
    return np.rint(np.ldexp(factors, shift)).astype(np.int64), shift


def recurrent(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """States [n, time, hidden], or the last [n, hidden], in 1/32768."""
    assert weight is not None
    values, cell = inputs[0], str(attributes["cell"])
    features = values.shape[-1]
    values = values[:, ::-1] if attributes.get("reverse") else values
    own, before = weight[:, :features].T, weight[:, features:].T
    hidden = len(before)
    seen = _argument(attributes, _product(values, own), "input_multiplier")
    seen = seen + np.asarray(attributes["offset"])
    state = np.zeros((len(values), hidden), np.int64)
    carried, states = state, []
    for step in range(values.shape[1]):
        known = _argument(attributes, _product(state, before), "state_multiplier")
        gates = seen[:, step]
        if cell == "lstm":
            entry, output, forget = np.split(
                _looked_up(gates[:, : 3 * hidden] + known[:, : 3 * hidden], "sigmoid"), 3, 1
            )
            candidate = _looked_up(gates[:, 3 * hidden :] + known[:, 3 * hidden :], "tanh")
            added = halved(entry * candidate, 2 * STATE_BITS - CELL_BITS)
            carried = np.clip(halved(forget * carried, STATE_BITS) + added, -CELL_LIMIT, CELL_LIMIT)
            state = halved(output * _looked_up(halved(carried, CELL_BITS - ARGUMENT_BITS), "tanh"), STATE_BITS)
        elif cell == "gru":
            update, reset = np.split(_looked_up(gates[:, : 2 * hidden] + known[:, : 2 * hidden], "sigmoid"), 2, 1)
            own_part = known[:, 2 * hidden :] + np.asarray(attributes["state_offset"])
            candidate = _looked_up(gates[:, 2 * hidden :] + halved(reset * own_part, STATE_BITS), "tanh")
            state = candidate + halved(update * (state - candidate), STATE_BITS)
        else:
            state = _looked_up(gates + known, "tanh")
        state = np.clip(state, -_LARGEST_STATE, _LARGEST_STATE)
        states.append(state)
    if attributes["last"]:
        return states[-1]
    return np.stack(states[::-1] if attributes.get("reverse") else states, axis=1)


def _product(left: IntArray, right: IntArray) -> IntArray:
    """A product of matrices whose sums fit 31 bits, so that float64 holds them: integers would take many times as long.

    In torch, whose threads are those of the screen.
    """
    wide = (torch.from_numpy(np.ascontiguousarray(one)).double() for one in (left, right))
    return np.asarray(torch.matmul(*wide).long().numpy())


def _looked_up(arguments: IntArray, function: str) -> IntArray:
    """One of the functions below, from a table of all its values: gates ask for millions."""
    table = _table(function)
    reach = len(table) // 2
    return np.asarray(table[np.clip(arguments, -reach, reach) + reach])


@functools.cache
def _table(function: str) -> IntArray:
    reach = POINTS << STEP_BITS
    if function == "tanh":
        return tanh(np.arange(-reach, reach + 1))
    return sigmoid(np.arange(-2 * reach, 2 * reach + 1))  # which halves what it is given


def _argument(attributes: Attributes, sums: IntArray, multiplier: str) -> IntArray:
    shift = np.asarray(attributes["argument_shift"])
    found = (sums * np.asarray(attributes[multiplier]) + (np.int64(1) << (shift - 1))) >> shift
    return np.asarray(np.clip(found, -_LARGEST_ARGUMENT, _LARGEST_ARGUMENT))


def tanh(arguments: IntArray) -> IntArray:
    """The hyperbolic tangent of a / 65536, in 1/32768, on a straight line between the points of the table."""
    size = np.minimum(np.abs(arguments), POINTS << STEP_BITS)
    place, part = size >> STEP_BITS, size & ((1 << STEP_BITS) - 1)
    after = TANH[np.minimum(place + 1, POINTS)]
    found = TANH[place] + halved((after - TANH[place]) * part, STEP_BITS)
    return np.asarray(np.where(arguments < 0, -found, found))


def sigmoid(arguments: IntArray) -> IntArray:
    """The logistic function of a / 65536, in 1/32768: half of 1 and the tangent of half as much."""
    return np.asarray((_ONE + tanh(arguments >> 1) + 1) >> 1)
