"""The picture of docs/architecture.md as values: which room stands above which, and the order of files in each."""

LAYERS = (
    {"use"},
    {""},
    {"run", "from_python"},
    {"carry_out", "keywords", "packing"},
    {"cluster"},
    {"driver"},
    {"screen"},
    {"planning", "trial"},
    {"warm_start"},
    {"sampling", "experiment"},
    {"space", "stopping"},
    {"goals", "population", "parsing"},
    {"errors", "wording", "console"},
)
"""The rooms of search/, from the top down: each imports only rooms that stand below its own line. "" is its door."""

ORDER_INSIDE = {
    "search.cluster": "execution scheduler searcher worker nodes closing connection local watchdog interrupts",
    "search.cluster.nodes": "checks fork_servers capacity calls",
    "search.cluster.local": "daemons absent_agent",
    "search.driver": "workers search trial_queue population recorder kept_models history ranking rows trials giving_up",
    "search.screen": "dry_run measured listing summary page live_view notebook_view snapshot",
    "search.driver.population": "members explore",
    "search.driver.workers": "dispatch ahead dispatched placement",
    "search.planning": "make_plan checks resuming provenance plan dataset overrides smoke options resources",
    "search.planning.options": "parse fields values",
    "search.trial": "runner process forking child attempt reads checkpoints messages out_of_memory gpu orphans",
    "search.trial.forking": "server forked launch sockets",
    "search.sampling": "sampling proposals drawing samplers multi_fidelity model thinned journal translation "
    "functions declared",
    "search.sampling.model": "expected_improvement gaussian_process learning_curves random_values encoding",
    "search.experiment": "again disk folder trackers schema parts remote existing damage manifest states lock atomic",
    "search.experiment.trackers": "tracking tensorboard mlflow wandb tracker names",
    "search.experiment.remote": "copy mirror claim resumable store",
    "search.space": "server loading building unloaded written definition conditions per_trial pinned_function "
    "parameters values",
    "search.space.building": "space_process hypermodel exploration",
    "search.stopping": "enough expectation rules intervals decision fidelity",
    "search.use": "__main__ card predict refit ensemble export reproduce stored_trial fetched",
    "trainables": "hypermodel tailored finished image_classifier training backbones own_models networks compiled "
    "engines settings datasets branin data setting_table trial wording errors durable",
    "trainables.finished": "formats measure ensemble classifier",
    "trainables.networks": "build plain_stacks inception two_conv resnet convolution head augmentation",
    "trainables.backbones": "whole pieces extractor head features network",
    "trainables.training": "regimes fitting growth users_fit stepwise prepared checkpoint early_stopping outcome "
    "tables",
    "trainables.engines": "keras_fit users_callbacks mixing contract initial_weights runtime layers device batches "
    "classes seeds",
    "trainables.datasets": "load find locate arrays photos containers settings decoded catalogue download splits "
    "names cache progress",
    "trainables.settings": "checks changes hyperparameters normalization image regimes weights backbones networks",
    "trainables.own_models": "choice exchange compile_settings endings saved_models model_files keras_state reuse "
    "followed",
    "trainables.compiled": "kept_programs program objective eligible chunks optimizers schedules",
    "trainables.datasets.containers": "opening tar_file folder zip_file container",
    "trainables.datasets.arrays": "not_finite npz functions examples given",
    "trainables.datasets.photos": "source parallel layout roles wording resize picture identical",
    "analysis": "report figures compare export tables findings numbers listing configurations load statistics stored "
    "wording command",
    "analysis.wording": "terminal formats columns",
    "analysis.report": "__main__ live page pictures words",
    "analysis.report.live": "server answers details trial_rows drawn standing folder plain",
    "analysis.figures": "schedules timeline classes sample_size bars parameters progress front tradeoff curves "
    "__main__ drawing",
    "analysis.numbers": "importance expected by_epoch classes",
    "analysis.stored": "source casts manifest journal",
    "analysis.figures.parameters": "parallel settings contour important slices",
    "analysis.figures.drawing": "scales surface style fonts",
    "benchmarks": "start crashes scale profile_driver one_process real overhead simulator samplers transfer analysis "
    "stopping_rules epoch fidelity objectives measuring peers spaces",
    "benchmarks.measuring": "scale_cell where command printed contestants data",
    "benchmarks.start": "__main__ stations",
    "benchmarks.one_process": "images population search",
    "benchmarks.real": "__main__ figure results timed systems keras_tuner_hyperband optuna_hyperband ray_asha problem",
    "benchmarks.simulator": "warm_start compare variants product peers costly report design plain_networks clock "
    "tables task",
    "benchmarks.simulator.peers": "installed optuna_study ray_tune keras_tuner_oracle syne_tune flat",
    "benchmarks.simulator.variants": "thaw curve_model",
    "benchmarks.simulator.tables": "make trained nearest stored",
    "benchmarks.peers": "bare_program tune_optuna keras_tuner_random optuna_alone bare_keras tune_nothing digits "
    "record",
    "benchmarks.spaces": "frozen_backbone nothing hartmann digits_cnn real_mnist real_digits "
    "table_digits table_fashion population_digits_alone population_digits",
}
"""The files and rooms of each room, from the top down: each imports only those that stand behind it."""

ORDERED = ("search", "trainables", "analysis", "benchmarks")
FILES_IN_A_ROOM = 11
