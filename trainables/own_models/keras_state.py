"""What Keras keeps besides the models: each trial finds it as the first one did, in whichever thread it builds.

Keras counts its layers and metrics for their names, and holds a policy of precision; both for each thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

_NUMBERS = "object_name_uids"
"""Keras' name for its counts of names: `dense`, `dense_1`, ..."""
_POLICY = "dtype_policy"
"""Keras' name for its policy of precision, which is not there until it is set, or until a first layer asks for it."""
_at_first: dict[str, dict[str, int]] = {}
"""Under one key, the counts with which this process built a user's first model."""


@contextmanager
def keras_settings_restored() -> Iterator[None]:
    """Restore, after the block, what a user's code sets for all of Keras within it.

    Where no policy is set there is none in the block either, so that Keras makes one of the `floatx` that is set there.
    """
    policy, floatx = _state().get_global_attribute(_POLICY), keras.config.floatx()
    epsilon, data_format = keras.config.epsilon(), keras.config.image_data_format()
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        keras.config.set_image_data_format(data_format)
        _state().set_global_attribute(_POLICY, policy)


@contextmanager
def keras_names_restarted() -> Iterator[None]:
    """Let Keras number names in the block as in the first such block of the process, and go on behind all of them.

    A metric without a name is then `auc` in every trial, and not `auc_1` in the second; KerasTuner, too, has Keras
    begin anew for each model. What a space file made by itself, before, keeps its name for itself.
    """
    before = dict(_numbers())
    first = _at_first.setdefault(_NUMBERS, before)
    _numbers().clear()
    _numbers().update(first)
    try:
        yield
    finally:
        now = _numbers()  # Another object, where the user's code has cleared Keras' session.
        now.update({name: max(number, now[name]) for name, number in before.items()})


def for_another_thread() -> Callable[[], None]:
    """Return what gives the thread that calls it all that Keras keeps for this one."""
    here = dict(vars(_state().GLOBAL_STATE_TRACKER))
    return lambda: vars(_state().GLOBAL_STATE_TRACKER).update(here)


def _numbers() -> defaultdict[str, int]:
    found: defaultdict[str, int] = _state().get_global_attribute(_NUMBERS, defaultdict(int), set_to_default=True)
    return found


def _state() -> Any:
    return keras.src.backend.common.global_state
