"""Runs where the search was started and leads the cluster: the only room that imports Ray."""

import logging
import os

# Ray and Tune read these when they are imported or started. Results are ours to store and to show.
_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Our own folder is the durable state.
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1000000000",
    "TUNE_RESULT_BUFFER_LENGTH": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "PL_DISABLE_FORK": "1",  # Tune sets it for its workers: with Lightning a fork may hang.
    "RAY_worker_niceness": "0",  # Its training waits for a worker, which only passes messages on.
    "RAY_prestart_worker_first_driver": "0",  # Spare processes that no actor takes, half a second of a core each.
}
os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
logging.getLogger("ray.widgets").setLevel(logging.ERROR)  # In a notebook Ray asks for widgets, which nothing here uses.
