"""A certified OpenID Connect provider in a process of its own, from npm, for the sign-in tests.

It is installed once, beside the installed Python packages. Where Node.js is missing, or npm cannot
install, the tests that need it are skipped and say so.
"""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import free_port

CLIENT_ID = "acogida"
CLIENT_SECRET = "acogida-secret"

_HERE = Path(__file__).parent
_INSTALLED = Path(sys.prefix) / "share" / "acogida-oidc-provider"
_OLDEST_NODE = 20


@contextmanager
def running(callback: str, *, claims_at_userinfo: bool = False) -> Iterator[str]:
    """The provider's issuer, while it runs; browsers are sent back to `callback`."""
    node = _node()
    _install()
    port = free_port()
    environment = {"CLAIMS_AT_USERINFO": "1" if claims_at_userinfo else "0", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [node, "server.js", str(port), callback],
        cwd=_INSTALLED,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip() == "ready":
                break
        else:
            pytest.fail(f"the OpenID Connect provider stopped with {process.wait()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("install Node.js 20 or newer, with npm, to test against a certified provider")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(said.stdout.strip().removeprefix("v").split(".")[0]) < _OLDEST_NODE:
        pytest.skip("Node.js is too old: version 20 or newer is needed")
    return node


def _install() -> None:
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    with (_INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (_HERE / "package.json").read_text()
        done = _INSTALLED / "installed"
        shutil.copy(_HERE / "server.js", _INSTALLED)
        if done.exists() and done.read_text() == wanted:
            return
        shutil.copy(_HERE / "package.json", _INSTALLED)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        try:
            said = subprocess.run(
                ["npm", "install", *quiet],
                cwd=_INSTALLED,
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm install took too long: is its registry within reach?")
        if said.returncode != 0:
            pytest.skip("npm install failed: is its registry within reach?")
        done.write_text(wanted)
