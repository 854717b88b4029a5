"""Downloads what the pictures are rendered from: two npm packages by version and sha256, and Debian's wallpapers."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

from paths import cache_folder

# Licences: simple-icons CC0-1.0 (the marks stay trademarks of their owners), @tabler/icons MIT.
packages = {
    "simple-icons": (
        "https://registry.npmjs.org/simple-icons/-/simple-icons-16.37.0.tgz",
        "cd9faf0e6faa8a8fdd15e9632ab4c86fcae4b986fe552b87673149847f2f671d",
    ),
    "tabler-icons": (
        "https://registry.npmjs.org/@tabler/icons/-/icons-3.51.0.tgz",
        "b30108713d3fa60aee862c2a133225da8e0f309be0708fe2925763ff810c766c",
    ),
}
wallpaper_packages = ("mate-backgrounds", "gnome-backgrounds")


def fetch_package(name: str) -> Path:
    """The unpacked folder of one of `packages`; downloads and checks it on first use."""
    folder = cache_folder / name
    if folder.exists():
        return folder
    url, sha256 = packages[name]
    cache_folder.mkdir(parents=True, exist_ok=True)
    archive = cache_folder / (name + "-" + url.rsplit("-", 1)[1])
    if not archive.exists():
        partial = archive.with_suffix(".part")
        with urllib.request.urlopen(url, timeout=60) as response, open(partial, "wb") as out:
            shutil.copyfileobj(response, out)
        partial.rename(archive)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        archive.unlink()
        raise RuntimeError(f"{url} has sha256 {found}, expected {sha256}: deleted, nothing was unpacked")
    partial_folder = cache_folder / (name + ".part")
    shutil.rmtree(partial_folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        members = [m for m in tar.getmembers() if m.isfile() and ".." not in m.name and not m.name.startswith("/")]
        tar.extractall(partial_folder, members=members)
    (partial_folder / "package").rename(folder)
    shutil.rmtree(partial_folder, ignore_errors=True)
    return folder


def fetch_wallpapers() -> Path | None:
    """Unpacks Debian's wallpaper packages into the cache without installing them; None where apt cannot bring them."""
    folder = cache_folder / "wallpapers"
    if folder.exists():
        return folder
    partial = cache_folder / "wallpapers.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        subprocess.run(["apt-get", "download", *wallpaper_packages], cwd=partial, check=True, capture_output=True)
        for package in partial.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(partial)], check=True, capture_output=True)
            package.unlink()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"no wallpapers ({problem}): backgrounds are procedural and from clips only")
        shutil.rmtree(partial, ignore_errors=True)
        return None
    partial.rename(folder)
    return folder
