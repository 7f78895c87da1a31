#!/usr/bin/env python3
"""Directories granted to tasks (config wasi.dir.*), through HTTP: read-only and writable, kept between invocations and instances, quotas, and the
same programs on the engine's own command line, with the same outcome.

The guest is tests/guests/files.c: its stdin is a list of commands, its stdout says how each went.
"""
import base64
import os
import shutil
import subprocess
import unittest

import harness
import spearlet_tool

QUOTA = 100000
COMMANDS_SAFE_ANYWHERE = """write /data/a hello
append /data/a -world
read /data/a
size /data/a
mkdir /data/folder
write /data/folder/b x
rename /data/a /data/folder/c
ls /data
ls /data/folder
read /data/folder/c
unlink /data/folder/b
rmdir /data/folder
unlink /data/folder/c
rmdir /data/folder
read /data/none
ls /data/none
mkdir /data/none/deeper
unlink /data/none
"""


@spearlet_tool.needs_engine
@spearlet_tool.needs_guests("files.wasm")
class Files(spearlet_tool.SpearletTestCase):
    def volume(self, name="vol"):
        path = os.path.join(self.spearlet.data_dir, "volumes", name)
        os.makedirs(path, exist_ok=True)
        return path

    def grant(self, grants, name="files", **config):
        config.update({f"wasi.dir.{path}": value for path, value in grants.items()})
        return self.deploy("files.wasm", name, config=config)

    def do(self, task, *commands):
        """What each command's line of output says."""
        answer = self.invoke(task, "\n".join(commands).encode() + b"\n")
        self.assertEqual(answer.status, 200, answer)
        lines = answer.text().splitlines()
        self.assertEqual(len(lines), len(commands), lines)
        return lines

    def test_nothing_is_granted_by_default(self):
        task = self.deploy("files.wasm", "bare")
        for line in self.do(task, "write /data/x y", "read /etc/passwd", "ls /", "mkdir x"):
            self.assertNotIn("ok", line)

    def test_files_stay_between_invocations_and_instances(self):
        folder = self.volume()
        task = self.grant({"/data": "vol:rw"})
        self.assertEqual(self.do(task, "write /data/a first", "ls /data"), ["ok", "ok . .. a"])
        with open(os.path.join(folder, "a"), encoding="ascii") as file:
            self.assertEqual(file.read(), "first")
        self.assertEqual(self.do(task, "append /data/a -second", "read /data/a"), ["ok", "ok first-second"])
        other = self.grant({"/elsewhere": "vol"}, "other")
        self.assertEqual(self.do(other, "read /elsewhere/a"), ["ok first-second"])
        self.spearlet.restart()
        self.assertEqual(self.do(task, "read /data/a"), ["ok first-second"])

    def test_read_only_is_the_default(self):
        folder = self.volume()
        with open(os.path.join(folder, "a"), "w", encoding="ascii") as file:
            file.write("fixed")
        for name, value in (("unsaid", "vol"), ("said", "vol:ro")):
            task = self.grant({"/data": value}, name)
            lines = self.do(task, "read /data/a", "ls /data", "write /data/a x", "append /data/a x", "write /data/new x", "mkdir /data/d",
                            "unlink /data/a", "rename /data/a /data/b", "link /data/a /data/b", "symlink a /data/l")
            self.assertEqual(lines, ["ok fixed", "ok . .. a"] + ["EROFS"] * 8)
        self.assertEqual(os.listdir(folder), ["a"])

    def test_ways_out_are_closed(self):
        folder = self.volume()
        self.volume("second")
        os.symlink("/etc/passwd", os.path.join(folder, "out"))
        os.symlink("../second", os.path.join(folder, "beside"))
        os.mkfifo(os.path.join(folder, "pipe"))
        task = self.grant({"/data": "vol:rw", "/second": "second:rw"})
        self.assertEqual(
            self.do(task, "read /data/out", "write /data/beside/x y", "read /data/../etc/passwd", "symlink /etc/passwd /data/l",
                    "write /data/a x", "link /data/a /second/a", "rename /data/a /second/a", "read /data/pipe"),
            ["ENOTCAPABLE"] * 4 + ["ok", "EXDEV", "EXDEV", "ENXIO"])
        self.assertEqual(os.listdir(self.volume("second")), [])

    def test_quota(self):
        self.volume()
        task = self.grant({"/data": f"vol:rw:{QUOTA}"})
        self.assertEqual(self.do(task, "fill /data/a 60000", "fill /data/b 60000", "size /data/b", "append /data/b x"),
                         ["ok", "ENOSPC", "ok 40000", "ENOSPC"])
        self.assertEqual(self.do(task, "unlink /data/a", "fill /data/c 60000", "fill /data/c 1000"), ["ok", "ok", "ENOSPC"])
        self.assertEqual(self.do(task, "write /data/c short", "fill /data/d 59000"), ["ok", "ok"])
        self.spearlet.restart()  # what is there is counted
        self.assertEqual(self.do(task, "fill /data/e 1000", "unlink /data/d", "fill /data/e 59000"), ["ENOSPC", "ok", "ok"])

    def test_64_guests_share_a_quota(self):
        folder = self.volume()
        tasks = [self.grant({"/data": f"vol:rw:{QUOTA}"}, f"files-{i}", **{"scale.max": "8"}) for i in range(8)]

        def write(number):
            return self.do(tasks[number % 8], f"fill /data/own-{number} 5000", "fill /data/shared 3000", f"unlink /data/own-{number}",
                           f"fill /data/own-{number} 4000")

        harness.together(*[lambda number=number: write(number) for number in range(64)])
        held = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
        self.assertLessEqual(held, QUOTA)
        self.assertGreater(held, QUOTA - 5000)  # nothing was lost on the way: it is full
        names = [name for name in os.listdir(folder)]
        self.assertEqual(self.do(tasks[0], *[f"unlink /data/{name}" for name in names]), ["ok"] * len(names))
        self.assertEqual(self.do(tasks[1], f"fill /data/all {QUOTA}", "append /data/all x"), ["ok", "ENOSPC"])

    def test_refusals(self):
        task = self.grant({"/data": "missing:rw"})
        self.execute_error(task, "InvalidConfiguration", 'volume "missing"', os.path.join("volumes", "missing"))
        os.symlink("/etc", os.path.join(os.path.dirname(self.volume()), "link"))
        task = self.grant({"/data": "link"}, "linked")
        self.execute_error(task, "InvalidConfiguration", 'volume "link"', "is not a folder")
        for value in ("/etc", "..", "../x", "a/b", "vol:wr", "vol:rw:all"):
            body = {"name": "bad", "version": "1", "executable": {"type": "wasm", "uri": "sms+file://x"}, "config": {"wasi.dir./data": value}}
            answer = self.sms.request("POST", "/api/v1/tasks", body)
            self.assert_problem(answer, 422, "INVALID_CONFIGURATION", "wasi.dir./data")

    @unittest.skipUnless(shutil.which("wasmedge"), "the engine's own command is not installed")
    def test_same_as_the_engine_itself(self):
        folder = self.temporary_dir()
        self.volume()
        task = self.grant({"/data": "vol:rw"})
        theirs = subprocess.run(["wasmedge", "--force-interpreter", "--dir", f"/data:{folder}", harness.sample("files.wasm")],
                                input=COMMANDS_SAFE_ANYWHERE, capture_output=True, text=True, timeout=60, check=False)
        ours = self.invoke(task, COMMANDS_SAFE_ANYWHERE.encode())
        self.assertEqual(ours.text(), theirs.stdout)
        self.assertEqual((ours.status, theirs.returncode), (200, 0))
        for guest, arguments in (("hello.wasm", ["there"]), ("exit3.wasm", []), ("trap.wasm", [])):
            path = harness.sample(guest)
            theirs = subprocess.run(["wasmedge", "--force-interpreter", path] + arguments, input=b"", capture_output=True, timeout=60,
                                    check=False)
            task = self.deploy(guest, executable={"name": guest, "args": arguments})
            ours = self.execute(task)
            output = base64.b64decode(ours["output_base64"])
            # After a trap there is no exit code of the guest's; their program makes one up.
            self.assertEqual(ours["exit_code"], None if guest == "trap.wasm" else theirs.returncode, guest)
            self.assertTrue(theirs.stdout.startswith(output), (guest, theirs.stdout, output))  # it logs a trap there, too


if __name__ == "__main__":
    harness.main()
