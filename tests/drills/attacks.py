"""The ten ways in which a guest kills or leaves a plain embedding of the engine, as real modules: each is contained, its caller reads why, and a
neighbour's task answers rightly before, during and after. attack_modules.py has the modules.

usage: attacks.py [CASE]
"""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import attack_modules  # noqa: E402
import harness  # noqa: E402
import spearlet_tool  # noqa: E402

TIERS = ("off", "before-ready")  # of the task's `aot`
NEVER_MS = "600"
# A sanitizer takes the fault for one of ours, or ends the process itself when its memory is used up; what is said then is its own.
STACK_EXHAUSTED = "" if harness.is_sanitized("spear-worker") else "stack exhausted"
WASI_EINVAL, WASI_EFAULT, WASI_ENOTSUP, WASI_EBADF = 28, 21, 58, 8


class Neighbour(threading.Thread):
    """Another task's caller: calls until it is stopped, and keeps what was not as it should be."""

    def __init__(self, spearlet):
        super().__init__(daemon=True)
        self.spearlet, self.wrong, self.calls, self.is_over = spearlet, [], 0, False

    def call(self):
        text = f"call {self.calls}".encode()
        answer = self.spearlet.request("POST", "/tasks/neighbour/invoke", text)
        if (answer.status, answer.body) != (200, text):
            self.wrong.append(answer)
        self.calls += 1

    def run(self):
        while not self.is_over:
            self.call()


class Attacks(spearlet_tool.SpearletTestCase):
    options = ("--compile-jobs", "1")

    def setUp(self):
        super().setUp()
        self.deploy("echo.wasm", "neighbour", config={"scale.max": "2"})
        self.neighbour = Neighbour(self.spearlet)
        self.neighbour.call()
        self.neighbour.start()
        self.addCleanup(self.check_neighbour)

    def check_neighbour(self):
        """After the attack: it was served during it, and is now."""
        seen = self.neighbour.calls
        harness.wait_until(lambda: self.neighbour.calls > seen, what="the neighbour's next answer")
        self.neighbour.is_over = True
        self.neighbour.join()
        self.assertEqual(self.neighbour.wrong, [])
        self.assertTrue(self.spearlet.is_running())
        self.assertNotIn("zygote ended", self.spearlet.log())

    def attacker(self, module, tier, **config):
        config = {"aot": tier, "limit.time_ms": "20000", **{key.replace("_", ".", 1): value for key, value in config.items()}}
        return self.deploy(module, f"attacker-{tier}-{len(self.neighbour.wrong)}-{id(module)}", config=config)

    def contained(self, module, code, *words, tiers=TIERS, **config):
        """Fails with that error on every tier."""
        for tier in tiers:
            with self.subTest(tier=tier):
                task = self.attacker(module, tier, **config)
                self.execute_error(task, code, *words)
                if tier == "before-ready" and code != "ExecutionTimeout" and not harness.is_sanitized("spear-worker"):
                    self.assertEqual(self.spearlet.request("GET", f"/tasks/{task}").json()["code"]["state"], "native")

    def refused_at_create(self, module, *words):
        self.contained(module, "InvalidConfiguration", *words, tiers=TIERS[:1])

    # ---- the ten

    def test_1_native_code_in_a_custom_section(self):
        modules = [attack_modules.native_code()]
        if harness.sample("native.wasm"):  # made with the engine's compiler: it would run, and give 2
            modules.append(spearlet_tool.module_bytes("native.wasm"))
        for module in modules:
            for tier in TIERS:
                result = self.execute_ok(self.attacker(module, tier), function_name="value")
                self.assertEqual(result["results"], [1])

    def test_2_frames_larger_than_a_guard_page(self):
        self.refused_at_create(attack_modules.too_many_locals(), "locals")
        self.contained(attack_modules.large_frames(), "RuntimeError", STACK_EXHAUSTED)

    def test_3_and_5_endless_recursion(self):
        self.contained(attack_modules.recursion_that_keeps(), "RuntimeError", STACK_EXHAUSTED)

    def test_4_many_traps_at_once(self):
        for tier in TIERS:
            task = self.attacker(attack_modules.out_of_bounds(), tier, scale_max="4")
            harness.together(*[lambda: self.execute_error(task, "RuntimeError", "out of bounds")] * 16)

    def test_6_tables_without_end(self):
        self.refused_at_create(attack_modules.large_table(), "table minimum of 1000000000 entries")
        for tier in TIERS:
            self.assertEqual(self.execute_ok(self.attacker(attack_modules.table_grows(), tier), function_name="grow")["results"], [-1])

    def test_7_endless_loops(self):
        for make in (attack_modules.endless_loop, attack_modules.endless_fill, attack_modules.endless_host_calls):
            self.contained(make(), "ExecutionTimeout", "limit.time_ms", NEVER_MS, limit_time_ms=NEVER_MS)

    def test_8_poll_oneoff_overflow(self):
        for tier in TIERS:
            result = self.execute(self.attacker(attack_modules.poll_overflow(), tier))
            self.assertIn(result["exit_code"], (WASI_EINVAL, WASI_EFAULT), result)

    def test_9_sockets(self):
        self.refused_at_create(attack_modules.socket_import(), "sock_open")
        for tier in TIERS:
            result = self.execute(self.attacker(attack_modules.socket_accept(), tier))
            self.assertIn(result["exit_code"], (WASI_EBADF, WASI_ENOTSUP), result)

    def test_10_what_is_hard_to_compile(self):
        for tier in ("background", "before-ready"):
            self.execute(self.attacker(attack_modules.hard_to_compile(), tier))  # run or refused, the node is there


if __name__ == "__main__":
    harness.main()
