#!/usr/bin/env python3
"""What cannot run is refused when its first instance is created, with a sentence that says what it is and what to do.

Each file is uploaded, registered and invoked over HTTP, as a user would. The modules are assembled here, by the functions of
tests/guests/wasm_build.py.
"""
import gzip
import os
import sys

import harness

sys.path.insert(0, os.path.join(harness.REPOSITORY, "tests", "guests"))
import wasm_build as wb  # the folder is on the path now

HEADER = b"\0asm\1\0\0\0"
I32, I64 = wb.I32, wb.I64


def imports(module, field, params=(), results=()):
    return wb.imports_one(module, field, params, results)


def imports_other(module, field, kind, description):
    """A module that imports a table, memory, global or tag."""
    return wb.module(types=[wb.function_type()], imports=[wb.name(module) + wb.name(field) + bytes([kind]) + description])


def code(*instructions):
    """A module whose only function holds these bytes; it has a memory."""
    return wb.command(list(instructions), memories=[b"\0\1"])


class Refused(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())
        self.spearlet = self.start(harness.Spearlet(self.sms))
        self.count = 0

    def assert_refused(self, content, *words, **members):
        """Both ways of invoking say InvalidConfiguration, with each word."""
        self.count += 1
        name = f"task-{self.count}"
        self.sms.deploy(content, name, **members)
        with self.subTest(words[0]):
            executed = self.spearlet.request("POST", "/functions/execute", {"task_id": name})
            self.assertEqual(executed.status, 200, executed.text())
            answer = executed.json()
            self.assertFalse(answer["success"])
            self.assertEqual(answer["error"]["code"], "InvalidConfiguration", answer)
            for word in words:
                self.assertIn(word, answer["error"]["message"])
            raw = self.spearlet.request("POST", f"/tasks/{name}/invoke", b"")
            self.assert_problem(raw, 500, "INVALID_CONFIGURATION", *words)

    def test_files_that_are_no_modules(self):
        magic = "missing WASM magic header"
        self.assert_refused(b"", magic, "empty")
        self.assert_refused(b"\x7fELF\2\1\1\0" + bytes(100), magic, "7f 45 4c 46", "this is an ELF program", "clang --target=wasm32-wasi")
        self.assert_refused(b"MZ\x90\0" + bytes(100), magic, "4d 5a 90 00", "this is a PE program")
        self.assert_refused(b"#!/bin/sh\necho hello\n", magic, "23 21", "this is a script")
        self.assert_refused(b"(module)\n", magic, "this is WebAssembly text: compile it with wat2wasm")
        self.assert_refused(b";; a comment\n(module)\n", magic, "this is WebAssembly text: compile it with wat2wasm")
        self.assert_refused(gzip.compress(wb.returns(1)), magic, "1f 8b", "gzip-compressed: decompress it first")
        self.assert_refused(b"PK\3\4" + bytes(30), magic, "a zip archive")
        self.assert_refused(b"!<arch>\n", magic, "a static library", "link it")
        self.assert_refused(b"<!DOCTYPE html>", magic, "an HTML page")
        self.assert_refused(b"\0\1\2\3\4", magic, "00 01 02 03 04", "no WebAssembly module")

    def test_headers(self):
        self.assert_refused(HEADER[:6], "the module ends after 6 bytes", "cut off")
        self.assert_refused(b"\0asm\x0d\0\1\0" + b"\x07\1\0", "WebAssembly component", "wasm32-wasip2", "wasm32-wasip1")
        self.assert_refused(b"\0asm\2\0\0\0", "unknown WebAssembly version", "01 00 00 00")

    def test_emscripten(self):
        self.assert_refused(imports("env", "emscripten_resize_heap", (I32,), (I32,)), '"env"."emscripten_resize_heap"', "Emscripten",
                            "-sSTANDALONE_WASM")
        self.assert_refused(imports("env", "invoke_vi", (I32, I32)), '"env"."invoke_vi"', "Emscripten")
        self.assert_refused(imports("env", "__syscall_openat", (I32,) * 4, (I32,)), '"env"."__syscall_openat"', "Emscripten")
        self.assert_refused(imports("a", "b", (I32,)), '"a"."b"', "minified", "Emscripten")
        self.assert_refused(imports_other("env", "memory", 2, b"\0\1"), '"env"."memory" is a memory', "--import-memory")
        self.assert_refused(imports("env", "not_defined"), '"env"."not_defined"', "a symbol that nothing defines")

    def test_browsers(self):
        for module in ("wbg", "__wbindgen_placeholder__", "./hello_bg.js"):
            self.assert_refused(imports(module, "__wbindgen_throw", (I32, I32)), f'"{module}"."__wbindgen_throw"', "wasm-bindgen",
                                "wasm32-wasip1")
        self.assert_refused(imports("gojs", "runtime.wasmExit", (I32,)), '"gojs"', "GOOS=wasip1")
        self.assert_refused(imports("go", "debug", (I32,)), '"go"', "GOOS=wasip1")
        self.assert_refused(imports("./glue.mjs", "f"), "JavaScript host", "rebuild it")
        self.assert_refused(imports("wasm:js-string", "length"), "JavaScript engines")
        self.assert_refused(imports("env", "abort", (I32,) * 4), '"env"."abort"', "AssemblyScript", "--use abort=")

    def test_unlinked(self):
        self.assert_refused(imports_other("env", "__linear_memory", 2, b"\0\1"), '"env"."__linear_memory"', "an object file", "link it")
        self.assert_refused(imports_other("env", "__stack_pointer", 3, bytes([I32, 1])), '"env"."__stack_pointer"', "an object file")
        self.assert_refused(imports_other("GOT.mem", "errno", 3, bytes([I32, 1])), '"GOT.mem"', "a dynamic library")

    def test_other_hosts(self):
        self.assert_refused(imports("wasi:cli/stdout@0.2.0", "get-stdout", (), (I32,)), "WASI preview 2", "wasm32-wasip1")
        self.assert_refused(imports("wasix_32v1", "fd_dup", (I32, I32), (I32,)), "WASIX")
        self.assert_refused(imports("wasi_ephemeral_nn", "load", (I32,)), "wasi-nn")
        self.assert_refused(imports("env", "proxy_log", (I32,) * 3, (I32,)), "Envoy")
        self.assert_refused(imports("extism:host/env", "input_length", (), (I64,)), "Extism")
        self.assert_refused(imports("mine", "f"), '"mine"."f"', "the host's modules are", "rebuild it as a WASI command")

    def test_functions_that_the_host_lacks(self):
        self.assert_refused(imports("wasi_snapshot_preview1", "sock_open", (I32,) * 3, (I32,)), '"wasi_snapshot_preview1"."sock_open"',
                            "socket extension")
        self.assert_refused(imports("wasi_snapshot_preview1", "fd_dup", (I32,), (I32,)), '"fd_dup"', "WASI preview 1 has no such function")
        self.assert_refused(imports("wasi_unstable", "sock_accept", (I32,) * 3, (I32,)), '"wasi_unstable"."sock_accept"',
                            "rebuild it for wasi_snapshot_preview1")
        self.assert_refused(imports("wasi_unstable", "fd_dup", (I32,), (I32,)), '"fd_dup"', "WASI of 2019", "wasi_snapshot_preview1")
        self.assert_refused(imports("wasi_snapshot_preview1", "fd_write", (I32,), (I32,)), '"fd_write" has type (i32) -> (i32)',
                            "the host's is (i32, i32, i32, i32) -> (i32)")
        self.assert_refused(imports("spear", "not_there", (), (I32,)), '"spear"."not_there"', "this node does not have it", "time_now_ms")

    def test_threads(self):
        self.assert_refused(wb.command([], memories=[b"\3\1\1"]), "shared memory (threads)", "rebuild it without -pthread")
        self.assert_refused(imports_other("env", "memory", 2, b"\3\1\1"), "a shared memory", "threads", "wasm32-wasip1-threads")
        self.assert_refused(imports("wasi", "thread-spawn", (I32,), (I32,)), '"wasi"."thread-spawn"', "threads")
        # i32.const 0, i32.atomic.load
        self.assert_refused(code(0x41, 0, 0xFE, 0x10, 2, 0, 0x1A), "threads", "rebuild it without")

    def test_memory64(self):
        self.assert_refused(wb.command([], memories=[b"\4\1"]), "memory64", "rebuild it for wasm32")
        self.assert_refused(wb.command([], memories=[b"\0\1", b"\0\1"]), "2 memories")

    def test_proposals(self):
        structure = wb.module(types=[b"\x5f\1" + bytes([I32, 0])])
        self.assert_refused(structure, "garbage collection", "Kotlin")
        self.assert_refused(wb.module(types=[b"\x60\1\x6e\0"]), "garbage collection")
        self.assert_refused(wb.module(types=[wb.function_type()], tail=wb.section(13, b"\1\0\0")), "exception handling", "-fno-exceptions")
        self.assert_refused(imports_other("env", "__cpp_exception", 4, b"\0\0"), "a tag: exception handling")
        # try end; try_table end
        self.assert_refused(code(0x06, 0x40, 0x0B), "exception handling", "-fno-exceptions")
        self.assert_refused(code(0x1F, 0x40, 0, 0x0B), "exception handling", "-fno-exceptions")
        # struct.new 0
        self.assert_refused(code(0xFB, 0, 0), "garbage collection", "rebuild it")
        # three v128.const 0, f32x4.relaxed_madd
        vector = [0xFD, 12] + [0] * 16
        self.assert_refused(code(*vector * 3, 0xFD, 0x85, 2, 0x1A), "relaxed SIMD", "-mrelaxed-simd")

    def test_more_than_allowed(self):
        self.assert_refused(wb.command([], memories=[b"\0" + wb.leb(32)]), "memory minimum 2 MiB is above limit.memory_bytes 1 MiB",
                            config={"limit.memory_bytes": "1048576"})


if __name__ == "__main__":
    harness.main()
