"""The files of a deployment against the program and against their linters; docs/deploy.md tells of them."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assets.deploy import service
from realtime.cli import parse
from realtime.config import Config
from realtime.serving.metrics import COUNTERS, GAUGES, HISTOGRAMS

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "assets" / "deploy"
OVERLAYS = sorted(DEPLOY.glob("compose.*.yaml"))
YAML_FILES = [ROOT / "compose.yaml", *sorted(DEPLOY.rglob("*.yml")), *sorted(DEPLOY.glob("*.yaml"))]
# what compose reads from the environment and has no default for
GIVEN = {"IFDD_NAME": "cam.lan", "IFDD_CERTS": str(ROOT), "IFDD_PUBLISH": "one", "IFDD_VIEWERS": "two"}
LONG_LINES = "{extends: default, rules: {line-length: {max: 130}, document-start: disable, braces: disable, "
YAMLLINT = LONG_LINES + "comments-indentation: disable, comments: {min-spaces-from-content: 1}}}"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def interpolated(text: str) -> str:
    """As compose does it, with what is given and else the defaults."""

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        return GIVEN.get(name, default if kind == ":-" else "")

    return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)


def program_options(words: list[str]) -> Config:
    """The settings that the program makes of them.

    Raises:
        ConfigError: it knows no such option, or the value is none.
    """
    return parse([interpolated(each) for each in words])


def tool(name: str) -> str:
    """A linter's path, in the environment of these tests or on the PATH; skips where there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def passes(*command: str, environment: dict[str, str] | None = None) -> str:
    """Runs a linter that must have nothing to say against; its output."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- the image ---


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments, continued lines put together."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def arguments(name: str) -> list[str]:
    return [rest for word, rest in dockerfile() if word == name]


def test_the_image_takes_what_exists_and_what_dockerignore_lets_through() -> None:
    allowed = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [
        source for rest in arguments("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]
    ]
    assert len(copied) > 6
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, f"{source} is kept out by .dockerignore"
    assert allowed == set(copied), ".dockerignore lets through what is not needed"


def test_the_image_s_commands_are_the_program_s() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    words = json.loads(entry) + json.loads(command)
    assert words[:3] == ["python", "/app/assets/deploy/service.py", "run"]
    assert program_options(words[3:]).source == "demo"
    (health,) = arguments("HEALTHCHECK")
    assert json.loads(health[health.index("[") :]) == [*words[:2], "health"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    (user,) = arguments("USER")
    assert user == "10001:10001"
    # nothing is installed, downloaded or written by the last stage's user, and no model comes from elsewhere
    assert not re.search(r"curl|wget|huggingface|ADD ", (ROOT / "Dockerfile").read_text())
    assert any("-c constraints.txt" in rest for rest in arguments("RUN"))


def test_the_image_has_the_port_that_the_program_listens_at() -> None:
    assert arguments("EXPOSE") == [f"{Config().port}/tcp"]


def test_hadolint_has_nothing_to_say() -> None:
    passes(tool("hadolint"), "--failure-threshold", "info", "Dockerfile")


# --- compose ---


def services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["services"]
    return found


@pytest.mark.parametrize("path", [ROOT / "compose.yaml", *OVERLAYS], ids=lambda path: path.name)
def test_compose_names_what_exists(path: Path) -> None:
    for name, each in services(path).items():
        image = each.get("image", "ifdd-live")
        assert image.startswith("ifdd-live") or re.search(r":v?\d+\.\d+\.\d+$", image), f"{name}: pin {image}"
        for volume in each.get("volumes", []):
            source = re.match(r"(\$\{[^}]*\}|[^:]*)", volume)
            assert source is not None
            if source[0].startswith("."):
                assert (ROOT / source[0]).exists(), volume
        if name == "live" and "command" in each:
            program_options(each["command"])
        assert each.get("privileged") is None


def test_every_service_gives_up_its_rights() -> None:
    for each in [*services(ROOT / "compose.yaml").values(), services(DEPLOY / "compose.sfu.yaml")["sfu"]]:
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["network_mode"] == "host"


def test_without_settings_nothing_listens_beyond_this_machine() -> None:
    found = services(ROOT / "compose.yaml")
    assert program_options(found["live"]["command"]).host == "127.0.0.1"
    assert "--web.listen-address=127.0.0.1:9090" in found["prometheus"]["command"]
    assert found["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.name if path else "alone")
def test_compose_itself_reads_the_files(overlay: Path | None) -> None:
    for name in ("docker-compose", "docker"):
        if shutil.which(name) and (
            name != "docker"
            or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
            == 0
        ):
            break
    else:
        pytest.skip("neither docker-compose nor docker's compose plugin is installed")
    command = [name] if name == "docker-compose" else ["docker", "compose"]
    files = ["-f", "compose.yaml", *(["-f", str(overlay)] if overlay else [])]
    assert "ifdd-live" in passes(*command, *files, "config", environment=GIVEN)


def test_the_sfu_is_fed_by_this_program_and_opens_with_a_password_only() -> None:
    each = services(DEPLOY / "compose.sfu.yaml")
    config = program_options(each["live"]["command"])
    media = read(DEPLOY / "mediamtx.yml")
    assert config.publish == f"https://cam.lan{media['webrtcAddress']}/live/whip"
    assert "live" in media["paths"]
    publisher, viewer, anybody = media["authInternalUsers"]
    assert each["live"]["environment"]["IFDD_PUBLISH_TOKEN"].startswith(f"{publisher['user']}:")
    assert (publisher["permissions"], viewer["permissions"]) == (
        [{"action": "publish", "path": "live"}],
        [{"action": "read", "path": "live"}],
    )
    assert anybody["permissions"] == [{"action": "metrics"}]
    assert set(each["sfu"]["environment"]) == {
        "MTX_AUTHINTERNALUSERS_0_PASS",
        "MTX_AUTHINTERNALUSERS_1_PASS",
    }


# --- Prometheus and Grafana ---


def test_prometheus_reads_what_the_service_writes(tmp_path: Path) -> None:
    state = service.State(tmp_path)
    state.clear()
    state.take("IFDD Live is at http://127.0.0.1:8080  (Ctrl+C ends it)")
    (job,) = read(DEPLOY / "prometheus.yml")["scrape_configs"]
    (files,) = job["file_sd_configs"]
    folder = Path("/run/ifdd-live")
    for path in (*files["files"], job["authorization"]["credentials_file"]):
        assert Path(path).parent == folder
        assert (tmp_path / Path(path).name).exists(), f"the service writes no {path}"
    for each in (services(ROOT / "compose.yaml")[name] for name in ("live", "prometheus")):
        assert any(volume.startswith(f"state:{folder}") for volume in each["volumes"])


def test_alerts_ask_for_metrics_that_exist() -> None:
    known = {f"{name}_total" for name in COUNTERS} | set(GAUGES) | {f"{name}_bucket" for name in HISTOGRAMS}
    rules = [rule for group in read(DEPLOY / "alerts.yml")["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"\bifdd_\w+", rule["expr"])}
    assert len(rules) >= 6
    assert asked <= known, asked - known
    (job,) = read(DEPLOY / "prometheus.yml")["scrape_configs"]
    assert any(f'up{{job="{job["job_name"]}"}}' in rule["expr"] for rule in rules)


def test_promtool_passes_the_configuration_and_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    promtool = tool("promtool")
    text = (DEPLOY / "prometheus.yml").read_text().replace("/run/ifdd-live", str(tmp_path))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    shutil.copy(ROOT / "tests" / "alerts_test.yml", tmp_path)
    (tmp_path / "token").write_text("")
    (tmp_path / "targets.json").write_text("[]")
    passes(promtool, "check", "config", str(tmp_path / "prometheus.yml"))
    passes(promtool, "test", "rules", str(tmp_path / "alerts_test.yml"))


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    found = services(ROOT / "compose.yaml")
    (source,) = read(DEPLOY / "grafana" / "datasource.yml")["datasources"]
    listen = next(each for each in found["prometheus"]["command"] if "listen-address" in each)
    assert source["url"] == f"http://{listen.partition('=')[2]}"
    (provider,) = read(DEPLOY / "grafana" / "dashboards.yml")["providers"]
    folder = provider["options"]["path"]
    assert f"./assets/grafana:{folder}:ro" in found["grafana"]["volumes"]
    home = found["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "assets" / "grafana" / Path(home).relative_to(folder)).exists()


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yamllint_has_nothing_to_say(path: Path) -> None:
    passes(tool("yamllint"), "--strict", "-d", YAMLLINT, str(path))


# --- systemd ---


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "ifdd-live.service").read_text())
    return parser


def test_the_unit_starts_the_program() -> None:
    own = unit()["Service"]
    python, script, verb, *options = shlex.split(own["ExecStart"])
    assert python == "/opt/ifdd-live/.venv/bin/python"
    assert (ROOT / Path(script).relative_to("/opt/ifdd-live")) == Path(service.__file__)
    assert verb == "run"
    assert options[:2] == ["--config", "/etc/ifdd-live.toml"]
    assert program_options(options[2:]).sessions == f"/var/lib/{own['StateDirectory']}"
    assert f"IFDD_STATE=/run/{own['RuntimeDirectory']}" in own["Environment"].split()


def test_the_watchdog_comes_after_the_service_s_own_patience() -> None:
    own = unit()["Service"]
    assert own["Type"] == "notify"
    assert float(own["WatchdogSec"]) >= service.PATIENCE_S + service.PERIOD_S + 2 * service.ANSWER_S
    assert float(own["TimeoutStopSec"]) > service.END_S + service.PERIOD_S


def test_systemd_analyze_has_nothing_to_say_and_few_rights_are_left(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    text = (DEPLOY / "ifdd-live.service").read_text().replace("/opt/ifdd-live/.venv/bin/python", "/bin/true")
    copy = tmp_path / "ifdd-live.service"
    copy.write_text(re.sub(r"SupplementaryGroups=.*\n", "", text))
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert "ifdd-live" not in done.stderr, done.stderr
    found = passes(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", str(copy))
    level = re.search(r"exposure level for ifdd-live.service: ([\d.]+)", found)
    assert level is not None
    assert float(level[1]) <= 2.0


# --- Kubernetes ---


def pods() -> list[dict[str, Any]]:
    (cluster,) = (
        each
        for each in yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
        if each["kind"] == "RayCluster"
    )
    spec = cluster["spec"]
    return [spec["headGroupSpec"]["template"]["spec"]] + [
        each["template"]["spec"] for each in spec["workerGroupSpecs"]
    ]


def test_containers_on_kubernetes_have_no_rights_and_mount_what_there_is() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        volumes = {each["name"] for each in pod["volumes"]}
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert {each["name"] for each in container["volumeMounts"]} <= volumes


def test_the_program_on_kubernetes_gets_options_that_it_knows() -> None:
    (live,) = (each for each in pods()[0]["containers"] if each["name"] == "live")
    assert program_options(live["args"]).inference == "ray"
    assert live["livenessProbe"]["exec"]["command"][1:] == ["/app/assets/deploy/service.py", "health"]


def test_kubernetes_schemas_fit(tmp_path: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for number, pod in enumerate(pods()):
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"}, "spec": pod}
        validate.validate(made, "1.33", strict=True)
    for each in yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text()):
        if not each["apiVersion"].startswith("ray.io"):
            validate.validate(each, "1.33", strict=True)


# --- the document ---


def test_the_document_names_files_and_options_that_exist() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:assets|docs|realtime|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link
    for toml in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        path = ROOT / "docs" / "x.toml"
        assert path.name  # the settings below are the program's own
        for name in re.findall(r"^(\w+) = ", toml, re.MULTILINE):
            assert name in Config.__dataclass_fields__, name
