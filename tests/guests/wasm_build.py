#!/usr/bin/env python3
"""Assembles modules that no compiler would make, for the tests: wasm_build.py NAME OUTPUT.

An assembler of a few functions (section, vector, name), and one function per module under MODULES. `native` also takes
the path of the engine's own compiler.
"""
import os
import subprocess
import sys
import tempfile

I32, I64, F32, F64, V128, FUNCREF = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70
END = 0x0B


def leb(n):
    out = bytearray()
    while True:
        byte, n = n & 0x7F, n >> 7
        if not n:
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def name(text):
    raw = text.encode()
    return leb(len(raw)) + raw


def vector(items):
    return leb(len(items)) + b"".join(items)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def function_type(params=(), results=()):
    return b"\x60" + vector([bytes([t]) for t in params]) + vector([bytes([t]) for t in results])


def import_function(module, field, type_index):
    return name(module) + name(field) + b"\x00" + leb(type_index)


def export(field, kind, index):
    return name(field) + bytes([kind]) + leb(index)


def body(code, local_groups=()):
    content = vector([leb(count) + bytes([t]) for count, t in local_groups]) + bytes(code) + bytes([END])
    return leb(len(content)) + content


def custom(field, content):
    return section(0, name(field) + content)


def module(types=(), imports=(), functions=(), tables=(), memories=(), exports=(), codes=(), tail=b"", start=None, elements=()):
    out = b"\0asm\1\0\0\0"
    for number, items in ((1, types), (2, imports), (3, [leb(f) for f in functions]), (4, tables), (5, memories), (7, exports)):
        if items:
            out += section(number, vector(list(items)))
    if start is not None:
        out += section(8, leb(start))
    if elements:
        out += section(9, vector(list(elements)))
    if codes:
        out += section(10, vector(list(codes)))
    return out + tail


def returns(number, tail=b""):
    """value() -> i32 gives `number`."""
    return module(types=[function_type((), (I32,))], functions=[0], exports=[export("value", 0, 0)],
                  codes=[body([0x41] + list(leb(number)))], tail=tail)


def imports_one(module_name, field, params=(), results=()):
    return module(types=[function_type(params, results), function_type()], imports=[import_function(module_name, field, 0)],
                  functions=[1], exports=[export("_start", 0, 1)], codes=[body([])])


def command(code, **more):
    return module(types=[function_type()], functions=[0], exports=[export("_start", 0, 0)], codes=[body(code)], **more)


def keeps_start_time(start, exports):
    """began() -> i64 gives the monotonic time, in ns, at which function 1 was called."""
    return module(
        types=[function_type((I32, I64, I32), (I32,)), function_type(), function_type((), (I64,))],
        imports=[import_function("wasi_snapshot_preview1", "clock_time_get", 0)], functions=[1, 2], memories=[b"\0\1"],
        exports=[export("began", 0, 2)] + exports, start=start,
        codes=[body([0x41, 1, 0x42, 0, 0x41, 8, 0x10, 0, 0x1A]), body([0x41, 8, 0x29, 0, 0])])


def native():
    """Bytecode that returns 1, with native code that returns 2 in the engine's custom section."""
    with tempfile.TemporaryDirectory() as folder:
        plain, compiled = os.path.join(folder, "a.wasm"), os.path.join(folder, "b.wasm")
        with open(plain, "wb") as out:
            out.write(returns(2))
        subprocess.run([sys.argv[3], "compile", plain, compiled], check=True, stdout=subprocess.DEVNULL)
        with open(compiled, "rb") as made:
            wasm = made.read()
    assert b"wasmedge" in wasm
    return returns(1, tail=wasm[len(returns(2)):])


MODULES = {
    "bad_import": lambda: imports_one("env", "emscripten_notify_memory_growth", (I32,)),
    "bad_spear": lambda: imports_one("spear", "cchat_create", (), (I32,)),
    "bad_type": lambda: imports_one("wasi_snapshot_preview1", "fd_write", (I32, I32), (I32,)),
    "old_wasi": lambda: module(
        types=[function_type((I32,)), function_type()], imports=[import_function("wasi_unstable", "proc_exit", 0)], functions=[1],
        memories=[b"\0\1"], exports=[export("_start", 0, 1), export("memory", 2, 0)], codes=[body([0x41, 5, 0x10, 0])]),
    "component": lambda: b"\0asm\x0d\0\1\0" + b"\x07\x01\x00",
    # i32.add on an empty stack, behind a custom section
    "bad_body": lambda: command([])[:8] + custom("padding", b"123456") + command([0x6A])[8:],
    "big_memory": lambda: command([], memories=[b"\0" + leb(3200)]),  # 200 MiB
    "native": native,
    "names": lambda: returns(4, tail=custom("name", b"\0" * 40) + custom("producers", b"x" * 100)),
    "start_exits": lambda: module(
        types=[function_type((I32,)), function_type()], imports=[import_function("wasi_snapshot_preview1", "proc_exit", 0)],
        functions=[1, 1], exports=[export("_start", 0, 2)], start=1, codes=[body([0x41, 9, 0x10, 0]), body([])]),
    "start_traps": lambda: module(types=[function_type()], functions=[0, 0], exports=[export("_start", 0, 1)], start=0,
                                  codes=[body([0x00]), body([])]),
    "start_asks": lambda: keeps_start_time(1, []),
    "initialize_asks": lambda: keeps_start_time(None, [export("_initialize", 0, 1)]),
    # swap() calls the table's only entry, one(), and then puts two() into its place.
    "table_set": lambda: module(
        types=[function_type((), (I32,))], functions=[0, 0, 0], tables=[b"\x70\0\1"],
        exports=[export(field, 0, index) for index, field in enumerate(("swap", "one", "two"))],
        elements=[b"\0\x41\0\x0b" + vector([leb(1)])],
        codes=[body([0x41, 0, 0x11, 0, 0, 0x41, 0, 0xD2, 2, 0x26, 0]), body([0x41, 1]), body([0x41, 2])]),
    # grow_table(n): what table.grow by n answers; the table has no maximum of its own.
    "table_grow": lambda: module(types=[function_type((I32,), (I32,))], functions=[0], tables=[b"\x70\0\1"],
                                 exports=[export("grow_table", 0, 0)], codes=[body([0xD0, 0x70, 0x20, 0, 0xFC, 15, 0])]),
    "tail_call": lambda: module(  # count(n): n tail calls, so a stack that grows would not do
        types=[function_type((I32,), (I32,))], functions=[0], exports=[export("count", 0, 0)],
        codes=[body([0x20, 0, 0x45, 0x04, I32, 0x41, 42, 0x05, 0x20, 0, 0x41, 1, 0x6B, 0x12, 0, END])]),
    "vector": lambda: module(types=[function_type((V128,), ())], functions=[0], exports=[export("take", 0, 0)], codes=[body([])]),
    "types": lambda: module(
        types=[function_type((I32, I64, F32, F64), (I32, I64, F32, F64))], functions=[0], exports=[export("same", 0, 0)],
        codes=[body([0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3])]),
    "no_entry": lambda: module(types=[function_type()], functions=[0], exports=[export("other", 0, 0)], codes=[body([])]),
}

if __name__ == "__main__":
    with open(sys.argv[2], "wb") as output:
        output.write(MODULES[sys.argv[1]]())
