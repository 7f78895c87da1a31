"""Many requests through few workers, several at a time in each: every answer is its own request's, and a worker that is killed costs what it ran."""
import os
import signal
import threading

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

CALLERS = 24


@needs_engine
@needs_guests("echo.wasm", "sleep.wasm")
class Ring(spearlet_tool.SpearletTestCase):
    def echo_all(self, task, rounds, failed=None):
        """Each caller's requests one after the other; payloads that fit a slot, that outgrow one, and none."""
        def calls(number):
            for turn in range(rounds):
                size = (0, 5, 4000, 70000, 200000)[(number + turn) % 5]
                payload = f"{number} {turn} ".encode() * (size // 8)
                answer = self.invoke(task, payload)
                if failed is not None and answer.status != 200:
                    failed.append(answer)
                    continue
                self.assertEqual((answer.status, answer.body == payload), (200, True), (number, turn, size))
        harness.together(*[lambda n=n: calls(n) for n in range(CALLERS)])

    def test_every_answer_is_its_own(self):
        for config in ({"scale.max": "1"}, {"scale.max": "4"}, {"scale.max": "2", "isolation": "strict"}):
            task = self.deploy("echo.wasm", "echo-" + "-".join(config.values()), config=config)
            self.invoke(task, b"x")
            self.echo_all(task, 15)

    def test_killed_workers_cost_what_they_ran(self):
        task = self.deploy("echo.wasm", config={"scale.max": "2"})
        self.invoke(task, b"x")
        failed, killed, over = [], [], threading.Event()

        def kill():
            while not over.wait(0.2) and len(killed) < 6:
                for instance in self.instances():
                    if instance["state"] in ("ready", "running"):
                        os.kill(instance["pid"], signal.SIGKILL)
                        killed.append(instance["pid"])
                        break
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        self.echo_all(task, 40, failed)
        over.set()
        killer.join()
        for answer in failed:
            self.assert_problem(answer, 500, "RUNTIME_ERROR")
        self.assertLessEqual(len(failed), len(killed))

    def test_nobody_waits_behind_a_slow_one(self):
        """A task that was quick so far: what waits behind its first slow request goes to another worker."""
        task = self.deploy("sleep.wasm", config={"scale.max": "4"})
        for _ in range(20):
            self.invoke(task, b"0")
        slow = harness.Together([lambda: self.invoke(task, b"25000")] * 2)
        running = [i["pid"] for i in self.wait_running(2)]
        answers = harness.together(*[lambda: self.invoke(task, b"0")] * 8)
        self.assertEqual({answer.body for answer in answers}, {b"slept 0\n"})
        self.assertTrue(slow.is_running())
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        slow.join()


if __name__ == "__main__":
    harness.main()
