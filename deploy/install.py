"""Install Fastback's packages into `.venv` of this directory: `python3 deploy/install.py [LOCK_FILE]`.

`make` runs this script with whatever Python it is given, so it uses only the standard library and also runs on old
versions, to say which one is needed. Several runs at once are safe: the second waits for the first.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time

OLDEST = (3, 11)
VENV = ".venv"
PIP = [os.path.join(VENV, "bin", "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
#: What an installation of each lock file downloads, and how long that takes on an ordinary connection.
EXPECTATIONS = {
    "requirements.lock": "90 packages: 75 MB to download, 330 MB installed; about a minute",
    "requirements-plugins.lock": "the packages that many plugins import; half a minute",
    "requirements-dev.lock": "the packages that tests need; about a minute",
}
#: The file of `.venv` that each installation leaves; make compares it with the lock file.
STAMPS = {"requirements.lock": ".runtime", "requirements-plugins.lock": ".plugins", "requirements-dev.lock": ".dev"}
#: What pip prints where it cannot reach the package index.
NETWORK_SIGNS = ("after connection broken by", "NewConnectionError", "Network is unreachable", "name resolution")


def say(text):
    print(text, file=sys.stderr, flush=True)


def fail(text):
    say("Installing failed: " + text)
    sys.exit(1)


def require_python():
    if sys.version_info[:2] < OLDEST:
        fail(
            f"Python 3.11 or newer is needed, {sys.executable} is {sys.version_info[0]}.{sys.version_info[1]}. "
            "Install a newer one and name it: make serve PYTHON=python3.12"
        )


def is_usable():
    """Return whether `.venv` has a Python that is new enough, and pip."""
    if not os.path.exists(os.path.join(VENV, ".made")):
        return False
    check = f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.call([PIP[0], "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make_environment():
    say(f"Creating a virtual environment in {VENV}")
    command = [sys.executable, "-m", "venv", "--clear", VENV]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode == 0:
        open(os.path.join(VENV, ".made"), "w").close()
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if "ensurepip" in result.stdout or "No module named venv" in result.stdout:
        fail(
            "this Python lacks its venv package. Install it, then run the command again: "
            f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv (Debian, Ubuntu)"
        )
    fail("python -m venv says: " + (result.stdout.strip() or "nothing").splitlines()[-1])


def run_pip(*arguments):
    result = subprocess.run(
        [*PIP, "install", "-q", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode == 0:
        return
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    if any(sign in line for line in lines for sign in NETWORK_SIGNS):
        fail("the package index cannot be reached. Check the network (a proxy is named by HTTPS_PROXY) and try again.")
    if any("No space left" in line for line in lines):
        fail("the disk is full.")
    say("\n".join(lines[-20:]))
    fail("pip says the above.")


def is_newer(stamp, *sources):
    try:
        made = os.path.getmtime(stamp)
    except OSError:
        return False
    return all(os.path.getmtime(source) <= made for source in sources)


#: What the server imports at once, and what it imports when it is needed.
SERVER_MODULES = "fastback.server, fastback.app, authlib.oidc.core, joserfc.jwt, ldap3, pyotp, qrcode, scim2_models"


def compile_source():
    """Compile the program without the columns of each instruction, which take a megabyte of the server's memory.

    The server runs without docstrings (`-OO`), so what it imports is compiled for that, too: its first start is quick.
    """
    python = [os.path.join(VENV, "bin", "python"), "-X", "no_debug_ranges"]
    # Where this is set, as in containers, each start would compile what it imports: a second, and a megabyte.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([*python, "-m", "compileall", "-q", "-f", "-o", "0", "-o", "2", "src"], check=False, env=env)
    subprocess.run([*python, "-OO", "-c", "import " + SERVER_MODULES], check=False, env=env)


def install(lock_file):
    is_runtime = lock_file == "requirements.lock"
    stamp = os.path.join(VENV, STAMPS[lock_file])
    if is_usable() and is_newer(stamp, lock_file, "pyproject.toml"):
        return  # another run has installed it meanwhile
    if not is_usable():
        make_environment()
    started = time.time()
    say(f"Installing {EXPECTATIONS.get(lock_file, lock_file)}")
    run_pip("--require-hashes", "-r", lock_file)
    if is_runtime:
        run_pip("--no-deps", "-e", ".")
        compile_source()
    with open(stamp, "w"):
        pass
    say(f"Installed in {time.time() - started:.0f} s")
    if is_runtime:
        say("Packages that plugins import are installed when needed; `make plugins` installs the usual ones now")


def main():
    require_python()
    # Beside `.venv`, because that may be removed and created again.
    with open(".venv.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Waiting for another installation in this directory")
            fcntl.flock(lock, fcntl.LOCK_EX)
        install(sys.argv[1] if len(sys.argv) > 1 else "requirements.lock")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("interrupted. Run the command again to continue.")
    except OSError as error:
        fail(str(error))
