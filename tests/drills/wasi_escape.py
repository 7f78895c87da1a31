#!/usr/bin/env python3
"""A guest tries to leave its volume while a second process swaps a folder of it with a link that leads out: none gets out.

usage: wasi_escape.py TRIES

The guest (tests/guests/escape.c) says what it could see; here it is checked that nothing outside was changed. The swapper works as
fast as it can, with renameat2(RENAME_EXCHANGE), so that every lookup of the guest may meet either.
"""
import base64
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import harness  # the folder is on the path now

AT_FDCWD, RENAME_EXCHANGE = -100, 2
TRIES_PER_INVOCATION = 20000


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def make_volumes(data_dir):
    """The guest's two volumes, and beside them what it must not reach; gives the paths of the volume and of the outside."""
    volumes = os.path.join(data_dir, "volumes")
    volume, outside = os.path.join(volumes, "own"), os.path.join(volumes, "outside")
    for folder in (volume, os.path.join(volume, "a"), os.path.join(volumes, "other"), outside, os.path.join(outside, "empty")):
        os.makedirs(folder)
    write(os.path.join(volume, "a", "secret"), "inside")
    write(os.path.join(volume, "own"), "inside")
    write(os.path.join(outside, "secret"), "outside")
    write(os.path.join(outside, "victim"), "outside")
    os.symlink("../outside", os.path.join(volume, "b"))
    os.symlink("..", os.path.join(volume, "up"))
    os.symlink("/proc/self", os.path.join(volume, "proc"))
    return volume, outside


def swap_for_ever(volume):
    """In a process of its own: "a" is the folder, then the link, then the folder, …"""
    a, b = os.path.join(volume, "a").encode(), os.path.join(volume, "b").encode()
    while True:
        harness.LIBC.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)


def state_of(folder):
    """All that an intruder could change."""
    state = {}
    for name in sorted(os.listdir(folder)):
        st = os.lstat(os.path.join(folder, name))
        state[name] = (st.st_ino, st.st_mode, st.st_nlink, st.st_size, st.st_mtime_ns)
    return state


def start_swapper(volume):
    pid = os.fork()
    if pid == 0:
        harness.die_with_parent()
        swap_for_ever(volume)
    return pid


def invoke(spearlet, tries):
    answer = spearlet.request("POST", "/functions/execute", {"task_id": "escape"}, timeout_s=300).json()
    text = base64.b64decode(answer["output_base64"]).decode()
    print(text, end="", flush=True)
    if not answer["success"] or f"{tries} tries" not in text or " 0 opened" in text:  # what is inside has to be reached
        raise AssertionError(f"the guest failed: {answer}")


def drill(tries):
    sms = harness.Sms().start()
    spearlet = harness.Spearlet(sms).start()
    swapper = 0
    try:
        volume, outside = make_volumes(spearlet.data_dir)
        before, siblings = state_of(outside), os.listdir(os.path.dirname(outside))
        config = {"wasi.dir./own": "own:rw", "wasi.dir./tmp": "other:rw", "limit.time_ms": "250000"}
        per_invocation = min(tries, TRIES_PER_INVOCATION)
        sms.deploy(harness.sample("escape.wasm"), "escape", config=config,
                   executable={"args": [str(per_invocation)]})
        swapper = start_swapper(volume)
        done = 0
        while done < tries:
            invoke(spearlet, per_invocation)
            done += per_invocation
        if state_of(outside) != before or sorted(os.listdir(os.path.dirname(outside))) != sorted(siblings):
            raise AssertionError(f"the outside was changed:\n{before}\n{state_of(outside)}")
        print(f"{done} tries, none got out")
    finally:
        if swapper:
            os.kill(swapper, signal.SIGKILL)
            os.waitpid(swapper, 0)
        spearlet.remove()
        sms.remove()


if __name__ == "__main__":
    if not harness.sample("escape.wasm") or not harness.is_built("spear-worker"):
        print("this build has no engine, or no guests")
        sys.exit(77)
    drill(int(sys.argv[1]))
