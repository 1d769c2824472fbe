"""Ctrl-C while the cluster starts, runs and is left again."""

import signal
import subprocess
import sys

import pytest

from search.cluster.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_of_a_running_search_is_counted(number: signal.Signals) -> None:
    with Interrupts() as interrupts:
        interrupts.arm()
        for _ in range(3):
            signal.raise_signal(number)
    assert interrupts.count == 3


def test_signal_during_the_start_ends_it_as_soon_as_it_is_done() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.arm()


def test_second_signal_during_the_start_ends_it_at_once() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_signal_that_comes_in_a_destructor_is_not_lost() -> None:
    class Released:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with Interrupts() as interrupts:
        Released()
        assert interrupts.count == 1


def test_handler_of_others_is_taken_back_and_those_of_before_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        interrupts.arm()
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.count == 1
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupted_start_leaves_no_experiment_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("interrupted")
    code = (
        "import signal, sys; from search import run; import search.cluster.execution as execution\n"
        "def connected(*words):\n    signal.raise_signal(signal.SIGINT); signal.raise_signal(signal.SIGINT)\n"
        "execution.connected = connected\n"
        "sys.exit(run.main(['given.py']))"
    )
    (folder / "given.py").write_text("from spaces.branin import space\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted.\n")
    assert list((folder / "results").iterdir()) == []
