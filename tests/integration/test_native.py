"""Native code: made in the background, taken over without losing a request, kept, verified, shared, given up."""
import base64
import os
import pathlib
import sys
import unittest

import cli_tool
import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "guests"))
import wasm_build  # noqa: E402

SANITIZED = harness.is_sanitized("spear-worker")
NO_MEMORY = ["the compiler"] if SANITIZED else ["compile-memory-max"]
COMPILE_S = 240  # a compilation has the lowest priority there is, and the machine other things to do


def out_of_bounds():
    """A function that reads behind its memory of one page."""
    code = bytes([0x41]) + b"\x80\x80\x04" + bytes([0x28, 0x02, 0x00])  # i32.const 65536, i32.load
    return wasm_build.module(
        types=[wasm_build.function_type((), (wasm_build.I32,))], functions=[0], memories=[b"\x01\x01\x01"],
        exports=[wasm_build.export("read", 0, 0)], codes=[wasm_build.body(code)])


class NativeTestCase(spearlet_tool.SpearletTestCase):
    options = ("--compile-jobs", "1", "--threads", "1")

    def code(self, task):
        return self.spearlet.request("GET", f"/tasks/{task}").json()["code"]

    def wait_code(self, task, state="native"):
        def look():
            code = self.code(task)
            return code if code["state"] == state and not code["compiling"] else None
        return harness.wait_until(look, COMPILE_S, f"task {task} with code {state}")

    def metric(self, name):
        for line in self.spearlet.request("GET", "/metrics").text().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[-1])
        self.fail(f"no metric {name}")

    def compiles(self, result):
        return self.metric('spearlet_compiles_total{result="%s"}' % result)

    def wait_instances_have(self, code):
        return harness.wait_until(lambda: {i["code"] for i in self.instances()} == {code}, what=f"instances with {code}")

    def compilers(self):
        """The processes of spearlet that compile: they alone have that priority."""
        found = []
        for pid in self.spearlet.children():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                found += [pid] if fields[16] == "19" and fields[0] != "Z" else []
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def cache_folder(self):
        return pathlib.Path(self.spearlet.data_dir) / "cache" / "native"

    def ran(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return answer.headers["Server-Timing"].rpartition("code;desc=")[2]


@needs_engine
@needs_guests("hello.wasm", "echo.wasm", "counter.wasm")
class Background(NativeTestCase):
    def test_interpreted_at_once_and_native_soon(self):
        task = self.deploy("hello.wasm")
        self.assertEqual(self.code(task), {"state": "interpreter", "compiling": False, "failure": None})
        first = self.invoke(task, b"abc")
        self.assertEqual((first.body, self.ran(first)), (b"Hello, world!\nABC", "interpreter"))
        code = self.wait_code(task)
        self.assertGreater(code["size_bytes"], 0)
        self.assertGreater(code["compile_ms"], 0)
        self.wait_instances_have("native")
        second = self.invoke(task, b"abc")
        self.assertEqual((second.body, self.ran(second)), (first.body, "native"))
        self.assertEqual(self.compiles("done"), 1)
        self.assertEqual(self.metric("spearlet_compiles_running"), 0)
        files = list(self.cache_folder().iterdir())
        self.assertEqual([oct(f.stat().st_mode & 0o7777) for f in files], ["0o600"])
        self.assertEqual(self.metric("spearlet_native_cache_bytes"), files[0].stat().st_size)
        self.assertEqual(oct(self.cache_folder().stat().st_mode & 0o7777), "0o700")
        self.assertEqual(self.compilers(), [])

    def test_sms_and_the_command_line_ask_the_nodes(self):
        self.wait_registered()
        task = self.deploy("echo.wasm")
        self.invoke(task, b"x")
        code = self.wait_code(task)
        found = self.sms.request("GET", f"/api/v1/tasks/{task}?nodes=true").json()
        self.assertEqual(found["task_id"], task)
        node, = found["nodes"]
        self.assertEqual((node["code"], node["waiting"], node["http_address"]), (code, 0, self.spearlet.address))
        self.assertNotIn("nodes", self.sms.request("GET", f"/api/v1/tasks/{task}").json())
        shown = cli_tool.spear("tasks", "get", "echo", sms=self.sms)
        self.assertIn(f"native, compiled in {code['compile_ms']} ms, {code['size_bytes']} bytes on {self.spearlet.address}",
                      shown.stdout.decode())
        self.spearlet.kill()
        node, = self.sms.request("GET", f"/api/v1/tasks/{task}?nodes=true").json()["nodes"]
        self.assertTrue(node["error"])
        self.assertNotIn("code", node)

    def test_no_request_is_lost_on_the_way(self):
        task = self.deploy("hello.wasm", config={"scale.max": "2"})
        stop, seen = [], set()

        def caller(number):
            body = b"x%d" % number
            while not stop:
                answer = self.invoke(task, body)
                seen.add(self.ran(answer))
                self.assertEqual(answer.body, b"Hello, world!\nX%d" % number)

        callers = harness.Together([lambda n=n: caller(n) for n in range(4)])
        try:
            harness.wait_until(lambda: self.instances() and self.code(task)["state"] == "native", COMPILE_S, "native code")
            self.wait_instances_have("native")
            harness.wait_until(lambda: "native" in seen, what="an answer of native code")
        finally:
            stop.append(True)
            callers.join()
        self.assertEqual(seen, {"interpreter", "native"})

    def test_scale_min_is_kept_and_the_only_instance_may_be_replaced(self):
        task = self.deploy("echo.wasm", config={"scale.max": "1", "scale.min": "1"})
        before = self.invoke(task, b"1").headers["x-instance-id"]
        self.wait_code(task)
        self.wait_instances_have("native")
        after = self.invoke(task, b"2")
        self.assertEqual((after.body, self.ran(after)), (b"2", "native"))
        self.assertNotEqual(after.headers["x-instance-id"], before)

    def test_kept_state_is_not_moved(self):
        task = self.deploy("counter.wasm", config={"scale.max": "1", "instance.reuse": "true"})
        results = [self.execute_ok(task, function_name="next")["results"]]
        self.wait_code(task)
        results += [self.execute_ok(task, function_name="next")["results"] for _ in range(2)]
        self.assertEqual(results, [[101], [102], [103]])
        self.assertEqual([i["code"] for i in self.instances()], ["interpreter"])

    def test_one_compilation_for_tasks_with_one_module(self):
        module = spearlet_tool.module_bytes("echo.wasm")
        tasks = [self.deploy(module, name) for name in ("one", "two", "three")]
        harness.together(*[lambda t=t: self.invoke(t, b"x") for t in tasks])
        for task in tasks:
            self.wait_code(task)
        self.assertEqual((self.compiles("done"), self.metric("spearlet_native_misses_total")), (1, 1))

    def test_off(self):
        task = self.deploy("echo.wasm", config={"aot": "off"})
        self.assertEqual(self.ran(self.invoke(task, b"x")), "interpreter")
        self.assertEqual(self.code(task), {"state": "interpreter", "compiling": False, "failure": None})
        self.assertEqual(self.metric("spearlet_native_misses_total"), 0)


@needs_engine
@needs_guests("echo.wasm")
class Cache(NativeTestCase):
    def compile(self):
        task = self.deploy("echo.wasm")
        self.invoke(task, b"x")
        self.wait_code(task)
        return task

    def test_survives_a_restart(self):
        task = self.compile()
        self.spearlet.restart()
        self.wait_registered()
        answer = self.invoke(task, b"y")
        self.assertEqual((answer.body, self.ran(answer)), (b"y", "native"))  # the first one already
        self.assertEqual(self.metric("spearlet_native_hits_total"), 1)
        self.assertEqual(self.compiles("done"), 0)

    def test_a_damaged_file_is_compiled_again(self):
        task = self.compile()
        self.spearlet.stop()
        path = next(self.cache_folder().iterdir())
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        self.spearlet.start()
        self.wait_registered()
        self.assertEqual(self.invoke(task, b"y").body, b"y")
        self.wait_code(task)
        self.assertEqual((self.metric("spearlet_native_refused_total"), self.compiles("done")), (1, 1))
        self.assertIn("native code refused", self.spearlet.log())
        self.assertEqual(path.stat().st_size, len(content))

    def test_a_foreign_file_is_not_loaded(self):
        task = self.compile()
        self.spearlet.stop()
        path = next(self.cache_folder().iterdir())
        (pathlib.Path(self.spearlet.data_dir) / "native.key").write_bytes(b"k" * 32)
        left = self.cache_folder() / "new-left-by-a-crash"
        left.mkdir()
        (left / "code.o").write_bytes(b"x")
        self.spearlet.start()
        self.wait_registered()
        self.assertEqual(self.invoke(task, b"y").body, b"y")
        self.wait_code(task)
        self.assertEqual((self.metric("spearlet_native_refused_total"), self.compiles("done")), (1, 1))
        self.assertEqual(list(self.cache_folder().iterdir()), [path])


@needs_engine
@needs_guests("trap.wasm", "recurse.wasm", "spin.wasm", "exit3.wasm")
class BeforeReady(NativeTestCase):
    config = {"aot": "before-ready", "scale.max": "1", "limit.time_ms": str(COMPILE_S * 1000)}

    def fails(self, guest, kind, *words, **members):
        task = self.deploy(guest, name="native", config=self.config)
        plain = self.deploy(guest, name="plain", config={"aot": "off", "scale.max": "1"})
        result = self.execute_error(task, kind, *words, **members)
        self.assertEqual(self.code(task)["state"], "native")
        same = self.execute_error(plain, kind, *words, **members)
        self.assertEqual((result["status"], result["exit_code"]), (same["status"], same["exit_code"]))
        again = self.execute_error(task, kind, *words, **members)  # the worker is as good as new, or a new one
        self.assertEqual(again["status"], result["status"])
        self.assertEqual(self.compiles("failed"), 0)

    def test_traps_are_named(self):
        self.fails("trap.wasm", "RuntimeError", "trap", "unreachable")

    def test_out_of_bounds(self):
        self.fails(out_of_bounds(), "RuntimeError", "trap", "out of bounds", function_name="read")

    def test_endless_recursion(self):
        # A sanitizer ends the interpreter in words of its own.
        self.fails("recurse.wasm", "RuntimeError", *([] if SANITIZED else ["stack exhausted"]))

    def test_exit_code(self):
        self.fails("exit3.wasm", "RuntimeError", "3")

    def test_a_deadline_ends_native_code(self):
        task = self.deploy("spin.wasm", config=self.config)
        self.execute_error(task, "ExecutionTimeout", timeout_ms=1)  # begins the compilation
        self.wait_code(task)
        self.execute_error(task, "ExecutionTimeout", timeout_ms=300)
        self.assertEqual({i["code"] for i in self.instances()} - {"native"}, set())


@needs_engine
@needs_guests("word_count.wasm")
class GivingUp(NativeTestCase):
    def test_a_task_that_goes(self):
        self.wait_registered()
        task = self.deploy("word_count.wasm")
        self.assertEqual(self.ran(self.invoke(task, b"a b a")), "interpreter")
        pid, = harness.wait_until(self.compilers, COMPILE_S, "a compilation")
        self.assertTrue(self.code(task)["compiling"])
        self.sms.request("DELETE", f"/api/v1/tasks/{task}")
        harness.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the compiler's end")
        harness.wait_until(lambda: self.metric("spearlet_compiles_running") == 0, what="no compilation")
        self.assertEqual((self.compiles("cancelled"), self.compiles("failed")), (1, 0))
        self.assertEqual(self.compilers(), [])
        harness.wait_until(lambda: not list(self.cache_folder().glob("new-*")), what="the scratch folder's end")

    def test_the_node_ends(self):
        task = self.deploy("word_count.wasm")
        self.invoke(task, b"a b a")
        pid, = harness.wait_until(self.compilers, COMPILE_S, "a compilation")
        self.assertEqual(self.spearlet.stop(), 0)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))


@needs_engine
@needs_guests("echo.wasm", "word_count.wasm")
class Limits(NativeTestCase):
    options = NativeTestCase.options + ("--compile-memory-max", "16MiB")

    def failed(self, task, *words):
        harness.wait_until(lambda: self.code(task)["failure"], COMPILE_S, "the failure")
        code = self.wait_code(task, "interpreter")
        for word in words:
            self.assertIn(word, code["failure"])
        self.assertIn("not compiled", self.spearlet.log())
        # Remembered, and served all the same.
        before = self.compiles("failed")
        self.assertEqual(self.ran(self.invoke(task, b"x")), "interpreter")
        self.execute_ok(task, input_base64=base64.b64encode(b"x").decode(), force_new_instance=True)
        self.assertEqual((self.code(task)["compiling"], self.compiles("failed")), (False, before))

    def test_memory(self):
        task = self.deploy("echo.wasm")
        self.assertEqual(self.ran(self.invoke(task, b"x")), "interpreter")
        self.failed(task, *NO_MEMORY)

    def test_before_ready_serves_what_cannot_be_compiled(self):
        task = self.deploy("echo.wasm", config={"aot": "before-ready", "limit.time_ms": str(COMPILE_S * 1000)})
        answer = self.invoke(task, b"x")
        self.assertEqual((answer.body, self.ran(answer)), (b"x", "interpreter"))
        self.failed(task, *NO_MEMORY)

    def test_time(self):
        self.spearlet.arguments[-2:] = ["--compile-timeout", "1s"]
        self.spearlet.restart()
        self.wait_registered()
        task = self.deploy("word_count.wasm")
        self.invoke(task, b"a b a")
        failure = harness.wait_until(lambda: self.code(task)["failure"], COMPILE_S, "the failure")
        self.assertIn("compile-timeout", failure)
        code = self.code(task)  # the quick one may have been in time
        self.assertIn((code["state"], code["compiling"]), {("interpreter", False), ("native-o0", False)})
        self.assertEqual(self.invoke(task, b"a b a").status, 200)
        self.assertEqual(self.code(task)["compiling"], False)


if __name__ == "__main__":
    harness.main()
