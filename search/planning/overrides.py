"""Applies the options of the command line to a space: flags win over its fields, pinned settings become fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from search.errors import SearchError
from search.goals import OF_ONE_METRIC
from search.planning.options import Options
from search.planning.smoke import smoke_space
from search.space import Choice, Space, same
from search.space.parameters import placed
from search.space.values import text_of
from trainables.trial import declaration_of

_OF_THE_DATA = {"sample_size", "evaluation_size", "image_size"}
_CUT_BY_SMOKE = ("sampler", "stopping", "fidelity", "repeats")


def with_options(space: Space, options: Options) -> Space:
    """Return the space with the options applied; raises SearchError for one that it cannot take."""
    space = _pinned(_with_flags(space, options), options)
    if not options.smoke:
        return space
    shortest = dict(declaration_of(space.trainable).smoke)
    if callable(space.dataset):  # How many examples it gives, and whether they can be counted, is not known before.
        shortest = {name: value for name, value in shortest.items() if name not in _OF_THE_DATA}
    return smoke_space(space, shortest, options.pins)


def notes_on_options(space: Space, options: Options) -> Iterator[str]:
    """Yield lines on options by which another thing is trained than the space, or the options themselves, may suggest.

    `space` is that of the file. A pinned value may lie outside of what the space searches, as studies do with another
    backbone; it is what is trained, and a slip of the hand should be seen.
    """
    for name, value in options.pins.items() if space.declared else ():
        parameter = space.parameters.get(name)
        try:
            if parameter is not None:
                placed(parameter, _choice_option(space, name, value))
        except ValueError:
            searched = parameter.describe() if parameter is not None else ""
            yield f"NOTE: --set {name}={value} is outside of what the space searches ({searched}), and is trained so."
    cut = with_options(space, options) if options.smoke else space
    asked = {name: getattr(options, name) for name in _CUT_BY_SMOKE}
    overruled = [f"--{name} {value}" for name, value in asked.items() if value not in (None, getattr(cut, name, None))]
    if options.smoke and overruled:
        yield (
            f"NOTE: --smoke overrules {', '.join(overruled)}: each configuration is trained once and to its end, with "
            f"sampler {cut.sampler}."
        )


def _with_flags(space: Space, options: Options) -> Space:
    names = ("sampler", "stopping", "dataset", "repeats", "cpus_per_trial", "gpus_per_trial", "metric", "mode")
    changes: dict[str, Any] = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.stopping not in (None, space.stopping):
        changes["stopping_options"] = {}  # Those of the space were meant for its own rule.
    if options.fidelity is not None:
        others = changes.get("stopping_options", space.stopping_options)
        changes["stopping_options"] = {**others, "fidelity": options.fidelity}
    if options.dataset is not None:
        changes["offline_dataset"] = None  # A user who names a data set wants no other.
    changes |= {name: value for name in ("objectives", "constraints") if (value := getattr(options, name))}
    if options.objectives:  # What the space decides on for its own goals follows anew from these.
        sampler = None if space.sampler in OF_ONE_METRIC else space.sampler
        changes = {"metric": None, "sampler": sampler, "stopping": None, "stopping_options": {}} | changes
    if (options.metric not in (None, space.metric) or options.objectives) and options.mode is None:
        changes["mode"] = None  # It follows from the metric.
    return dataclasses.replace(space, **changes)


def _pinned(space: Space, options: Options) -> Space:
    for name, value in options.pins.items():
        own = not space.declared or name in space.parameters or name in space.fixed
        if name in ("metric", "mode", "trainable", "dataset") and not own:
            raise SearchError(
                f"--set {name}=... cannot change the {name}; edit the space file"
                + ("." if name == "trainable" else f", or use --{name}.")
            )
        space = space.pin(name, _choice_option(space, name, value))
    return space


def _choice_option(space: Space, name: str, value: object) -> object:
    """Return the option of a Choice that `value` is, equals or has the text of, in this order; else the value.

    Not every option can be written on a command line, where 8 may stand for the text "8", and 1.0 for 1.
    """
    parameter = space.parameters.get(name) if space.declared else None
    if not isinstance(parameter, Choice):
        return value
    by_text = dict(zip(parameter.texts(), parameter.options, strict=True))
    meant = [option for option in parameter.options if same(option, value)]
    meant += [option for option in parameter.options if option == value and not isinstance(value, bool)]
    text = value if isinstance(value, str) else text_of(value)
    return meant[0] if meant else by_text.get(text, value)
