"""Workers that die again and again: their task is backed off and says why, everybody else is served as before."""
import os
import signal
import subprocess
import sys

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

sys.path.insert(0, os.path.join(harness.REPOSITORY, "tests", "guests"))
import wasm_build as wb  # the folder is on the path now

CRASHES = 5  # TASK_CRASHES_MAX


@needs_engine
@needs_guests("strain.wasm", "hello.wasm", "exit3.wasm", "spin.wasm")
class Crashing(spearlet_tool.SpearletTestCase):
    def begin(self, task):
        """A request that waits for ever, once its guest has begun: what is killed from now on is not served by another worker."""
        raw = self.spearlet.raw()
        raw.head("POST", f"/tasks/{task}/invoke", {"Content-Length": 4, "x-stream": "true"})
        raw.send("poll")
        while raw.reader.readline() not in (b"begun\n", b""):
            pass
        return raw

    def crash(self, task):
        """A worker is killed in a request; the error of its record."""
        with self.begin(task) as raw:
            pid, = [i["pid"] for i in self.instances() if i["task_id"] == task and i["state"] == "running"]
            os.kill(pid, signal.SIGKILL)
            raw.read_all()
        newest = self.spearlet.request("GET", f"/tasks/{task}/executions?limit=1").json()["executions"][0]
        return newest["error"]

    def crash_until_unhealthy(self, task):
        for _ in range(CRASHES):
            self.assertEqual(self.health(task)["status"], "healthy")
            error = self.crash(task)
            self.assertEqual(error["code"], "RuntimeError")
            self.assertIn("killed", error["message"])

    def health(self, task):
        return self.spearlet.request("GET", f"/tasks/{task}").json()["health"]

    def metric(self, name):
        for line in self.spearlet.request("GET", "/metrics").text().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
        return None


class CrashLoops(Crashing):
    def test_backed_off_and_back(self):
        task, other = self.deploy("strain.wasm"), self.deploy("hello.wasm")
        self.assertEqual(self.invoke(other).status, 200)
        self.assertEqual(self.health(task), {"status": "healthy", "crashes": 0, "reason": None, "retry_in_ms": 0})
        self.crash_until_unhealthy(task)
        health = self.health(task)
        self.assertEqual((health["status"], health["crashes"]), ("unhealthy", CRASHES))
        self.assertIn("killed", health["reason"])
        self.assertEqual((self.metric("spearlet_worker_crashes_total"), self.metric("spearlet_tasks_unhealthy")), (CRASHES, 1))
        self.assertIn("task unhealthy", self.spearlet.log())
        self.wait_registered()
        node, = self.sms.request("GET", f"/api/v1/tasks/{task}?nodes=true").json()["nodes"]
        self.assertEqual((node["health"]["status"], node["health"]["reason"]), ("unhealthy", health["reason"]))
        shown = subprocess.run([harness.program("spear"), "tasks", "get", task, "--sms-addr", self.sms.address], check=True,
                               capture_output=True, text=True).stdout
        self.assertRegex(shown, f"(?m)^health.*unhealthy on {self.spearlet.address}, 5 workers .* killed")
        refused = self.wait_refusal(task)
        self.assert_problem(refused, 503, "UNAVAILABLE", "strain", "unhealthy", f"{refused.crashes} of its workers", "killed")
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        executed = self.wait_refusal(task, lambda: self.spearlet.request("POST", "/functions/execute", {"task_id": task, "input": "poll"}))
        self.assert_problem(executed, 503, "UNAVAILABLE", "unhealthy")
        self.assertGreaterEqual(self.metric("spearlet_requests_refused_unhealthy_total"), 2)
        self.assertEqual(self.invoke(other).status, 200)
        # One worker is tried when its time has come; its answer ends it all.
        harness.wait_until(lambda: self.invoke(task, b"deep 1").status == 200, timeout_s=90)
        self.assertEqual(self.health(task)["status"], "healthy")
        self.assertEqual(self.metric("spearlet_tasks_unhealthy"), 0)
        self.assertIn("task healthy again", self.spearlet.log())

    def wait_refusal(self, task, call=None):
        """An answer while the task is backed off: should its time pass before the request comes, another crash makes it longer."""
        call = call or (lambda: self.invoke(task, b"poll", {"x-timeout-ms": "100"}))
        for _ in range(20):
            if self.health(task)["retry_in_ms"] < 500:
                harness.wait_until(lambda: self.health(task)["retry_in_ms"] == 0)
                self.crash(task)
            answer = call()
            if answer.status == 503:
                answer.crashes = self.health(task)["crashes"]
                return answer
        self.fail("it was never refused")

    def test_the_pause_grows(self):
        task = self.deploy("strain.wasm")
        self.crash_until_unhealthy(task)
        self.assertLessEqual(self.health(task)["retry_in_ms"], 1000)
        harness.wait_until(lambda: self.health(task)["retry_in_ms"] == 0)
        self.assertEqual(self.health(task)["status"], "unhealthy")  # until something answers
        self.crash(task)
        health = self.health(task)
        self.assertEqual(health["crashes"], CRASHES + 1)
        self.assertLessEqual(health["retry_in_ms"], 2000)

    def test_what_is_no_crash(self):
        """What a guest does to itself: exit codes, deadlines. And the death of a worker that had answered."""
        leaving, spinning = self.deploy("exit3.wasm"), self.deploy("spin.wasm")
        for _ in range(2 * CRASHES):
            self.assertEqual(self.invoke(leaving).status, 500)
        for _ in range(CRASHES + 1):
            self.assertEqual(self.invoke(spinning, headers={"x-timeout-ms": "50"}).status, 504)
        task = self.deploy("strain.wasm", config={"scale.max": "1"})
        for _ in range(CRASHES + 1):
            self.assertEqual(self.invoke(task, b"deep 1").status, 200)
            self.assertEqual(self.crash(task)["code"], "RuntimeError")
        for each in (leaving, spinning, task):
            self.assertEqual(self.health(each), {"status": "healthy", "crashes": 0, "reason": None, "retry_in_ms": 0})

    def test_idle_workers(self):
        """Minimums are not started again without end."""
        task = self.deploy("strain.wasm", config={"scale.min": "1", "scale.max": "1"})
        self.execute(task, input="deep 1")
        def worker():
            found = [i["pid"] for i in self.instances() if i["task_id"] == task and i["state"] == "ready"]
            return found and found[0]
        killed = set()
        def kill():
            pid = worker()
            if pid and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            return self.health(task)["status"] == "unhealthy"
        harness.wait_until(kill)
        self.assertIn("idle", self.health(task)["reason"])
        self.wait_instances(0)
        harness.wait_until(lambda: self.invoke(task, b"deep 1").status == 200)

    def test_who_waits_is_told(self):
        task = self.deploy("strain.wasm", config={"scale.max": "1"})
        for _ in range(CRASHES - 1):
            self.crash(task)
        with self.begin(task) as raw:
            waiting = harness.Together([lambda: self.invoke(task, b"poll")] * 2)
            harness.wait_until(lambda: self.stats()["executions"]["waiting"] == 2)
            os.kill(self.wait_running()[0]["pid"], signal.SIGKILL)
            raw.read_all()
        for answer in waiting.join():
            self.assert_problem(answer, 503, "UNAVAILABLE", "unhealthy", "killed")
            self.assertEqual(answer.headers["Retry-After"], "1")


class Starts(Crashing):
    options = ("--prepare-timeout", "50ms")

    def test_a_module_that_cannot_be_checked(self):
        """Each try costs a process its time; after a few there are no more tries for a while."""
        count = 50000
        slow = wb.module(types=[wb.function_type()], functions=[0] * count, exports=[wb.export("_start", 0, 0)],
                         codes=[wb.body([0x41, 0, 0x1A] * 20)] * count)
        task = self.deploy(slow, "slow")
        for _ in range(CRASHES):
            error = self.execute(task)["error"]
            self.assertIn(error["code"], ("InstanceCreationFailed", "InstanceStartupFailed"))  # it was late, or its process was
            self.assertIn("50 ms", error["message"])
        health = self.health(task)
        self.assertEqual((health["status"], health["crashes"]), ("unhealthy", CRASHES))
        self.assertIn("preparing", health["reason"])


if __name__ == "__main__":
    harness.main()
