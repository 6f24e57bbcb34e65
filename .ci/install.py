"""Create the virtual environment and install pinned requirements into it, once.

    python3 .ci/install.py .venv requirements.txt

Needs nothing but the standard library. A second run with the same files does nothing; two runs at
once wait for one another; an environment that was left half-made is made again.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def main(folder: Path, requirements: Path) -> None:
    if sys.version_info < OLDEST:
        sys.exit("Python {}.{} or later is needed.".format(*OLDEST))
    lock = folder.with_name(f"{folder.name}.lock")
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        stamp = folder / f".installed-{requirements.stem}"
        wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
        if not works(folder):
            create(folder)
        elif stamp.exists() and stamp.read_text() == wanted:
            return
        install(folder, requirements)
        stamp.write_text(wanted)


def works(folder: Path) -> bool:
    """Whether there is an environment with a pip and a Python that is recent enough."""
    python = folder / "bin" / "python"
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    try:
        probed = subprocess.run([python, "-c", probe], check=False, capture_output=True)
    except OSError:
        return False
    return probed.returncode == 0


def create(folder: Path) -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = "{}.{}".format(*sys.version_info)
        sys.exit(
            f"This Python cannot make virtual environments ({', '.join(missing)} is missing).\n"
            f"On Debian and Ubuntu: apt-get install python{version}-venv"
        )
    shutil.rmtree(folder, ignore_errors=True)
    print(f"Creating {folder.name} with Python {sys.version.split()[0]}", flush=True)
    run([sys.executable, "-m", "venv", folder])


def install(folder: Path, requirements: Path) -> None:
    print(f"Installing {requirements.name}, which takes a minute", flush=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-qq"]
    # The files hold the whole tree, so nothing is left to resolve; a resolver would look at
    # releases newer than the pinned ones, have no hash for them, and give up.
    exact = ["--require-hashes", "--no-deps", "--requirement", requirements]
    run([*pip, "install", "--no-input", *exact])
    run([*pip, "check"])


def run(command: list[str | Path]) -> None:
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
