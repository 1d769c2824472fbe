"""The floor with this system's own compiled programs: the arithmetic of the trials in a loop, no search around it.

One core for each process, as in a search; the benchmark starts one process for each core.
"""

from __future__ import annotations

from benchmarks.peers import digits
from benchmarks.peers.record import Record, arguments
from benchmarks.spaces.digits_cnn import space
from trainables.compiled.chunks import chunks
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.engines.seeds import order_of_epoch
from trainables.trial import Trial


def main() -> None:
    """Run the trials."""
    parser = arguments(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the configurations")
    options = parser.parse_args()
    configure(cpus=1)
    from trainables.training.prepared import prepared_program  # noqa: PLC0415  # behind `configure`

    data = load_data({"dataset": "digits"}, Trial())
    record = Record()
    for config in digits.random_configurations(options.trials, options.seed):
        best = 0.0
        with prepared_program({**space.fixed, **config}, data, seed=0) as program:
            for epoch in range(1, digits.EPOCHS + 1):
                program.seed_layers(0, epoch)
                order = order_of_epoch(0, epoch, len(data.train))
                program.train(chunks(data.train, digits.BATCH_SIZE, order), digits.BATCH_SIZE)
                _, accuracy, _ = program.evaluate(chunks(data.validation, 128), 128)
                best = max(best, accuracy)
        record.add(best)
    record.write(options.output)


if __name__ == "__main__":
    main()
