"""The memory of the GPUs that a worker was given: how much there is, how much is free, how much is its share."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.errors import SearchError

CONTEXT_MIB = 700
"""Memory that CUDA's context and the libraries of a process take beside what TensorFlow counts."""
LEAST_MIB = 256
"""With less memory than this no network can be trained."""
FREE_WITHIN_S = 30.0
"""Longest time for the memory of the process that ran before to become free."""


@dataclass(frozen=True)
class Card:
    """One GPU, as nvidia-smi lists it."""

    index: str
    """Its number on this machine."""
    uuid: str
    """What NVIDIA calls it everywhere."""
    total_mib: int
    free_mib: int
    """Memory that no process has taken."""


def read_cards() -> list[Card]:
    """All GPUs of this machine; empty where nvidia-smi is missing or fails, as it does when a GPU has fallen off."""
    words = ["nvidia-smi", "--query-gpu=index,uuid,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_cards(done.stdout)


def parse_cards(text: str) -> list[Card]:
    """The cards of nvidia-smi's lines; one whose memory is not told (`[N/A]`, `[GPU is lost]`) is left out."""
    cards = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[2].isdecimal() and fields[3].isdecimal():
            cards.append(Card(fields[0], fields[1], int(fields[2]), int(fields[3])))
    return cards


def visible_cards(cards: Sequence[Card], visible: str | None) -> list[Card]:
    """The cards that a CUDA_VISIBLE_DEVICES names, by index or by the beginning of a UUID; None names all."""
    if visible is None:
        return list(cards)
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return [card for name in names for card in cards if name == card.index or card.uuid.startswith(name)]


@dataclass(frozen=True)
class Budget:
    """What a training process may take of each of its GPUs."""

    limit_mib: int
    """Memory for TensorFlow's allocator; CUDA's context comes on top of it."""
    total_mib: int
    """Memory of the smallest of its GPUs."""


def budget(cards: Sequence[Card], share: float) -> Budget | None:
    """The budget on the smallest of the cards; None where there is none to be seen.

    Raises SearchError for a share too small to train with.
    """
    if not cards or not share:
        return None
    total = min(card.total_mib for card in cards)
    limit = int(total * min(share, 1.0)) - CONTEXT_MIB
    if limit < LEAST_MIB:
        least = -(-100 * (CONTEXT_MIB + LEAST_MIB) // total) / 100
        raise SearchError(
            f"{share:g} of a GPU with {total} MiB leaves {max(limit, 0)} MiB beside the {CONTEXT_MIB} MiB of CUDA; "
            f"expected at least {least:g}. Raise --gpus-per-trial."
        )
    return Budget(limit, total)


def wait_until_free(
    needed_mib: int, free_mib: Callable[[], int | None], limit_s: float = FREE_WITHIN_S, pause_s: float = 0.5
) -> str | None:
    """Wait for memory; one line when it has not become free in time, None when it has or cannot be told."""
    end = time.monotonic() + limit_s
    while (free := free_mib()) is not None and free < needed_mib:
        if time.monotonic() >= end:
            return f"its GPU has {free} MiB free after {limit_s:g} s, of the {needed_mib} MiB of its share"
        time.sleep(pause_s)
    return None
