"""What a node says about its workers' sandbox, and what it does on a machine that lacks a part of it. That the sandbox holds is
shown by tests/drills/native_code.py."""
import os
import socket
import struct
import subprocess
import unittest

import deny_calls
import harness
import spearlet_tool
from spearlet_tool import HELLO, SpearletTestCase, needs_engine, needs_guests

PARTS = ["seccomp", "landlock", "user-namespace", "mount-namespace", "network-namespace", "ipc-namespace", "pid-namespace"]
NAMESPACES = PARTS[2:6]  # made by one call, unshare
ALL, LANDLOCK, IPC_FAILED, IPC_CAGE = 127, 2, 4, 9
HEADER = struct.Struct("HHIQ")
can_deny = unittest.skipUnless(deny_calls.is_possible(), "the call numbers of this processor are not known")


class OldKernelSpearlet(harness.Spearlet):
    missing = ()

    def command(self):
        return deny_calls.command(self.missing, super().command())


def sandbox_of(spearlet):
    return spearlet.request("GET", "/status").json()["sandbox"]


@needs_engine
@needs_guests(HELLO)
class Told(SpearletTestCase):
    def start_node(self, *options, missing=()):
        node = (OldKernelSpearlet if missing else harness.Spearlet)(self.sms, *options)
        node.missing = missing
        return self.start(node)

    def check_serves(self, node):
        result = self.execute(self.deploy(HELLO), spearlet=node)
        self.assertTrue(result["success"], result)

    def test_status(self):
        sandbox = sandbox_of(self.spearlet)
        self.assertEqual(sandbox["required"], "best-effort")
        self.assertEqual(sandbox["sanitizer"], harness.is_sanitized("spear-worker"))
        self.assertEqual(list(sandbox["parts"]), PARTS)
        missing = [name for name, part in sandbox["parts"].items() if not part["present"]]
        self.assertEqual(sandbox["level"], "partial" if missing or sandbox["sanitizer"] else "full")
        for name in missing:
            self.assertTrue(sandbox["parts"][name]["reason"] and sandbox["parts"][name]["lost"])
            self.assertIn(f"part={name} missing", self.spearlet.log())

    def test_off(self):
        node = self.start_node("--require-sandbox", "off")
        sandbox = sandbox_of(node)
        self.assertEqual((sandbox["required"], sandbox["level"]), ("off", "off"))
        self.assertFalse(any(part["present"] for part in sandbox["parts"].values()))
        self.assertIn("sandbox off", node.log())
        self.check_serves(node)

    def check_partial(self, calls, parts):
        node = self.start_node(missing=calls)
        sandbox = sandbox_of(node)
        self.assertEqual(sandbox["level"], "partial")
        for name in parts:
            self.assertEqual(sandbox["parts"][name]["present"], False, sandbox)
            self.assertIn("Function not implemented", sandbox["parts"][name]["reason"])
            self.assertEqual(node.log().count(f"part={name} missing"), 1)
        self.check_serves(node)

    @can_deny
    def test_without_landlock(self):
        self.check_partial(["landlock_create_ruleset"], ["landlock"])

    @can_deny
    def test_without_namespaces(self):
        self.check_partial(["unshare"], NAMESPACES)

    @can_deny
    def test_without_seccomp(self):
        self.check_partial(["seccomp"], ["seccomp"])

    @can_deny
    def test_full_refuses(self):
        node = OldKernelSpearlet(self.sms, "--require-sandbox", "full")
        node.missing = ["landlock_create_ruleset", "unshare"]
        with self.assertRaises(AssertionError):
            node.start()
        self.addCleanup(node.remove)
        self.assertEqual(node.process.returncode, 2)
        for words in ("require-sandbox is full", "landlock (", "user-namespace (", "Function not implemented", "best-effort"):
            self.assertIn(words, node.log())

    def test_full(self):
        if sandbox_of(self.spearlet)["level"] != "full" and not sandbox_of(self.spearlet)["sanitizer"]:
            self.skipTest(f"this machine has not every part: {sandbox_of(self.spearlet)}")
        node = self.start_node("--require-sandbox", "full")
        self.assertEqual(sandbox_of(node)["required"], "full")
        self.check_serves(node)


@needs_engine
class Zygote(unittest.TestCase):
    """The worker program alone: its first word on the spawn socket."""

    def first_word(self, wanted, required, missing=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [harness.program("spear-worker"), "--zygote", str(wanted), str(required)]
        if missing:
            command = deny_calls.command(missing, command)
        with ours, theirs:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
                                       preexec_fn=lambda: (os.dup2(theirs.fileno(), 3), os.set_inheritable(3, True)))
            theirs.close()
            ours.settimeout(60)
            word = ours.recv(4096)
        process.wait(60)
        return HEADER.unpack_from(word)[1], word[HEADER.size:]

    def test_what_there_is(self):
        kind, rest = self.first_word(ALL, 0)
        self.assertEqual(kind, IPC_CAGE)
        self.assertEqual(struct.unpack_from("I", rest)[0] & ~ALL, 0)

    def test_nothing_wanted(self):
        kind, rest = self.first_word(0, 0)
        self.assertEqual((kind, struct.unpack_from("I", rest)[0]), (IPC_CAGE, 0))

    @can_deny
    def test_what_was_there_must_not_be_missing(self):
        kind, rest = self.first_word(ALL, LANDLOCK, ["landlock_create_ruleset"])
        self.assertEqual(kind, IPC_FAILED)
        self.assertIn(b"landlock: ", rest)
        self.assertIn(b"Function not implemented", rest)


class WithoutEngine(SpearletTestCase):
    def test_status(self):
        if spearlet_tool.HAS_ENGINE:
            self.skipTest("this build has an engine")
        self.assertEqual(sandbox_of(self.spearlet)["level"], "none")


if __name__ == "__main__":
    harness.main()
