"""What lies in `deploy/`, as far as the programs that read it are here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fastback.config.definitions import KEY_DEFINITIONS
from fastback.config.key import DerivedDefault
from fastback.settings.process_settings import get_setting_fields

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = (DEPLOY / "fastback.service").read_text(encoding="utf-8")
    command = shutil.which("true")
    # The program is not installed there while tests run; who else stands in the unit may be missing, too.
    text = re.sub(r"^(Exec\w+=)/opt/fastback/bin/fastback", rf"\1{command}", text, flags=re.MULTILINE)
    unit = tmp_path / "fastback.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Failed to initialize" in done.stderr or "Failed to connect" in done.stderr:
        pytest.skip("systemd does not run here")
    assert [line for line in done.stderr.splitlines() if "fastback" in line] == []


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not here")
def test_the_site_is_one_that_nginx_takes(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    whole = tmp_path / "nginx.conf"
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("listen 80;", "listen 127.0.0.1:18080;")
    places = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{places}{site}\n}}\n"
    )
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(whole)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_site_lets_through_what_the_server_needs() -> None:
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for line in (
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $fastback_connection;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Request-Id $request_id;",
        "proxy_buffering off;",
    ):
        assert line in site
    largest = re.search(r"client_max_body_size (\d+)m;", site)
    assert largest is not None
    assert int(largest[1]) >= 128


def test_variables_of_the_examples_exist() -> None:
    known = {variable for field in get_setting_fields().values() for variable in field.variables}
    for key in KEY_DEFINITIONS.values():
        known |= {*key.variables, *(key.fallback.variables if isinstance(key.fallback, DerivedDefault) else ())}
    example = (DEPLOY / "fastback.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    unit = (DEPLOY / "fastback.service").read_text(encoding="utf-8")
    given = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
    named |= {pair.partition("=")[0] for line in given for pair in line.split()}
    assert len(named) > 8
    assert named - known == set()
