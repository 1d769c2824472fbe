"""Tells before training that batch normalization learns its statistics too slowly for so few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from trainables.datasets.settings import sample_size_of
from trainables.settings.image import ImageSettings, own_settings
from trainables.trial import DatasetInfo, Settings

MOST_INITIAL = 0.05
"""Share of the moving statistics that may still be the initial ones, mean 0 and variance 1, for validation to say much.
On Fashion-MNIST (`two_conv`, 24 configurations each) the median accuracy was 0.04 to 0.28 where 5 to 84 % were, and
0.18 to 0.66 where less were."""


def remarks_on_normalization(settings: Settings, info: DatasetInfo | None, compared: float | None) -> Iterator[str]:
    """Yield a line if validation would not say much when trials are first compared, or at their end.

    Training normalizes by each batch, validation by moving statistics, of which `momentum ** steps` are still the
    initial ones. `compared` is the number of passes through the training images after which trials are first compared,
    None where they are not before their end.
    """
    momentum = _slowest(settings)
    if momentum is not None:
        yield from _remarks(momentum, "batch_norm_momentum", settings, info, compared)


def remarks_on_layers(
    momentum: float, settings: Settings, info: DatasetInfo | None, compared: float | None
) -> Iterator[str]:
    """Yield the same of a user's model, whose layers normalize with a momentum of up to so much."""
    yield from _remarks(momentum, "BatchNormalization's momentum", settings, info, compared)


def _remarks(
    momentum: float, name: str, settings: Settings, info: DatasetInfo | None, compared: float | None
) -> Iterator[str]:
    if info is None:
        return
    images = min([info.num_train, *filter(None, map(sample_size_of, settings.get("sample_size", ())))])
    batch = max(_numbers(settings.get("batch_size", (ImageSettings.batch_size,))))
    epochs = min(_numbers(settings.get("epochs", (ImageSettings.epochs,))))
    passes = min(compared or epochs, epochs)
    steps = math.ceil(images / batch)
    steps_before = math.ceil(images * passes / batch) if passes < 1 else math.ceil(steps * passes)
    first, last = momentum**steps_before, momentum ** (steps * epochs)
    if first <= MOST_INITIAL:
        return
    ends = passes == epochs
    when = "at the end" if ends else f"when trials are first compared, and {last:.0%} at the end"
    at_most = math.floor(100 * MOST_INITIAL ** (1 / steps_before)) / 100
    yield (
        f"validation may mean little: with {name} {momentum:g} and {steps} steps an epoch, {first:.0%} of the "
        f"statistics of batch normalization are the initial ones {when}. Take a momentum of {at_most:g} or less, "
        f"smaller batches, or {'more epochs' if ends else 'a later first comparison'}."
    )


def _slowest(settings: Settings) -> float | None:
    """Return the largest momentum that a network of the search has; None where none normalizes."""
    found: list[float] = []
    for network in map(str, settings.get("network", (ImageSettings.network,))):
        own = own_settings(network)
        default = (own["batch_norm"],) if "batch_norm" in own else ("always",)
        if "batch_norm_momentum" in own and set(settings.get("batch_norm", default)) - {"none"}:
            found += _numbers(settings.get("batch_norm_momentum", (own["batch_norm_momentum"],)))
    return max(found, default=None)


def _numbers(values: Sequence[object]) -> list[float]:
    return [value for value in values if isinstance(value, int | float)]
