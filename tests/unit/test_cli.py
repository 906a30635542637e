"""The commands in a shell: their output, its streams and the exit codes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastback import REFERENCE_VERSION, __version__
from fastback.cli import main
from fastback.schema.revision import REVISION

ROOT = Path(__file__).parents[2]


def _build_environment(home: Path, **more: str) -> dict[str, str]:
    """Return the variables of a shell that sets nothing else; its cache has no frontend."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "src"),
        "FASTBACK_CACHE_DIR": str(home / "cache"),
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_OPENAI_API": "false",
        **more,
    }


def run_fastback(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastback", *arguments],
        cwd=home,
        env=_build_environment(home, **env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def require_refusal(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Require exit code 1 and a single line on stderr that names the problem, without a traceback."""
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("fastback: ")
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def used_port() -> Iterator[str]:
    """Return a port on which another socket listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


def _find_free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "COMMAND"),
        (("dance",), "invalid choice: 'dance'"),
        (("serve", "--colour", "red"), "unrecognized arguments: --colour red"),
        (("serve", "--port", "99999"), "'99999' is not a port"),
        (("serve", "--port", "http"), "'http' is not a port"),
        (("demo", "--rate", "fast"), "'fast' is not a number of tokens per second"),
        (("demo", "--rate", "-3"), "'-3' is not a number of tokens per second"),
        (("demo", "--rate", "nan"), "'nan' is not a number of tokens per second"),
        (("help", "dance"), "there is no command 'dance'"),
    ],
)
def test_invalid_arguments_are_usage_errors(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run_fastback(tmp_path, *arguments)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_version_names_both_programs(tmp_path: Path) -> None:
    for argument in ("version", "--version"):
        result = run_fastback(tmp_path, argument)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"fastback {__version__} (Open WebUI {REFERENCE_VERSION})\n"


def test_help_describes_all_commands_and_each(tmp_path: Path) -> None:
    assert "serve" in run_fastback(tmp_path, "help").stdout
    assert "--data-dir" in run_fastback(tmp_path, "help", "serve").stdout


@pytest.mark.parametrize("command", ["settings", "routes", "version"])
def test_a_closed_pipe_ends_a_command_without_a_traceback(tmp_path: Path, command: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", command],
        cwd=tmp_path,
        env=_build_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == 141


def test_an_invalid_version_of_the_frontend_is_refused_first(tmp_path: Path) -> None:
    require_refusal(run_fastback(tmp_path, "frontend", "--version", "nonsense"), "'nonsense' is not a version")


def test_version_loads_nothing_of_the_server(tmp_path: Path) -> None:
    program = "import sys; from fastback.cli import main; main(['version']); print(sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=_build_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for heavy in ("aiohttp", "uvicorn", "starlette", "socketio", "asyncpg", "redis"):
        assert f"'{heavy}'" not in result.stdout


def test_a_port_in_use_is_named(tmp_path: Path, used_port: str) -> None:
    require_refusal(
        run_fastback(tmp_path, "serve", "--host", "127.0.0.1", "--port", used_port, "--data-dir", "home"),
        f"cannot listen on 127.0.0.1:{used_port}",
        "in use; stop the program that uses it, or choose another port: PORT=8081",
    )


def test_the_demo_refuses_a_port_in_use(tmp_path: Path, used_port: str) -> None:
    arguments = ("demo", "--host", "127.0.0.1", "--port", used_port, "--data-dir", "home")
    require_refusal(run_fastback(tmp_path, *arguments), f"cannot listen on 127.0.0.1:{used_port}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "abc"), ("PORT", "70000"), ("DATABASE_URL", "mysql://x/y"), ("FASTBACK_UMASK", "rw")],
)
def test_an_invalid_variable_is_named(tmp_path: Path, variable: str, value: str) -> None:
    require_refusal(run_fastback(tmp_path, "serve", "--data-dir", "home", **{variable: value}), variable)


def test_an_option_wins_over_its_variable(tmp_path: Path, used_port: str) -> None:
    (tmp_path / ".env").write_text("PORT=1\nHOST=127.0.0.1\n")
    require_refusal(
        run_fastback(tmp_path, "serve", "--port", used_port, "--data-dir", "home", PORT="2"), f"127.0.0.1:{used_port}"
    )
    require_refusal(run_fastback(tmp_path, "serve", "--data-dir", "home", PORT=used_port), f"127.0.0.1:{used_port}")


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    require_refusal(
        run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home"),
        f"{tmp_path / 'home'} is a file; name a directory",
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a path where even root cannot create a directory")
def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    require_refusal(
        run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "/proc/fastback"), "/proc/fastback"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_data_directory_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    require_refusal(run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home"), str(home))


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "webui.db").write_bytes(b"a shopping list, and not a database" * 100)
    before = (home / "webui.db").read_bytes()
    require_refusal(
        run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home"), "webui.db", "not a database"
    )
    assert (home / "webui.db").read_bytes() == before


def _create_foreign_database(home: Path) -> Path:
    home.mkdir()
    path = home / "webui.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        db.execute("INSERT INTO alembic_version VALUES ('feedfacecafe')")
    db.close()
    return path


def test_a_database_at_another_revision_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = _create_foreign_database(tmp_path / "home")
    require_refusal(
        run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home"),
        "feedfacecafe",
        REVISION,
        "start Open WebUI 0.12.4 on it once",
    )
    with sqlite3.connect(path) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    db.close()
    assert tables == [("alembic_version",)]


def test_a_postgres_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    url = f"postgresql://somebody:secret-word@127.0.0.1:{_find_free_port()}/chats"
    variables = {"DATABASE_URL": url, "FASTBACK_DATABASE_START_WAIT": "0"}
    result = run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home", **variables)
    require_refusal(result, "cannot connect to PostgreSQL")
    assert "secret-word" not in result.stderr


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"DATABASE_URL": "fastback:hush@db/chats"}, ["DATABASE_URL", "no URL"]),
        ({"DATABASE_URL": "postgresql://fastback:hush@db:port/chats"}, ["cannot connect to PostgreSQL"]),
        ({"DATABASE_URL": "postgresql://fastback:hush@nowhere.invalid/chats"}, ["cannot connect to PostgreSQL"]),
        ({"DATABASE_URL": "sqlite:////"}, ["SQLite"]),
        ({"REDIS_URL": "hush"}, ["REDIS_URL"]),
        ({"AIOHTTP_CLIENT_SSL_CERT_FILE": "none.pem"}, ["AIOHTTP_CLIENT_SSL_CERT_FILE", "none.pem"]),
        ({"DATABASE_SQLITE_PRAGMA_SYNCHRONOUS": "hush"}, ["DATABASE_SQLITE_PRAGMA_SYNCHRONOUS"]),
        ({"HOST": "nowhere.invalid"}, ["cannot listen on nowhere.invalid"]),
        ({"HOST": "203.0.113.7"}, ["cannot listen on 203.0.113.7", "HOST must be an address of this machine"]),
    ],
)
def test_an_invalid_setting_is_one_line_without_a_secret(
    tmp_path: Path, variables: dict[str, str], parts: list[str]
) -> None:
    variables = {"FASTBACK_DATABASE_START_WAIT": "0", **variables}
    result = run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home", **variables)
    require_refusal(result, *parts)
    if "hush" in str(variables.get("DATABASE_URL")):
        assert "hush" not in result.stderr


def test_a_database_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    run_fastback(tmp_path, "doctor", "--data-dir", "home")
    _create_foreign_database(tmp_path / "home")
    (tmp_path / "home" / "webui.db").unlink()
    (tmp_path / "home" / "webui.db").mkdir()
    require_refusal(run_fastback(tmp_path, "serve", "--port", _find_free_port(), "--data-dir", "home"), "webui.db")


def test_several_processes_need_redis_and_postgres(tmp_path: Path) -> None:
    arguments = ["serve", "--port", _find_free_port(), "--data-dir", "home", "--workers", "4"]
    require_refusal(run_fastback(tmp_path, *arguments), "UVICORN_WORKERS=4 needs PostgreSQL", "DATABASE_URL")
    address = {"DATABASE_URL": "postgresql://fastback@127.0.0.1:9/chats"}
    require_refusal(run_fastback(tmp_path, *arguments, **address), "UVICORN_WORKERS=4 needs Redis", "REDIS_URL")


def _read_start_log(home: Path, **env: str) -> str:
    """Return the log of a server from its start until it is ready."""
    port = _find_free_port()
    arguments = ["serve", "--host", "127.0.0.1", "--port", port, "--data-dir", "home"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", *arguments],
        cwd=home,
        env=_build_environment(home, **env),
        stderr=subprocess.PIPE,
        text=True,
    )
    log = ""
    try:
        assert process.stderr is not None
        for line in process.stderr:
            log += line
            if "ready on" in line:
                break
    finally:
        process.terminate()
        process.wait(20)
        if process.stderr is not None:
            process.stderr.close()
    return log


def test_the_first_start_says_what_to_do_next(tmp_path: Path) -> None:
    port = _find_free_port()
    variables = {"ENABLE_OLLAMA_API": "true", "ENABLE_OPENAI_API": "true", "PORT": port, "HOST": "127.0.0.1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", "serve"],
        cwd=tmp_path,
        # The default addresses are asked and refuse the connection: of the proxy, as no test may reach OpenAI.
        env=_build_environment(
            tmp_path, **variables, HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9"
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line.split(" ", 1)[1].strip())
        if "connect a model server" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=20)[1]
    start = next(number for number, line in enumerate(lines) if "ready on" in line)
    address = f"http://127.0.0.1:{port}"
    assert lines[start:] == [
        f"INFO    ready on {address}",
        f"INFO    open {address} in a browser and create the first account, which becomes the administrator",
        "INFO    connect a model server there: Admin Panel, Settings, Connections",
    ]
    assert "index" not in "".join(lines) and "listing models" not in rest
    assert process.returncode == 0


def test_the_demo_has_its_own_data_and_prints_one_address(tmp_path: Path) -> None:
    port = _find_free_port()
    variables = {"DATA_DIR": str(tmp_path / "mine"), "DATABASE_URL": f"sqlite:///{tmp_path}/mine/webui.db"}
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", "demo", "--host", "127.0.0.1", "--port", port],
        cwd=tmp_path,
        env=_build_environment(tmp_path, FRONTEND_BUILD_DIR=_create_frontend(tmp_path), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    rest, log = process.communicate(timeout=20)
    text = f"The demo is ready: open http://127.0.0.1:{port}, create an account, and chat with demo-small.\n"
    assert (line, rest, log) == (text, "", "")
    assert (tmp_path / "demo-data" / "webui.db").exists() and not (tmp_path / "mine").exists()


def _create_frontend(home: Path) -> str:
    """Create a frontend of one page, and return its path."""
    (home / "page").mkdir()
    (home / "page" / "index.html").write_text("<html></html>")
    return str(home / "page")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads which libraries the process has loaded")
@pytest.mark.parametrize("delay", [0.0, 0.15, 0.3])
def test_two_interrupts_during_the_start_are_clean(tmp_path: Path, delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", "serve", "--port", _find_free_port()],
        cwd=tmp_path,
        env=_build_environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    while "/msgspec/" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.005)  # the command has begun as soon as it imports a library
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=20)
    assert "Traceback" not in log
    assert process.returncode in (0, 130)


def test_serve_answers_until_a_stop_signal(tmp_path: Path) -> None:
    port = _find_free_port()
    arguments = ["serve", "--host", "127.0.0.1", "--port", port, "--data-dir", "home"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", *arguments],
        cwd=tmp_path,
        env=_build_environment(tmp_path, LOG_FORMAT="json"),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                if process.poll() is not None:
                    pytest.fail(f"the server ended by itself: {process.communicate()[1]}")
                time.sleep(0.1)
        else:
            pytest.fail("the server never answered")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert not (tmp_path / "home" / "webui.db-wal").exists()
    assert "Traceback" not in log
    assert '"message":"ready on' in log
    assert "listing models of" not in log  # it requested no provider
    # The data belongs to the user who runs the server.
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_doctor_fails_where_something_is_missing(tmp_path: Path) -> None:
    result = run_fastback(tmp_path, "doctor", "--data-dir", "home")
    assert result.returncode == 1
    assert "fail  frontend         not found: run `fastback frontend`" in result.stdout.splitlines()
    assert not (tmp_path / "home").exists()


def test_doctor_checks_every_directory_and_the_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "home").mkdir()
    key = tmp_path / "home" / ".webui_secret_key"
    key.touch(mode=0o600)
    more = {"UPLOAD_DIR": str(tmp_path / "file" / "x"), "CACHE_DIR": str(tmp_path / "c"), "STATIC_DIR": "none"}
    lines = run_fastback(tmp_path, "doctor", "--data-dir", "home", **more).stdout.splitlines()
    assert [(line[:6].strip(), line[6:22].strip()) for line in lines[:5]] == [
        ("ok", "data directory"),
        ("fail", "uploads"),
        ("ok", "cache"),
        ("warn", "static files"),
        ("fail", "secret key"),
    ]
    key.write_text("k" * 40)
    lines = run_fastback(tmp_path, "doctor", "--data-dir", "home").stdout.splitlines()
    assert f"ok    secret key       stored in {key}" in lines
    key.chmod(0o644)
    lines = run_fastback(tmp_path, "doctor", "--data-dir", "home").stdout.splitlines()
    assert any(line.startswith("warn  secret key") and "can be read by others" in line for line in lines)
    lines = run_fastback(tmp_path, "doctor", "--data-dir", "home", WEBUI_SECRET_KEY="short").stdout.splitlines()
    assert any(line.startswith("warn  secret key") and "shorter" in line for line in lines)


def test_doctor_names_the_revision_of_a_foreign_database(tmp_path: Path) -> None:
    _create_foreign_database(tmp_path / "home")
    result = run_fastback(tmp_path, "doctor", "--data-dir", "home")
    assert result.returncode == 1
    failures = [line for line in result.stdout.splitlines() if line.startswith("fail  database")]
    assert len(failures) == 1
    assert "feedfacecafe" in failures[0]
    assert REVISION in failures[0]


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({}, "ok    reranking        not configured"),
        ({"RAG_RERANKING_MODEL": "a/b"}, "warn  reranking        a/b is not on this machine"),
        ({"RAG_RERANKING_MODEL": "a/b", "RAG_RERANKING_ENGINE": "external"}, "ok    reranking        external, a/b"),
    ],
)
def test_doctor_checks_the_reranking_model(tmp_path: Path, variables: dict[str, str], start: str) -> None:
    _read_start_log(tmp_path, **variables)  # creates the database
    lines = run_fastback(tmp_path, "doctor", "--data-dir", "home", **variables).stdout.splitlines()
    assert any(line.startswith(start) for line in lines), lines


def test_doctor_reports_an_invalid_address_of_redis(tmp_path: Path) -> None:
    result = run_fastback(tmp_path, "doctor", "--data-dir", "home", REDIS_URL="nonsense")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert any(line.startswith("fail  redis            REDIS_URL: ") for line in result.stdout.splitlines())
    assert any(line.startswith("ok    database") for line in result.stdout.splitlines())  # the other checks still run


def test_routes_lists_every_operation_with_its_handler(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("POST    /api/chat/completions  fastback.completions.doors.chat_routes.") for line in lines
    )
