"""Install requirements.lock and this package into the environment that runs this script (`make install`).

uv is used where it works, since it takes seconds instead of minutes; it is given the index, links and certificate that
pip is configured with. Where uv cannot be had or fails, pip installs the same files with the same hashes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"

# What has to be there before a package that comes as source can be built, with what these need themselves.
BUILD_TOOLS = (
    "editables", "hatchling", "packaging", "pathspec", "pluggy", "setuptools", "tomlkit", "trove-classifiers", "wheel",
)  # fmt: skip


def locked(names: Sequence[str], lock: str) -> str:
    """The entries of ``names`` in a lock file, with their hashes."""
    entries = re.split(r"^(?=[^\s#])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.split("==")[0] in names)


def pip_settings() -> dict[str, list[str]]:
    """Where pip is configured to look: ``index-url``, ``extra-index-url``, ``find-links``, ``cert``, ``trusted-host``.

    Settings of a command (``install.index-url``) and of the environment override those of every command.
    """
    output = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    settings: dict[str, list[str]] = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)='(.*)'$", output, flags=re.MULTILINE):
            settings[name] = value.replace("\\n", " ").split()
    return settings


def uv_options(settings: Mapping[str, Sequence[str]]) -> tuple[list[str], dict[str, str]]:
    """The same for uv: its options, and what it reads from the environment."""
    options = [
        word
        for name, option in (
            ("index-url", "--default-index"),
            ("extra-index-url", "--index"),
            ("find-links", "--find-links"),
            ("trusted-host", "--allow-insecure-host"),
        )
        for value in settings.get(name, ())
        if not _absent(value)
        for word in (option, value)
    ]
    certificate = settings.get("cert", ())
    return options, {"SSL_CERT_FILE": certificate[0]} if certificate else {}


def _absent(place: str) -> bool:
    """Whether a place is a folder that is not there, which pip passes over and uv does not."""
    path = place.removeprefix("file://")
    return path.startswith("/") and not Path(path).is_dir()


def install_with_uv(lock: Path) -> bool:
    """Whether uv installed the lock file."""
    python = [sys.executable, "-m"]
    tools = Path(sysconfig.get_paths()["data"]) / "uv.txt"
    tools.write_text(locked(["uv"], lock.read_text(encoding="utf-8")), encoding="utf-8")
    if subprocess.run([*python, "pip", "install", "--quiet", "--require-hashes", "-r", str(tools)]).returncode:
        return False
    options, environment = uv_options(pip_settings())
    # as pip does, look on every index: the hashes say which file it must be
    options += ["--index-strategy", "unsafe-best-match", "--require-hashes"]
    uv = [*python, "uv", "pip", "install", "--quiet", "--python", sys.executable, *options]
    environment = {**os.environ, **environment}

    def done(*words: str) -> bool:
        return subprocess.run([*uv, *words], env=environment).returncode == 0

    build = Path(sysconfig.get_paths()["data"]) / "build-tools.txt"
    build.write_text(locked(BUILD_TOOLS, lock.read_text(encoding="utf-8")), encoding="utf-8")
    return done("--no-deps", "-r", str(build)) and done("--no-build-isolation", "-r", str(lock))


def install_with_pip(lock: Path) -> None:
    """Install the lock file with pip. Exits with pip's code where it fails."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    build = Path(sysconfig.get_paths()["data"]) / "build-tools.txt"
    build.write_text(locked(BUILD_TOOLS, lock.read_text(encoding="utf-8")), encoding="utf-8")
    for words in (["--no-deps", "-r", str(build)], ["--no-build-isolation", "-r", str(lock)]):
        code = subprocess.run([*pip, "--require-hashes", *words]).returncode
        if code:
            sys.exit(code)


def main() -> None:
    """Install the packages of the lock file, then this one."""
    print("Installing the packages of requirements.lock ...", flush=True)
    if not install_with_uv(LOCK):
        print("uv could not install them; pip does, which takes a few minutes ...", flush=True)
        install_with_pip(LOCK)
    own = ["--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *own]).returncode)


if __name__ == "__main__":
    main()
