#!/usr/bin/env python3
"""Runs a build step that needs packages from npm, or says why it could not.

It copies package.json and package-lock.json of LOCK_FOLDER to WORK_FOLDER, installs there exactly what the lock file says (`npm ci`, no
install scripts), then runs COMMAND. STAMP gets "built" or "skipped: <reason>": without npm or network the build goes on, and the tests
that want the result name the reason. A COMMAND that fails is an error of the build.

usage: with_npm.py LOCK_FOLDER WORK_FOLDER STAMP COMMAND [ARGUMENT]...
"""
import os
import pathlib
import shutil
import subprocess
import sys

NPM_TIMEOUT_S = 300


def installed(lock, work):
    """The lock file of what is installed there already."""
    try:
        return (work / "installed-lock.json").read_bytes() == lock.read_bytes()
    except FileNotFoundError:
        return False


def install(folder, work):
    """None, or the reason why it was not possible."""
    lock = folder / "package-lock.json"
    if installed(lock, work):
        return None
    npm = shutil.which("npm")
    if not npm:
        return "npm is not installed"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, work / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline", "--fetch-retries=1",
               "--force"]  # some packages are for the platform "wasm32"
    try:
        done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=NPM_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"npm ci did not end within {NPM_TIMEOUT_S} s"
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        return "npm ci failed: " + " ".join((errors or done.stdout.splitlines() or ["?"])[:2])
    shutil.copy(lock, work / "installed-lock.json")
    return None


def main(folder, work, stamp, *command):
    reason = install(pathlib.Path(folder), pathlib.Path(work))
    if reason:
        print(f"skipped: {reason} (remove {stamp} to try again)")
    else:
        subprocess.run(command, check=True, env={**os.environ, "NODE_NO_WARNINGS": "1"})
    pathlib.Path(stamp).write_text(f"skipped: {reason}\n" if reason else "built\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
