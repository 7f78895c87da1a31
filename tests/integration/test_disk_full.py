#!/usr/bin/env python3
"""A disk that is full: whoever writes is told and nothing half stays, everybody else is served, and with space again the next one succeeds.

The disks are small tmpfs mounts: by root, else in a user and mount namespace of the test's own (unshare -rm)."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import spearlet_tool

MIB = 1 << 20
DISK_BYTES = 8 * MIB
NESTED = "SPEAR_TEST_OWN_NAMESPACE"


def mount(folder, size_bytes):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], capture_output=True, text=True, check=False)
    return done.returncode == 0


def can_mount():
    folder = tempfile.mkdtemp(prefix="spear-mount-")
    try:
        mounted = mount(folder, MIB)
        if mounted:
            subprocess.run(["umount", folder], check=True)
        return mounted
    finally:
        os.rmdir(folder)


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names)


class DiskFull(harness.SpearTestCase):
    def disk(self):
        """A folder with DISK_BYTES of space."""
        folder = tempfile.mkdtemp(prefix="spear-disk-")
        self.addCleanup(shutil.rmtree, folder, True)
        self.assertTrue(mount(folder, DISK_BYTES))
        self.addCleanup(subprocess.run, ["umount", "--lazy", folder], check=True)
        return folder

    def fill(self, folder, leave_bytes=0):
        """Takes all space but so much; gives what to remove for it."""
        path = os.path.join(folder, "filler")
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave_bytes
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free)
        return path


class Sms(DiskFull):
    def setUp(self):
        self.folder = self.disk()
        self.data = os.path.join(self.folder, "data")
        self.sms = self.start(harness.Sms(data_dir=self.data))
        self.kept = self.sms.upload(b"k" * MIB, "kept")

    def check_service(self):
        self.assertEqual(self.sms.request("GET", "/health").status, 200)
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{self.kept}").body, b"k" * MIB)
        self.assertEqual(self.sms.request("GET", "/api/v1/tasks").status, 200)

    def names(self):
        return [file["name"] for file in self.sms.request("GET", "/api/v1/files").json()["files"]]

    def contents(self):
        """The files of the store, the database's own left out: they come and go."""
        return [name for name in files_below(self.data) if ".db" not in name and "sqlite" not in name]

    def test_upload(self):
        before = self.contents()
        filler = self.fill(self.folder, MIB)
        for length in (None, 3 * MIB):
            body = b"x" * (3 * MIB) if length else iter([b"x" * MIB] * 3)
            answer = self.sms.request("POST", "/api/v1/files", body, {"x-file-name": "large", "Content-Type": "application/octet-stream"})
            self.assert_problem(answer, 507, "INSUFFICIENT_STORAGE", "could not be written")
            self.check_service()
        self.assertEqual(self.contents(), before)
        self.assertEqual(self.names(), ["kept"])
        small = self.sms.upload(b"small", "small")  # fits, so it is taken
        os.unlink(filler)
        large = self.sms.upload(b"y" * (3 * MIB), "large")
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{large}").body, b"y" * (3 * MIB))
        self.sms.restart()
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{small}").body, b"small")
        self.assertEqual(sorted(self.names()), ["kept", "large", "small"])

    def register(self, name):
        executable = {"type": "wasm", "uri": "sms+file://" + self.kept, "name": name, "env": {"FILLING": "e" * 40000}}
        return self.sms.request("POST", "/api/v1/tasks", {"name": name, "version": "1", "executable": executable})

    def test_registration(self):
        filler = self.fill(self.folder)
        registered = []
        while len(registered) < 200:  # until the log of the database, too, has no room left
            answer = self.register(f"task-{len(registered)}")
            if answer.status != 200:
                break
            registered.append(f"task-{len(registered)}")
        self.assert_problem(answer, 507, "INSUFFICIENT_STORAGE")
        self.check_service()
        self.assertEqual(self.task_names(), registered)
        os.unlink(filler)
        answer = self.register("late")
        self.assertEqual(answer.status, 200, answer)
        self.sms.restart()
        self.assertEqual(self.task_names(), sorted(registered + ["late"]))

    def task_names(self):
        return sorted(task["name"] for task in self.sms.request("GET", "/api/v1/tasks?limit=1000").json()["tasks"])


@spearlet_tool.needs_engine
@spearlet_tool.needs_guests("echo.wasm", "hello.wasm")
class Spearlet(DiskFull):
    def test_cache(self):
        folder = self.disk()
        sms = self.start(harness.Sms())
        spearlet = self.start(harness.Spearlet(sms, data_dir=os.path.join(folder, "data")))
        cache = os.path.join(folder, "data", "cache", "modules")
        filler = self.fill(folder)
        first = sms.deploy(harness.sample("echo.wasm"), "first")
        answer = spearlet.request("POST", f"/tasks/{first}/invoke", b"text")
        self.assertEqual((answer.status, answer.body), (200, b"text"))  # from memory
        self.assertEqual(os.listdir(cache), [])
        os.unlink(filler)
        second = sms.deploy(harness.sample("hello.wasm"), "second")
        self.assertEqual(spearlet.request("POST", f"/tasks/{second}/invoke", b"text").body, b"Hello, world!\nTEXT")
        self.assertEqual(len(os.listdir(cache)), 1)
        self.assertEqual(spearlet.request("POST", f"/tasks/{first}/invoke", b"again").body, b"again")


if __name__ == "__main__":
    if not can_mount():
        command = ["unshare", "-rm", sys.executable, *sys.argv]
        if NESTED not in os.environ and shutil.which("unshare") and subprocess.run(["unshare", "-rm", "true"], check=False).returncode == 0:
            os.execvpe(command[0], command, dict(os.environ, **{NESTED: "1"}))
        print("skipped: test_disk_full: no tmpfs can be mounted here, by root or in a namespace (unshare -rm)")
        sys.exit(77)
    harness.main()
