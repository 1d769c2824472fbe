"""The cluster files: what Ray and KubeRay accept, and what this project promises about every node."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml

ROOT = Path(__file__).parents[2]
LAUNCHED = {name: ROOT / name for name in ("cluster.yaml", "cluster/gcp.yaml", "cluster/on_premise.yaml")}
"""Files for the cluster launcher, `ray up`."""

KUBERAY_FIELDS = {
    "RayJobSpec": """activeDeadlineSeconds backoffLimit clusterSelector deletionStrategy entrypoint entrypointNumCpus
        entrypointNumGpus entrypointResources jobId managedBy metadata rayClusterSpec runtimeEnvYAML
        shutdownAfterJobFinishes submissionMode submitterConfig submitterPodTemplate suspend ttlSecondsAfterFinished""",
    "RayClusterSpec": """authOptions autoscalerOptions enableInTreeAutoscaling gcsFaultToleranceOptions headGroupSpec
        headServiceAnnotations managedBy rayVersion suspend workerGroupSpecs""",
    "AuthOptions": "mode",
    "AutoscalerOptions": """env envFrom idleTimeoutSeconds image imagePullPolicy resources securityContext upscalingMode
        version volumeMounts""",
    "HeadGroupSpec": "enableIngress headService rayStartParams serviceType template",
    "WorkerGroupSpec": """groupName idleTimeoutSeconds maxReplicas minReplicas numOfHosts rayStartParams replicas
        scaleStrategy suspend template""",
    "Container": """args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe
        resources securityContext startupProbe volumeMounts workingDir""",
}
"""The fields of ray.io/v1 as of KubeRay 1.6 (https://ray-project.github.io/kuberay/reference/api/), and of a container
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container)."""


def load(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    return config


def kuberay() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "cluster/kuberay.yaml").read_text())
    return {document["kind"]: document["spec"] for document in documents}


def start_commands(config: dict[str, Any]) -> list[str]:
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    return [command for command in commands if "ray start" in command]


def assert_fields(kind: str, spec: dict[str, Any]) -> None:
    assert spec.keys() <= set(KUBERAY_FIELDS[kind].split()), kind


@pytest.fixture(params=LAUNCHED)
def launched(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(LAUNCHED[request.param])


def test_file_fits_the_schema_that_ray_ships(launched: dict[str, Any]) -> None:
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(launched, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**launched, "idle_timeout": 5}, schema)


def test_file_fits_the_schema_with_the_defaults_that_ray_adds(launched: dict[str, Any]) -> None:
    # `ray up` checks the same two steps; Ray has no public name for them.
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(launched))


def test_every_node_asks_for_the_token_and_has_it(launched: dict[str, Any]) -> None:
    starts = start_commands(launched)
    assert len(starts) == 2
    assert all(command.index("RAY_AUTH_MODE=token") < command.index("ray start") for command in starts)
    assert any(remote.endswith("/.ray/auth_token") for remote in launched["file_mounts"])
    assert "chmod 600 ~/.ray/auth_token" in launched["setup_commands"][0]


def test_dashboard_listens_on_the_head_alone(launched: dict[str, Any]) -> None:
    heads = [command for command in start_commands(launched) if "--head" in command]
    assert heads
    assert all("--dashboard-host=127.0.0.1" in command for command in heads)


def test_job_that_is_stopped_has_time_to_save(launched: dict[str, Any]) -> None:
    # Ray kills a job three seconds after `ray job stop`; closing a search waits five for running epochs alone.
    heads = [command for command in start_commands(launched) if "--head" in command]
    assert all("RAY_JOB_STOP_WAIT_TIME_S=60" in command for command in heads)


def test_no_port_is_opened_beyond_ssh(launched: dict[str, Any]) -> None:
    assert "security_group" not in launched["provider"]  # Ray's own rule: SSH from outside, all ports inside.
    assert "0.0.0.0" not in yaml.safe_dump(launched)


def test_nodes_install_this_project_from_files_that_exist(launched: dict[str, Any]) -> None:
    installs = [command for command in launched["setup_commands"] if "pip install" in command and "-e" in command]
    assert installs
    local = [path for path in launched["file_mounts"].values() if not path.startswith("~")]
    assert {"pyproject.toml", "README.md", "search", "trainables", "spaces", "analysis"} == set(local)
    assert all((ROOT / path).exists() for path in local)


def test_extras_that_are_installed_are_declared() -> None:
    declared = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    texts = [path.read_text() for path in [*LAUNCHED.values(), ROOT / "cluster/Dockerfile"]]
    named = {extra for text in texts for found in re.findall(r"-e \S*\[([\w,]+)\]", text) for extra in found.split(",")}
    assert named == {"cluster", "gpu"}
    assert named <= set(declared)


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster/gcp.yaml"])
def test_cloud_workers_start_from_none_are_spot_and_have_a_gpu(name: str) -> None:
    config = load(LAUNCHED[name])
    worker, head = config["available_node_types"]["gpu_worker"], config["available_node_types"]["head"]
    assert config["head_node_type"] == "head"
    assert head["resources"] == {"CPU": 0}
    assert worker["min_workers"] == 0 < worker["max_workers"] == config["max_workers"]
    assert "spot" in json.dumps(worker["node_config"]).lower()
    assert 0 < config["idle_timeout_minutes"] <= 10


def test_rayjob_has_only_fields_that_kuberay_knows() -> None:
    job = kuberay()["RayJob"]
    cluster = job["rayClusterSpec"]
    assert_fields("RayJobSpec", job)
    assert_fields("RayClusterSpec", cluster)
    assert_fields("AuthOptions", cluster["authOptions"])
    assert_fields("AutoscalerOptions", cluster["autoscalerOptions"])
    assert_fields("HeadGroupSpec", cluster["headGroupSpec"])
    for group in cluster["workerGroupSpecs"]:
        assert_fields("WorkerGroupSpec", group)
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        for container in group["template"]["spec"]["containers"]:
            assert_fields("Container", container)


def test_rayjob_asks_for_the_token_and_is_closed_to_others() -> None:
    documents = kuberay()
    cluster = documents["RayJob"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert f"rayproject/ray:{cluster['rayVersion']}-" in (ROOT / "cluster/Dockerfile").read_text()
    assert cluster["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert documents["NetworkPolicy"]["policyTypes"] == ["Ingress"]
    assert documents["RayJob"]["shutdownAfterJobFinishes"]


def test_rayjob_workers_start_from_none_and_share_storage_with_the_head() -> None:
    cluster = kuberay()["RayJob"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"]) == (0, 0)
    (worker,), (head,) = (g["template"]["spec"]["containers"] for g in (group, cluster["headGroupSpec"]))
    assert worker["volumeMounts"] == head["volumeMounts"]
    assert worker["image"] == head["image"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
