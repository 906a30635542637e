"""The files of `deploy/`, checked with the programs that read them if these are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fastback.config.definitions import KEY_DEFINITIONS
from fastback.config.key import DerivedDefault
from fastback.providers.http_client import _has_environment_settings as has_environment_settings
from fastback.server import CLOSING_SECONDS
from fastback.settings.process_settings import get_setting_fields

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "fastback.service").read_text(encoding="utf-8")
    command = shutil.which("true")
    # The program is not installed at this path while tests run; other programs in the unit may be missing, too.
    text = re.sub(r"^(Exec\w+=)/opt/fastback/bin/fastback", rf"\1{command}", text, flags=re.MULTILINE)
    unit = tmp_path / "fastback.service"
    unit.write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Failed to initialize" in result.stderr or "Failed to connect" in result.stderr:
        pytest.skip("systemd is not running")
    assert [line for line in result.stderr.splitlines() if "fastback" in line] == []


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("name", ["nginx.conf", "nginx-cluster.conf"])
def test_nginx_accepts_the_site(tmp_path: Path, name: str) -> None:
    (tmp_path / "logs").mkdir()
    config_file = tmp_path / "nginx.conf"
    site = (DEPLOY / name).read_text(encoding="utf-8")
    site = re.sub(r"listen 80\b", "listen 127.0.0.1:18080", site)
    site = re.sub(r"server node(\d):8080", r"server 127.0.0.\1:8080", site)
    temp_paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config_file.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temp_paths}{site}\n}}\n"
    )
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(config_file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["nginx.conf", "nginx-cluster.conf"])
def test_the_site_forwards_what_the_server_needs(name: str) -> None:
    site = (DEPLOY / name).read_text(encoding="utf-8")
    for line in (
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $fastback_connection;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Request-Id $request_id;",
        "proxy_buffering off;",
        "proxy_request_buffering off;",
        "location = /metrics {",
    ):
        assert line in site
    largest = re.search(r"client_max_body_size (\d+)m;", site)
    assert largest is not None
    assert int(largest[1]) >= 128


def load_manifests() -> list[dict[str, Any]]:
    """Return the objects of Kubernetes."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "fastback.yaml").read_text(encoding="utf-8")))


def test_objects_of_kubernetes_belong_together() -> None:
    objects = {document["kind"]: document for document in load_manifests()}
    assert set(objects) == {
        *("ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "Ingress", "NetworkPolicy"),
    }, "and no Secret"
    template = objects["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    for selector in (
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (container,) = template["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/health"
    grace = float(objects["ConfigMap"]["data"]["FASTBACK_SHUTDOWN_GRACE_SECONDS"])
    assert template["spec"]["terminationGracePeriodSeconds"] >= grace + 5 + CLOSING_SECONDS
    user = template["spec"]["securityContext"]["runAsUser"]
    assert f"--uid {user} " in (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_cluster_of_compose_is_whole() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    cluster = {name for name, service in services.items() if "cluster" in service.get("profiles", ())}
    assert cluster == set(services) - {"fastback"} == {"node1", "node2", "proxy", "postgres", "redis"}
    assert services["node1"] == services["node2"]
    site = (DEPLOY / "nginx-cluster.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"server (\w+):8080", site)) == set(services["proxy"]["depends_on"])
    node = services["node1"]
    grace = float(node["environment"]["FASTBACK_SHUTDOWN_GRACE_SECONDS"])
    assert int(node["stop_grace_period"].removesuffix("s")) >= grace + CLOSING_SECONDS
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {volume for volume in volumes if not volume.startswith(".")} == set(compose["volumes"])


def test_variables_of_the_examples_exist() -> None:
    existing = {variable for field in get_setting_fields().values() for variable in field.variables}
    for key in KEY_DEFINITIONS.values():
        existing |= {*key.variables, *(key.fallback.variables if isinstance(key.fallback, DerivedDefault) else ())}
    example = (DEPLOY / "fastback.env.example").read_text(encoding="utf-8")
    mentioned = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    unit = (DEPLOY / "fastback.service").read_text(encoding="utf-8")
    assignments = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
    mentioned |= {pair.partition("=")[0] for line in assignments for pair in line.split()}
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text(encoding="utf-8"))
    for name in ("fastback", "node1"):
        mentioned |= set(compose["services"][name]["environment"])
    for document in load_manifests():
        mentioned |= set(document.get("data", ())) if document["kind"] == "ConfigMap" else set()
    assert len(mentioned) > 20
    assert mentioned - existing == set()


def test_a_home_directory_of_another_user_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.stat", refuse)
    assert has_environment_settings() is False


def test_the_image_has_everything_that_it_copies_and_runs_the_entrypoint() -> None:
    """No container engine runs here: check the names that the Dockerfile, its ignore file and the entrypoint share."""
    root = DEPLOY.parent
    lines = (root / "Dockerfile").read_text(encoding="utf-8").splitlines()
    sources = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(sources) == allowed
    assert all((root / name).exists() for name in sources)
    entrypoint = DEPLOY / "entrypoint.sh"
    assert entrypoint.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(entrypoint)], check=True, timeout=20)
    compose = yaml.safe_load((root / "compose.yaml").read_text(encoding="utf-8"))
    data = next(line.split()[1] for line in lines if line.startswith("VOLUME "))
    assert compose["services"]["fastback"]["volumes"] == [f"data:{data}"]
    assert f"DATA_DIR={data}" in "\n".join(lines)
