"""PHP of several versions: the machine's own, and Debian's of other releases, unpacked into a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_RELEASES = {"7.4": "bullseye", "8.4": "trixie"}
_APT = """
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
"""


class PhpBuild(NamedTuple):
    """`command` starts it without any ini file; `root` is where it and its libraries were unpacked."""

    name: str
    command: tuple[str, ...]
    root: Path = Path("/")


def own_php() -> PhpBuild:
    program = shutil.which("php")
    assert program, "these tests need PHP (Debian: apt-get install php-cli)"
    return PhpBuild("own", (program, "-n"))


def debian_builds() -> list[PhpBuild]:
    """7.4 and 8.4, fetched together when the cache doesn't have them yet: 37 MB each, some seconds."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_debian_build, _RELEASES))


def _debian_build(version: str) -> PhpBuild:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hyperleak-tests"
    root = cache / f"php-{version}-debian"
    if not root.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _unpack(version, Path(folder), Path(folder) / "root")
            (Path(folder) / "root").rename(root)
    libraries = [*root.glob("lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu")]
    loader = next(path for folder in libraries for path in folder.glob("ld-*.so*") if not path.is_symlink())
    path = ":".join(map(str, libraries))
    return PhpBuild(version, (str(loader), "--library-path", path, f"{root}/usr/bin/php{version}", "-n"), root)


def _unpack(version: str, folder: Path, root: Path) -> None:
    """Debian's packages of another release, checked and resolved by apt, but unpacked beside the system."""
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [signed-by={_KEYRING}] {_mirror()} {_RELEASES[version]} main\n"
    (folder / "sources.list").write_text(source)
    (folder / "apt.conf").write_text(_APT.format(folder=folder))
    environment = os.environ | {"APT_CONFIG": str(folder / "apt.conf")}
    _run("apt-get", "-q", "update", environment=environment)
    _run("apt-get", "-q", "-y", "--download-only", "install", f"php{version}-cli", environment=environment)
    for package in (folder / "cache/archives").glob("*.deb"):
        _run("dpkg-deb", "-x", str(package), str(root))


def _mirror() -> str:
    """The mirror that this machine's apt is set up for."""
    targets = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    return next(uri for uri in targets if uri.rstrip("/").endswith("/debian"))


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout
