"""A search whose trials end in every way, for what is told of it elsewhere."""

from search.experiment.manifest import write_manifest
from search.experiment.states import TrialState
from search.experiment.trackers import Tracking
from search.trial.messages import TrialSpec
from tests.support.search_world import World

STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED, TrialState.COMPLETE)


def logged_to(name: str, world: World) -> dict[str, TrialSpec]:
    """The trials of a search that was logged to that tracker while it ran, and has ended."""
    world.experiment.tracking = Tracking([name], world.experiment.root)
    specs = searched(world)
    assert world.experiment.tracking.close() == []
    world.close()
    return specs


def searched(world: World) -> dict[str, TrialSpec]:
    """Four trials that end in four ways, and a fifth that is cut off."""
    specs = {}
    for state in STATES:
        spec = world.start()
        specs[spec.trial_id] = spec
        for epoch in (1, 2):
            world.epoch(spec, epoch, epoch / 2)
        world.end(spec, state, error="no" if state is TrialState.FAILED else None)
    cut_off = world.start()
    world.epoch(cut_off, 1, 0.5)
    world.search.recorder.close()
    model = world.experiment.models / "best.keras"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_text("weights")
    best = {"trial_id": "00000", "model": "models/best.keras"}
    write_manifest(world.experiment.root, {"name": "e", "best": best})
    return specs
