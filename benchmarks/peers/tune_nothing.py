"""Ray Tune with trials that do nothing, workers reused as its guides have it; --optuna for OptunaSearch."""

from __future__ import annotations

import json
import tempfile
import time
from typing import Any

import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.peers.record import arguments


def train(config: dict[str, Any]) -> None:
    """Run one trial, which does nothing."""
    tune.report({"value": config["x"]})


class Ends(tune.Callback):
    """Notes when trials end, and in which process; the copy that Tune pickles notes nothing."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, int]] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"ends": []}

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the end of a trial."""
        self.ends.append((time.time(), int(trial.last_result["pid"])))


def main() -> None:
    """Run the trials."""
    parser = arguments(__doc__)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--optuna", action="store_true", help="with OptunaSearch")
    options = parser.parse_args()
    ends = Ends()
    ray.init(address="local", num_cpus=options.slots, include_dashboard=False, log_to_driver=False)
    search = OptunaSearch(metric="value", mode="min") if options.optuna else None
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                search_alg=search,
                num_samples=options.trials,
                max_concurrent_trials=options.slots if options.optuna else None,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=folder, callbacks=[ends], verbose=0),
        ).fit()
        ray.shutdown()
    options.output.write_text(json.dumps({"ends": ends.ends}), encoding="utf-8")


if __name__ == "__main__":
    main()
