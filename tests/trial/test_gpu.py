"""What a worker does about GPUs: shares of their memory, waiting for it, running out of it, losing the GPU.

No GPU is needed: what nvidia-smi prints is given as text, and how a process ends is real.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.errors import SearchError
from search.experiment.states import TrialState
from search.space.loading import SpaceFile
from search.space.per_trial import Shape
from search.trial.gpu import CONTEXT_MIB, Budget, Card, budget, parse_cards, read_cards, visible_cards, wait_until_free
from search.trial.messages import Report
from search.trial.out_of_memory import exhausted_line, lost_gpu, out_of_memory
from search.trial.runner import GpuLost, TrialRunner
from tests.support.training_process import context, run, scores

LISTED = """0, GPU-5f2c-01, 16384, 15000
1, GPU-77aa-02, 24576, 24000
2, GPU-77aa-03, [N/A], [GPU is lost]
"""


def test_cards_are_read_and_a_lost_one_is_left_out() -> None:
    assert parse_cards(LISTED) == [Card("0", "GPU-5f2c-01", 16384, 15000), Card("1", "GPU-77aa-02", 24576, 24000)]


def test_a_machine_without_nvidia_smi_has_no_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_cards() == []


@pytest.mark.parametrize(
    ("visible", "indices"), [(None, "01"), ("1", "1"), ("1,0", "10"), ("GPU-77", "1"), ("", ""), ("7", "")]
)
def test_the_visible_cards_are_those_that_are_named(visible: str | None, indices: str) -> None:
    assert "".join(card.index for card in visible_cards(parse_cards(LISTED), visible)) == indices


def test_a_share_leaves_room_for_the_context_of_each_process() -> None:
    cards = parse_cards(LISTED)
    assert budget(cards, 0.25) == Budget(4096 - CONTEXT_MIB, 16384)  # Of the smaller one: any may be the trial's.
    assert budget(cards, 2) == Budget(16384 - CONTEXT_MIB, 16384)
    assert budget([], 0.5) is None
    assert budget(cards, 0) is None


def test_a_share_too_small_to_train_with_is_refused_with_the_least_that_works() -> None:
    with pytest.raises(SearchError, match=r"expected at least 0\.06\. Raise --gpus-per-trial") as refusal:
        budget(parse_cards(LISTED), 0.05)
    least = 0.06
    assert budget(parse_cards(LISTED), least) is not None
    assert "\n" not in str(refusal.value)


def test_a_process_starts_when_the_memory_is_free_and_not_before() -> None:
    free = 100
    freed = threading.Event()

    def let_go() -> None:
        nonlocal free
        freed.set()
        free = 9000

    threading.Timer(0.2, let_go).start()
    assert wait_until_free(8000, lambda: free, limit_s=60, pause_s=0.01) is None
    assert freed.is_set()


def test_waiting_for_memory_ends_and_says_what_was_free() -> None:
    assert wait_until_free(8000, lambda: 100, limit_s=0.02, pause_s=0.01) == (
        "its GPU has 100 MiB free after 0.02 s, of the 8000 MiB of its share"
    )
    assert wait_until_free(8000, lambda: None) is None  # It cannot be told: no wait.


def test_running_out_of_memory_is_known_by_name_and_text() -> None:
    class ResourceExhaustedError(Exception):
        """As TensorFlow names it."""

    on_gpu = ResourceExhaustedError("OOM when allocating tensor on /device:GPU:0 by allocator GPU_0_bfc")
    assert out_of_memory(on_gpu) == "GPU"
    assert out_of_memory(ResourceExhaustedError("OOM when allocating tensor on /device:CPU:0")) == "host"
    assert out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")) == "GPU"
    assert out_of_memory(MemoryError()) == "host"
    assert out_of_memory(ValueError("out of range")) is None
    assert lost_gpu(RuntimeError("failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"))
    assert not lost_gpu(on_gpu)


def test_the_line_names_batch_size_share_and_remedy() -> None:
    assert exhausted_line("GPU", {"batch_size": 128}, 0.5, 7492) == (
        "out of GPU memory with batch_size=128 (0.5 of a GPU, 7.3 GiB each); lower batch_size or raise --gpus-per-trial"
    )
    assert exhausted_line("GPU", {}, 1, None) == "out of GPU memory (a whole GPU); lower batch_size"


ACTS = """
    import os
    from search.space import Choice, Space

    def train(config, trial):
        if config["act"] == "absurd":
            import tensorflow as tf
            tf.zeros([10**7, 10**6])
        if config["act"] == "lose" or (config["act"] == "lose once" and not os.path.exists(config["mark"])):
            open(config["mark"], "w").close()
            raise RuntimeError("CUDA_ERROR_ECC_UNCORRECTABLE: uncorrectable ECC error encountered")
        growth = os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true"
        fraction = float(os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", 0))
        yield {"score": 1.0, "mib": trial.gpu_memory_mib or 0, "growth": growth, "fraction": fraction}

    space = Space(trainable=train, parameters={"act": Choice("good", "bad")}, metric="score", trials=2)
"""


@pytest.fixture
def half(tmp_path: Path) -> Iterator[TrialRunner]:
    """A worker with half of a card of 16 GiB."""
    space_file = SpaceFile(str(tmp_path / "acts.py"), "\n".join(line[4:] for line in ACTS.split("\n")))
    one = TrialRunner(context(tmp_path, space_file=space_file), "here", Shape(1, 0.5), lambda: parse_cards(LISTED)[:1])
    yield one
    one.close()


def events(reports: list[Report]) -> list[str]:
    return [event for report in reports for event in report.events]


def test_the_training_process_is_told_its_share_of_the_memory(half: TrialRunner) -> None:
    reports = run(half, act="good")
    assert [m["mib"] for r in reports for m in r.epochs] == [8192 - CONTEXT_MIB]
    assert [(m["growth"], m["fraction"]) for r in reports for m in r.epochs] == [(1.0, 0.46)]
    assert events(reports) == []


def test_a_worker_that_cannot_see_memory_says_so_and_trains(half: TrialRunner) -> None:
    half.cards = list
    reports = run(half, act="good")
    assert [m["mib"] for r in reports for m in r.epochs] == [0]
    assert "cannot be told" in events(reports)[0]


def test_a_share_too_small_fails_the_trial_with_that_reason(half: TrialRunner) -> None:
    half.cards = lambda: [Card("0", "GPU-1", 1024, 1024)]
    end = run(half, act="good")[-1].end
    assert end is not None
    assert (end.state, "Raise --gpus-per-trial" in str(end.error)) == (TrialState.FAILED, True)
    half.cards = lambda: parse_cards(LISTED)[:1]
    assert scores(run(half, "00001", act="good")) == [1.0]


@pytest.mark.slow  # TensorFlow's import
def test_memory_that_runs_out_fails_that_trial_with_its_batch_size_and_replaces_the_process(half: TrialRunner) -> None:
    reports = run(half, act="absurd", batch_size=128)
    end = reports[-1].end
    assert end is not None
    assert (end.state, end.out_of_memory) == (TrialState.FAILED, True)
    assert str(end.error).startswith("out of host memory with batch_size=128; lower batch_size")
    assert [event.partition(" which ")[2] for event in events(reports)] == ["ran out of memory"]
    after = run(half, "00001", act="good")
    assert scores(after) == [1.0]
    assert after[-1].worker != reports[-1].worker


def test_a_process_that_lost_its_gpu_is_replaced_and_the_trial_begun_again(half: TrialRunner, tmp_path: Path) -> None:
    reports = run(half, act="lose once", mark=str(tmp_path / "mark"))
    assert scores(reports) == [1.0]
    assert "lost its GPU (RuntimeError: CUDA_ERROR_ECC_UNCORRECTABLE" in events(reports)[0]


def test_a_worker_whose_gpu_stays_lost_ends_so_that_ray_places_another(half: TrialRunner, tmp_path: Path) -> None:
    with pytest.raises(GpuLost, match="CUDA_ERROR_ECC_UNCORRECTABLE"):
        run(half, act="lose", mark=str(tmp_path / "mark"))


@pytest.mark.parametrize(("free_mib", "starts"), [(1000, False), (15000, True)])
def test_a_process_starts_early_only_where_the_memory_of_its_gpu_is_free(
    half: TrialRunner, free_mib: int, starts: bool
) -> None:
    half.cards = lambda: [Card("0", "GPU-1", 16384, free_mib)]
    half.prepare()
    assert half.has_process == starts
    half.cards = lambda: parse_cards(LISTED)[:1]
    reports = run(half, act="good")
    assert [m["mib"] for r in reports for m in r.epochs] == [8192 - CONTEXT_MIB]
    assert events(reports) == []
