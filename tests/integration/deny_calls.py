#!/usr/bin/env python3
"""Runs a program on a kernel that seems to lack some system calls (they answer ENOSYS), to show what it makes of that.

usage: deny_calls.py NAME[,NAME...] PROGRAM [ARGUMENT...]
"""
import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {
    "x86_64": {"unshare": 272, "seccomp": 317, "landlock_create_ruleset": 444},
    "aarch64": {"unshare": 97, "seccomp": 277, "landlock_create_ruleset": 444},
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000


def is_possible():
    return platform.machine() in NUMBERS


def deny(names):
    """For this process and those it becomes."""
    numbers = [NUMBERS[platform.machine()][name] for name in names]
    program = struct.pack("HBBI", LOAD_NUMBER, 0, 0, 0)
    for number in numbers:
        program += struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number) + struct.pack("HBBI", RETURN, 0, 0, FAIL | errno.ENOSYS)
    program += struct.pack("HBBI", RETURN, 0, 0, ALLOW)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, head, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def command(names, program):
    """The command that runs `program` (a list) so."""
    return [sys.executable, os.path.abspath(__file__), ",".join(names), *program]


if __name__ == "__main__":
    deny(sys.argv[1].split(","))
    os.execv(sys.argv[2], sys.argv[2:])
