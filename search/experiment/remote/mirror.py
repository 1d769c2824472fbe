"""Keeps a store's copy of an experiment folder up to date, from a thread of its own.

The folder is written as if there were no store. Again and again the thread looks which files are new or changed, and
puts them: first what others rely on, the manifest last. A store that fails or is slow costs the search nothing: what is
not there yet is still in the folder. A part that was merged is removed from the store once everything that was written
before its removal, so also what it was merged into, is there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from search.experiment.existing import JOURNAL
from search.experiment.manifest import MANIFEST
from search.experiment.remote.store import Store, reason

LOOK_EVERY_S = 2.0
CHECKPOINTS_EVERY_S = 60.0
"""The least time between two passes that send checkpoints, which are large and of use only when a machine is lost."""
LONGEST_WAIT_S = 60.0
"""The longest time between two tries while the store does not answer."""
_AT_ONCE = 4
_TRY_S = 30.0
"""The longest time that `settle` waits for a try that neither succeeds nor fails."""
_LOOKS = 5
"""How often one pass looks for the files into which epochs were merged since it began."""
_CHECKPOINTS = "checkpoints"
_PARTS = ("trials/", "epochs/")
_NEVER_MERGED = "-0.parquet"
"""How the names of parts end that were not merged of others."""
_STAYS_HERE = (JOURNAL, "figures", "report.html", "tensorboard", "wandb")
"""What is not sent: the journal is of use to the driver only, figures and report are made by readers, and what
TensorBoard and Weights & Biases are given grows by many small files, which a resume writes again from the tables."""

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Unsent:
    """What the folder has and the store has not."""

    files: int
    bytes: int
    reason: str | None
    """Why the store did not take it; None where it answered."""


class Mirror:
    """Sends the files of `root` to `store` until `stop`; `remove` removes there what the folder has no more."""

    def __init__(self, root: Path, store: Store) -> None:
        self._root, self._store = root, store
        self._sent: dict[str, Signature] = {}
        """Files that the store has, as they were when they were sent."""
        self._tried: set[str] = set()
        """Files that the store may have, whole or not."""
        self._gone: dict[str, None] = {}
        """Files that are to be removed from the store, in the order in which they were removed from the folder."""
        self._ended: set[str] = set()
        """Trials whose checkpoints are to be removed from the store."""
        self._guard = threading.Lock()
        """Held where both threads change what is to be removed, and what there is to tell."""
        self._wake, self._over = threading.Event(), threading.Event()
        """Set to have the thread look at once, and to end it."""
        self._asked, self._whole = False, threading.Event()
        """Whether `settle` waits, and what is set for it once everything is in the store."""
        self._trouble: str | None = None
        """Why the store does not answer; None while it does."""
        self._troubled_at = self._failed_try = self._progress = 0.0
        """When it ceased to answer, when the latest failed try was begun, and when the store last took something."""
        self._told = False
        """Whether the user was told that it does not answer."""
        self._news: list[str] = []
        self._checkpoints_at = time.monotonic()
        """When checkpoints were last sent."""
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self, there: Iterable[str] = ()) -> None:
        """Begin; `there` names what the store holds from an earlier driver.

        Parts and checkpoints never change once they are written: those that are there are not put again. Parts that
        the folder has no more were merged, and would stand over later rows.
        """
        here = self._look()
        for name in there:
            self._tried.add(name)
            unchanging = name.startswith(_PARTS)
            if name in here and (unchanging or name.startswith(f"{_CHECKPOINTS}/")):
                self._sent[name] = here[name]
            elif unchanging:
                self._gone[name] = None
        self._thread.start()

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, or folders of them, once all that was written before is in the store."""
        with self._guard:
            self._gone.update(dict.fromkeys(names))

    def forget_checkpoint(self, trial_id: str) -> None:
        """Remove the checkpoints of a trial that has ended, also those that another node put there."""
        with self._guard:
            self._ended.add(trial_id)

    def news(self) -> list[str]:
        """Return what the user is to be told, without what earlier calls returned."""
        with self._guard:
            told, self._news = self._news, []
        return told

    def settle(self, patience_s: float) -> Unsent | None:
        """Wait until everything is in the store; return what is not there when nothing has moved for `patience_s`.

        A store that has not answered for so long already gets one more try.
        """
        asked = time.monotonic()
        begun = self._troubled_at if self._trouble else asked
        self._whole.clear()
        self._asked = True
        self._wake.set()
        while not self._whole.wait(0.05):
            now = time.monotonic()
            tried = self._failed_try > asked or now - asked > max(patience_s, _TRY_S)
            if not (self._root / MANIFEST).is_file():
                return self.waiting()  # The folder was removed; there is nothing more to send.
            if tried and now - max(begun, self._progress) > patience_s:
                return self.waiting()
        return None

    def waiting(self) -> Unsent:
        """Return what the folder has and the store has not."""
        sizes = [path.stat().st_size for name in self._unsent() if (path := self._root / name).exists()]
        return Unsent(len(sizes), sum(sizes), self._trouble)

    def stop(self) -> None:
        """End the thread; a request that is under way is not waited for longer than it may take to fail."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)

    # What follows is done by the thread.

    def _run(self) -> None:
        tries = 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mirror") as pool:
            while not self._over.is_set():
                asked, begun = self._asked, time.monotonic()
                try:
                    whole = self._pass(pool, asked)
                    tries = 0
                    self._answers()
                except OSError as error:
                    whole, tries, self._failed_try = False, tries + 1, begun
                    self._fails(reason(error), tell=tries > 1)
                if asked and whole:
                    self._asked = False
                    self._whole.set()
                wait = min(LONGEST_WAIT_S, 2.0**tries) if tries else max(LOOK_EVERY_S, 5 * (time.monotonic() - begun))
                self._wake.wait(min(wait, 1.0) if asked else wait)
                self._wake.clear()

    def _pass(self, pool: ThreadPoolExecutor, everything: bool) -> bool:
        """Look at the folder once and send what is new; return whether all of it is in the store now."""
        with self._guard:
            gone, ended = list(self._gone), set(self._ended)
        if not (self._root / MANIFEST).is_file():
            return False  # Somebody removed the folder, and the store has all that is left.
        now = time.monotonic()
        checkpoints = everything or now - self._checkpoints_at >= CHECKPOINTS_EVERY_S
        ranks: dict[int, list[str]] = {}
        for name in self._unsent():
            if checkpoints or not name.startswith(f"{_CHECKPOINTS}/"):
                ranks.setdefault(_rank(name), []).append(name)
        whole = self._send_all(pool, ranks.pop(0, []))
        if not whole and not self._send_merged_epochs(pool):
            return False
        for rank in sorted(ranks):
            whole &= self._send_all(pool, ranks[rank])
        if checkpoints:
            self._checkpoints_at = now
            self._sweep(ended)
        if whole:
            self._clear(gone)
        return whole

    def _send_all(self, pool: ThreadPoolExecutor, names: Iterable[str]) -> bool:
        return all(list(pool.map(self._send, names)))

    def _send_merged_epochs(self, pool: ThreadPoolExecutor) -> bool:
        """Send the files into which epochs were merged meanwhile, before their trials; return whether all are there."""
        for _ in range(_LOOKS):
            epochs = [name for name in self._unsent() if name.startswith("epochs")]
            if self._send_all(pool, [name for name in epochs if not name.endswith(_NEVER_MERGED)]):
                return True
        return False

    def _unsent(self) -> list[str]:
        """Return the names of files that the store has not, or not as they are now."""
        return [name for name, signature in self._look().items() if self._sent.get(name) != signature]

    def _look(self) -> dict[str, Signature]:
        """Return every whole file by name; looks at trials before epochs, because a trial's row is written last."""
        found: dict[str, Signature] = {}
        for folder, folders, files in os.walk(self._root):
            top = folder == str(self._root)
            kept = [name for name in folders if not (name.startswith(".") or (top and name in _STAYS_HERE))]
            folders[:] = sorted(kept, reverse=True)
            for file in files:
                if file.startswith(".") or (top and file.startswith(_STAYS_HERE)):
                    continue
                path = Path(folder, file)
                try:
                    found[path.relative_to(self._root).as_posix()] = _signature(path)
                except FileNotFoundError:
                    continue
        return found

    def _send(self, name: str) -> bool:
        """Send a file; return False where it has vanished meanwhile, merged or replaced."""
        path = self._root / name
        try:
            signature = _signature(path)
            self._tried.add(name)
            self._store.upload(path, name)
        except FileNotFoundError:
            if path.exists():
                raise
            return False
        self._sent[name] = signature
        self._progress = time.monotonic()
        return True

    def _clear(self, gone: Iterable[str]) -> None:
        for name in gone:
            if name in self._tried or not name.startswith(_PARTS):  # Most parts are merged before they are ever sent.
                self._store.remove(name)
                self._progress = time.monotonic()
            self._sent.pop(name, None)
            with self._guard:
                self._gone.pop(name, None)

    def _sweep(self, ended: set[str]) -> None:
        """Remove the checkpoints of trials that have ended, and those that newer ones have replaced."""
        for name in [name for name in self._sent if name.startswith(f"{_CHECKPOINTS}/")]:
            if not (self._root / name).exists():
                self._store.remove(name)
                del self._sent[name]
        if not ended:
            return
        there = {name.rpartition("/")[2] for name in self._store.list(_CHECKPOINTS, recursive=False)}
        for trial_id in there & ended:
            self._store.remove(f"{_CHECKPOINTS}/{trial_id}")
        if there and there <= ended:
            self._store.remove(_CHECKPOINTS)
        with self._guard:
            self._ended -= ended

    def _fails(self, why: str, tell: bool) -> None:
        with self._guard:
            if self._trouble is None:
                self._troubled_at = time.monotonic()
            self._trouble = why
            if tell and not self._told:
                self._told = True
                self._news.append(
                    f"{self._store.plain} does not answer ({why}); the search goes on, and what it does not take is "
                    f"kept in {self._root} and sent later"
                )

    def _answers(self) -> None:
        with self._guard:
            if self._told:
                self._news.append(f"{self._store.plain} answers again")
            self._trouble, self._told = None, False


def _signature(path: Path) -> Signature:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _rank(name: str) -> int:
    """Return the order of sending: epochs, trials, the manifest, checkpoints, and what marks a checkpoint as whole."""
    if name.startswith(f"{_CHECKPOINTS}/"):
        return 4 if name.endswith("/reported.json") else 3
    if name == MANIFEST:
        return 2
    return 1 if name.startswith("trials") else 0
