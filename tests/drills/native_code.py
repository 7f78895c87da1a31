#!/usr/bin/env python3
"""A worker that was taken over tries everything native code can try: all of it is denied, and the node goes on serving.

usage: native_code.py

First with the whole sandbox, then on a kernel that seems to have no seccomp: what its filter would have stopped has to fail at the other parts.
The worker is tests/drills/worker_drill.c: the real one, whose guest is replaced by native attempts. Each attempt either ends its worker (the
invocation's error then says that a system call was not allowed) or fails with an errno. That the attempts are real is shown by a node
without a sandbox, where most of them succeed.
"""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import deny_calls
import harness  # the folder is on the path now

CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID = 0x10000000, 0x40000000, 0x20000000
OWN_FDS = 5  # control socket, shared memory, module, eventfd, page map; two more for each granted directory
GRANT_FD = 7  # of the first granted directory; its counter is the next one
SYSTEM_CALL = "its sandbox does not allow"
OTHERS = ("kill", "tgkill", "pidfd", "ptrace", "read_memory", "write_memory", "parents_memory")
# Succeed in a build with a sanitizer, whose runtime needs these calls.
SANITIZER_NEEDS = {"ioctl", "descriptors", "dumpable"}  # its report goes to standard error; its leak check makes a process traceable


def attempts(parent, zygote):
    """Name and argument of each; those of a worker without a grant."""
    plain = """open own_memory list_root memfd handle chmod socket unix_socket netlink socketpair connect exec exec_memory fork thread
        fork_bomb kill_all writable_code anonymous_code shared_code protect_code mount chroot setns keyctl io_uring aio bpf userfaultfd perf
        dumpable raise_limit priority shared_memory user ioctl other_architecture""".split()
    found = [(name, 0) for name in plain]
    found += [("descriptors", OWN_FDS), ("clone3", 0), ("clone3", CLONE_NEWUSER)]
    found += [("unshare", flag) for flag in (CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID)]
    for pid in (parent, zygote):
        found += [(name, pid) for name in OTHERS]
    found.append(("signal_by_descriptor", parent))
    return found


# What a worker with a granted directory may call more.
WITH_GRANT = [("openat2", -100), ("openat2", GRANT_FD), ("climb", GRANT_FD), ("climb_write", GRANT_FD), ("climb_rename", GRANT_FD),
              ("climb_unlink", GRANT_FD), ("open", 0), ("socket", 0), ("fork", 0), ("writable_code", 0), ("descriptors", OWN_FDS + 2)]
# What fails without the filter, by Landlock, the namespaces and the limits.
WITHOUT_FILTER = "open own_memory list_root chmod exec exec_memory kill_all mount chroot perf raise_limit".split()
if os.geteuid() != 0:  # the limit of processes is not for root
    WITHOUT_FILTER += ["fork", "clone3", "thread", "fork_bomb"]
WITHOUT_FILTER_GRANTED = [("openat2", -100), ("openat2", GRANT_FD), ("climb", GRANT_FD), ("climb_write", GRANT_FD), ("climb_rename", GRANT_FD),
                          ("climb_unlink", GRANT_FD)]
# On a node without a sandbox these succeed, in whatever machine the drill runs.
FREE = ["open", "own_memory", "list_root", "memfd", "socket", "unix_socket", "socketpair", "fork", "clone3", "thread", "fork_bomb",
        "writable_code", "anonymous_code", "protect_code", "dumpable", "priority", "user", "ioctl", "descriptors"]


class OldKernelSpearlet(harness.Spearlet):
    """A spearlet on a kernel without these system calls."""
    missing = ()

    def command(self):
        return deny_calls.command(self.missing, super().command()) if self.missing else super().command()


class Node:
    def __init__(self, *options, missing=()):
        self.sms = harness.Sms().start()
        self.spearlet = OldKernelSpearlet(self.sms, "--worker-path", os.path.join(harness.BUILD_DIR, "tests/drills/spear-worker-drill"), *options)
        self.spearlet.missing = missing
        try:
            self.spearlet.start()
            os.makedirs(os.path.join(self.spearlet.data_dir, "volumes", "own"))
            self.victim = os.path.join(self.spearlet.data_dir, "volumes", "victim")
            with open(self.victim, "w", encoding="ascii"):
                pass
            self.sms.deploy(harness.sample("hello.wasm"), "plain")
            self.sms.deploy(harness.sample("hello.wasm"), "granted", config={"wasi.dir./own": "own:rw"})
        except BaseException:
            self.remove()
            raise

    def remove(self):
        self.spearlet.remove()
        self.sms.remove()

    def sandbox(self):
        return self.spearlet.request("GET", "/status").json()["sandbox"]

    def execute(self, task, function=""):
        answer = self.spearlet.request("POST", "/functions/execute", {"task_id": task, "function_name": function}).json()
        return answer, base64.b64decode(answer["output_base64"] or "").decode()

    def attempt(self, task, name, argument):
        """What came of it: "denied …" or "succeeded …"; or "killed: …", the words of the error."""
        answer, text = self.execute(task, f"attempt:{name}:{argument}")
        if answer["success"]:
            return text
        self.execute(task)  # a task whose workers die in a row would be backed off
        return "killed: " + answer["error"]["message"]

    def check_denied(self, wanted, allowed=()):
        """Makes each attempt (task, name, argument)."""
        for task, name, argument in wanted:
            outcome = self.attempt(task, name, argument)
            print(f"{task:8} {name:22} {argument:10} {outcome}")
            if not is_denied(outcome) and name not in allowed:
                raise AssertionError(f"{name} {argument} got through: {outcome}")
        print(f"{len(wanted)} attempts, none got through")

    def check_serves(self):
        volumes = sorted(os.listdir(os.path.dirname(self.victim)))
        if volumes != ["own", "victim"]:
            raise AssertionError(f"what lies beside the volume was changed: {volumes}")
        answer, text = self.execute("plain")
        if not answer["success"] or "Hello" not in text:
            raise AssertionError(f"the node does not serve: {answer} {text}")



def is_denied(outcome):
    return outcome.startswith("denied E") or (outcome.startswith("killed: ") and SYSTEM_CALL in outcome)


def caged():
    node = Node()
    try:
        sandbox = node.sandbox()
        print("sandbox:", sandbox["level"], sorted(name for name, part in sandbox["parts"].items() if part["present"]))
        if not sandbox["parts"]["seccomp"]["present"]:
            print("this machine has no seccomp filters; nothing is shown")
            sys.exit(77)
        node.check_serves()
        wanted = [("plain", *each) for each in attempts(node.spearlet.process.pid, node.spearlet.children()[0])]
        node.check_denied(wanted + [("granted", *each) for each in WITH_GRANT], SANITIZER_NEEDS if sandbox["sanitizer"] else ())
        node.check_serves()
    finally:
        node.remove()


def without_filter():
    if not deny_calls.is_possible():
        print("not shown on this processor: what holds without the filter")
        return
    node = Node(missing=["seccomp"])
    try:
        parts = node.sandbox()["parts"]
        if parts["seccomp"]["present"]:
            raise AssertionError(parts)
        if not all(part["present"] for name, part in parts.items() if name != "seccomp"):
            print("this machine lacks other parts of the sandbox; what holds without the filter is not shown")
            return
        node.check_serves()
        wanted = [("plain", name, 0) for name in WITHOUT_FILTER]
        wanted += [("plain", name, node.spearlet.process.pid) for name in OTHERS]
        node.check_denied(wanted + [("granted", *each) for each in WITHOUT_FILTER_GRANTED])
        node.check_serves()
    finally:
        node.remove()


def deaths():
    """A worker that ends by its own fault says why."""
    node = Node()
    try:
        for name, words in (("abort", "stopped itself"), ("assert", "assertion failed: value == 0x1234")):
            outcome = node.attempt("plain", name, 0)
            print(f"{name:31} {outcome}")
            if words not in outcome:
                raise AssertionError(f"{name}: {outcome}")
        node.check_serves()
    finally:
        node.remove()


def free():
    node = Node("--require-sandbox", "off")
    try:
        if node.sandbox()["level"] != "off":
            raise AssertionError(node.sandbox())
        for name in FREE:
            outcome = node.attempt("plain", name, OWN_FDS if name == "descriptors" else 0)
            print(f"uncaged  {name:22} {outcome}")
            if not outcome.startswith("succeeded"):
                raise AssertionError(f"without a sandbox {name} should succeed: {outcome}")
        for name in ("kill", "pidfd"):
            outcome = node.attempt("plain", name, node.spearlet.process.pid)
            if not outcome.startswith("succeeded"):
                raise AssertionError(f"without a sandbox {name} should succeed: {outcome}")
        outcome = node.attempt("plain", "exec", 0)
        if "exited with 0" not in outcome:
            raise AssertionError(f"without a sandbox exec should succeed: {outcome}")
        outcome = node.attempt("granted", "climb", GRANT_FD)
        if not outcome.startswith("succeeded"):
            raise AssertionError(f"without a sandbox climbing out should succeed: {outcome}")
    finally:
        node.remove()


if __name__ == "__main__":
    if not harness.sample("hello.wasm"):
        print("this build has no guests")
        sys.exit(77)
    caged()
    without_filter()
    deaths()
    free()
