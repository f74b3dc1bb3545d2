"""The files in container/ agree with the service and with the repository; no container is built here."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tsforecast.access.auth import OPEN_PATHS
from tsforecast.serving.telemetry import Telemetry

CONTAINER = Path(__file__).parents[2] / "container"
ROOT = CONTAINER.parent
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()


def test_the_dashboard_shows_figures_that_the_service_has():
    pytest.importorskip("prometheus_client")
    dashboard = json.loads((CONTAINER / "grafana/dashboards/tsforecast.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    page = Telemetry().text(
        waiting=0, version="v0001", intervals={"nominal": 0.9, "observed": 0.9, "truths": 1}
    )
    families = set(re.findall(r"# TYPE (\w+) ", page.decode()))
    families |= {f"{name}_bucket" for name in families}
    used = {name for text in expressions for name in re.findall(r"tsforecast_\w+", text)}
    assert len(used) >= 10
    assert used <= families


def test_what_is_copied_is_in_the_repository_and_in_the_context():
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    sources = []
    for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE):
        sources += line.split()[:-1]
    assert {"tsforecast", "conf", "experiments", "setup.py", "requirements.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in sent


def test_the_extras_exist():
    stated = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")[2]
    for names in re.findall(r"EXTRAS=([\w,]+)", DOCKERFILE):
        for name in names.split(","):
            assert f"\n{name} = [" in stated


def test_the_container_serves_without_root_and_says_how_it_is():
    assert "USER tsforecast" in DOCKERFILE
    assert DOCKERFILE.index("USER tsforecast") < DOCKERFILE.index("ENTRYPOINT")
    (path,) = re.findall(r"urlopen\('http://127\.0\.0\.1:8000(/\w+)'", DOCKERFILE)
    assert path in OPEN_PATHS
    default = yaml.safe_load((ROOT / "conf/job/serve.yaml").read_text())["serve"]["port"]
    assert f"EXPOSE {default}" in DOCKERFILE


def test_the_services_mount_files_that_exist_and_share_the_token():
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("../") or (CONTAINER / source).exists()
    scrape = yaml.safe_load((CONTAINER / "prometheus.yaml").read_text())["scrape_configs"][0]
    token = scrape["authorization"]["credentials_file"]
    assert f"serve.token_file={token}" in compose["services"]["serve"]["command"]
    assert compose["services"]["prometheus"]["secrets"] == ["token"]
    source = yaml.safe_load((CONTAINER / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    dashboard = json.loads((CONTAINER / "grafana/dashboards/tsforecast.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["datasources"][0]["uid"]}
