"""What may happen to a node: processes that die, sms that goes and comes, tasks that change, the node's own end."""
import json
import os
import signal
import socket
import time
import unittest

import harness
import spearlet_tool
from spearlet_tool import closed_address, needs_engine, needs_guests


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Faults(spearlet_tool.SpearletTestCase):
    def relay(self, task, body=b""):
        return self.sms.request("POST", f"/api/v1/tasks/{task}/invoke", body)

    def zygote(self):
        workers = {i["pid"] for i in self.instances()}
        return [pid for pid in self.spearlet.children() if pid not in workers]

    def wait_gone(self, pids, timeout_s=20):
        harness.wait_until(lambda: not any(is_alive(pid) for pid in pids), timeout_s, f"the end of {pids}")


@needs_engine
@needs_guests("hello.wasm", "spin.wasm", "sleep.wasm", "echo.wasm")
class Kills(Faults):
    def test_worker_in_mid_invocation(self):
        self.wait_registered()
        task = self.deploy("sleep.wasm", config={"scale.max": "1"})
        for call in (self.invoke, self.relay):
            caller = harness.Together([lambda call=call: call(task, b"30000")])
            self.kill_workers_until_over(caller)
            answer = caller.join()[0]
            self.assert_problem(answer, 500, "RUNTIME_ERROR")
            self.assertEqual(call(task, b"1").body, b"slept 1\n")

    def kill_workers_until_over(self, caller):
        """A request that its worker had not taken yet goes to another worker, which is killed then."""
        killed = set()
        def kill_next():
            for pid in {i["pid"] for i in self.instances() if i["state"] == "running"} - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            return not caller.is_running()
        harness.wait_until(kill_next, what="the end of the call")

    def test_idle_worker_is_replaced(self):
        task = self.deploy("hello.wasm", config={"scale.max": "2", "scale.min": "2"})
        self.invoke(task)
        killed = {instance["pid"] for instance in self.wait_instances(2, "ready")}
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        def replaced():
            found = self.instances()
            return len(found) == 2 and all(i["state"] == "ready" and i["pid"] not in killed for i in found)
        harness.wait_until(replaced)
        self.assertEqual(self.invoke(task).status, 200)

    def test_worker_killed_before_it_took_the_request(self):
        """Its guest cannot have started: another worker serves the request, and nobody is told."""
        task = self.deploy("echo.wasm", config={"scale.max": "1"})
        for call in (lambda: self.invoke(task, b"x"), lambda: self.invoke(task, b"x", {"x-stream": "true"}),
                     lambda: self.invoke(task, b"x", {"x-function": "_start"})):
            self.invoke(task)
            pid = self.wait_instances(1, "ready")[0]["pid"]
            os.kill(pid, signal.SIGSTOP)
            caller = harness.Together([call])
            self.wait_running()  # it was sent, and is not read
            os.kill(pid, signal.SIGKILL)
            answer = caller.join()[0]
            self.assertEqual((answer.status, answer.body), (200, b"x"))
        self.assertEqual(self.stats()["executions"]["failed"], 0)

    def test_zygote(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "2"})
        self.invoke(task, b"1")
        caller = harness.Together([lambda: self.invoke(task, b"500")])
        self.wait_running()
        zygote = self.zygote()
        self.assertEqual(len(zygote), 1)
        os.kill(zygote[0], signal.SIGKILL)
        self.assertEqual(caller.join()[0].body, b"slept 500\n")  # a running guest does not notice
        begun = time.monotonic()
        other = self.deploy("hello.wasm")
        answer = self.invoke(other, b"x")
        self.assertEqual(answer.status, 200, answer)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertNotEqual(self.zygote(), zygote)

    def test_spearlet(self):
        self.wait_registered()
        task = self.deploy("sleep.wasm")
        self.spearlet.keep_address = True
        self.spearlet.address_wanted = self.spearlet.address
        uuid = self.spearlet.request("GET", "/status").json()["node_uuid"]
        caller = harness.Together([lambda: self.relay(task, b"30000")])
        self.wait_running()
        children = self.spearlet.children()
        self.assertGreaterEqual(len(children), 2)
        self.spearlet.kill()
        self.assert_problem(caller.join()[0], 502, "BAD_GATEWAY", self.spearlet.address)
        self.wait_gone(children)
        begun = time.monotonic()
        self.spearlet.start()
        harness.wait_until(lambda: self.relay(task, b"1").status == 200)
        self.assertLess(time.monotonic() - begun, 20)
        self.wait_registered()
        self.assertEqual(self.spearlet.request("GET", "/status").json()["node_uuid"], uuid)
        left = {os.path.join(folder, f) for folder, _, files in os.walk(self.spearlet.data_dir) for f in files}
        self.assertEqual({os.path.relpath(f, self.spearlet.data_dir).split("/")[0] for f in left},
                         {"cache", "lock", "native.key", "node.json"})

    def test_output_that_nobody_takes(self):
        task = self.deploy("echo.wasm")
        content = b"x" * (4 << 20)
        with self.spearlet.raw() as raw:
            raw.head("POST", f"/tasks/{task}/invoke", {"Content-Length": len(content)})
            raw.send(content)
            self.wait_instances(1, "ready")
        self.assertEqual(self.invoke(task, b"y").body, b"y")


@needs_engine
@needs_guests("hello.wasm", "spin.wasm", "exit3.wasm", "sleep.wasm")
class Tasks(Faults):
    def test_deletion_stops_instances_at_once(self):
        self.wait_registered()
        task = self.deploy("hello.wasm", config={"scale.min": "2", "scale.max": "2"})
        self.invoke("hello")
        pids = [i["pid"] for i in self.wait_instances(2, "ready")]
        begun = time.monotonic()
        self.assertEqual(self.sms.request("DELETE", f"/api/v1/tasks/{task}").status, 200)
        self.wait_gone(pids)
        self.assertLess(time.monotonic() - begun, 8)
        for key in (task, "hello"):
            self.assert_problem(self.invoke(key), 404, "TASK_NOT_FOUND")
        self.assertEqual(self.spearlet.request("GET", "/tasks").json()["total_count"], 0)

    def test_name_registered_again(self):
        old = self.deploy("hello.wasm", "fn")
        self.assertEqual(self.invoke("fn").body, b"Hello, world!\n")
        new = self.deploy("exit3.wasm", "fn")
        harness.wait_until(lambda: self.invoke("fn").status == 500, timeout_s=5)
        self.assertEqual(self.execute("fn")["task_id"], new)
        self.assertEqual(self.invoke(old).status, 200)  # by its id it is still there
        self.sms.request("DELETE", f"/api/v1/tasks/{new}")
        harness.wait_until(lambda: self.invoke("fn").status == 200, timeout_s=5)


class StopAtOnce(Faults):
    options = ("--stop-grace", "200ms")

    @needs_engine
    @needs_guests("spin.wasm")
    def test_deletion_ends_what_runs_and_who_waits(self):
        self.wait_registered()
        task = self.deploy("spin.wasm", config={"scale.max": "1"})
        callers = harness.Together([lambda: self.execute(task), lambda: self.execute(task)])
        pid = self.wait_running()[0]["pid"]
        harness.wait_until(lambda: self.stats()["executions"]["waiting"] == 1)
        self.sms.request("DELETE", f"/api/v1/tasks/{task}")
        codes = sorted(r["error"]["code"] for r in callers.join())
        self.assertEqual(codes, ["ExecutionTerminated", "TaskNotFound"])
        self.wait_gone([pid])


@unittest.skipIf(harness.is_sanitized("spearlet"), "timings mean nothing with sanitizers")
class Hidden(Faults):
    @needs_engine
    @needs_guests("hello.wasm")
    def test_deletion_is_found_by_the_heartbeat(self):
        """sms cannot tell this node: it was told another address."""
        self.finish(self.spearlet)
        self.spearlet = self.start(harness.Spearlet(self.sms, "--advertise-addr", closed_address(),
                                                    "--heartbeat-interval", "200ms"))
        self.wait_registered()
        task = self.deploy("hello.wasm")
        self.assertEqual(self.invoke("hello").status, 200)
        self.sms.request("DELETE", f"/api/v1/tasks/{task}")
        self.wait_instances(0, timeout_s=5)
        self.assert_problem(self.invoke(task), 404, "TASK_NOT_FOUND")


class Sms(Faults):
    def test_away_and_back(self):
        self.wait_registered()
        uuid = self.spearlet.request("GET", "/status").json()["node_uuid"]
        task = self.sms.deploy(b"no module", "known")
        self.execute_error("known", "InvalidConfiguration", "magic")
        self.sms.keep_address = True
        self.sms.address_wanted = self.sms.address
        self.sms.stop()
        harness.wait_until(lambda: not self.spearlet.request("GET", "/status").json()["sms"]["registered"])
        self.assertIn(self.sms.address, self.spearlet.request("GET", "/status").json()["sms"]["last_error"])
        for key in (task, "known"):  # what is known is still looked up; its bytes are in no cache
            self.assertEqual(self.execute(key)["task_id"], task)
        harness.wait_until(lambda: self.spearlet.request("GET", "/tasks/known").status == 200)
        answer = self.invoke("unknown")
        self.assert_problem(answer, 503, "UNAVAILABLE", self.sms.address)
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.sms.start()
        self.wait_registered()
        self.assertEqual([n["uuid"] for n in self.sms.request("GET", "/api/v1/nodes").json()["nodes"]], [uuid])
        harness.wait_until(lambda: self.invoke("unknown").status == 404)

    @needs_engine
    @needs_guests("hello.wasm")
    def test_serves_what_it_has_while_sms_is_away(self):
        self.deploy("hello.wasm")
        self.invoke("hello")
        other = self.deploy("hello.wasm", "by-id")
        self.invoke(other)
        self.sms.stop()
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5:  # a name is checked anew after one second
            self.assertEqual(self.invoke("hello", b"x").body, b"Hello, world!\nX")
        self.assertEqual(self.invoke("by-id", b"x").status, 200, "known by its id, asked for by its name")

    def test_forgotten_node_registers_again(self):
        self.wait_registered()
        uuid = self.spearlet.request("GET", "/status").json()["node_uuid"]
        self.sms.request("DELETE", f"/api/v1/nodes/{uuid}")
        nodes = lambda: [n["uuid"] for n in self.sms.request("GET", "/api/v1/nodes").json()["nodes"]]
        harness.wait_until(lambda: nodes() == [uuid])

    def test_heartbeat_carries_the_load(self):
        self.wait_registered()
        before = self.sms.request("GET", "/api/v1/nodes").json()["nodes"][0]["last_heartbeat"]
        harness.wait_until(lambda: self.sms.request("GET", "/api/v1/nodes").json()["nodes"][0]["last_heartbeat"] > before)

    def test_starts_before_sms(self):
        address = closed_address()
        spearlet = self.start(harness.Spearlet(address, "--heartbeat-interval", "200ms"))
        self.assertEqual(spearlet.request("GET", "/health").status, 200)
        sms = harness.Sms()
        sms.address_wanted = address
        self.start(sms)
        self.wait_registered(spearlet)

    def test_sms_that_does_not_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            spearlet = self.start(harness.Spearlet("127.0.0.1:%d" % silent.getsockname()[1]))
            begun = time.monotonic()
            answer = spearlet.request("POST", "/tasks/any/invoke", b"")
            self.assert_problem(answer, 503, "UNAVAILABLE")
            self.assertLess(time.monotonic() - begun, 15)


class Ends(Faults):
    def test_idle_end(self):
        self.wait_registered()
        self.assertEqual(self.spearlet.stop(), 0)
        self.assertIn("ended", self.spearlet.log())
        self.assertEqual(self.sms.request("GET", "/api/v1/nodes").json()["nodes"], [])  # it said good-bye

    @needs_engine
    @needs_guests("sleep.wasm")
    def test_drain(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "1"})
        self.invoke(task, b"1")
        begin = lambda ms: self.spearlet.request("POST", "/functions/execute",
                                                 {"task_id": task, "input": str(ms), "mode": "async"})
        kept = self.spearlet.raw()
        kept.head("GET", "/health", {})
        kept.response()
        self.wait_registered()
        callers = harness.Together([lambda: self.execute_ok(task, input="700"), lambda: self.relay(task, b"600")])
        self.wait_running()
        harness.wait_until(lambda: self.stats()["executions"]["waiting"] == 1)
        self.assertEqual(begin(200).status, 202)  # waits behind them
        children = self.spearlet.children()
        self.spearlet.signal(signal.SIGTERM)
        harness.wait_until(lambda: not self.sms.request("GET", "/api/v1/nodes").json()["nodes"])
        self.assertEqual(self.relay(task, b"1").status, 503)  # no node
        direct, relayed = callers.join()
        self.assertEqual((direct["output"], relayed.body), ("slept 700\n", b"slept 600\n"))
        self.assertEqual(self.spearlet.wait(), 0)
        self.wait_gone(children)
        kept.close()

    @needs_engine
    @needs_guests("spin.wasm")
    def test_second_signal(self):
        task = self.deploy("spin.wasm")
        caller = harness.Together([lambda: self.invoke(task)])
        self.wait_running()
        children = self.spearlet.children()
        self.spearlet.signal(signal.SIGTERM)
        harness.wait_until(lambda: "draining" in self.spearlet.log())
        begun = time.monotonic()
        self.spearlet.signal(signal.SIGINT)
        self.assertEqual(self.spearlet.wait(), 0)
        self.assertLess(time.monotonic() - begun, 5)
        self.assert_problem(caller.join()[0], 500, "EXECUTION_TERMINATED")
        self.wait_gone(children)


class ShortDrain(Faults):
    options = ("--drain-timeout", "300ms")

    @needs_engine
    @needs_guests("spin.wasm")
    def test_drain_timeout(self):
        task = self.deploy("spin.wasm", config={"scale.max": "1"})
        callers = harness.Together([lambda: self.invoke(task), lambda: self.invoke(task)])
        self.wait_running()
        harness.wait_until(lambda: self.stats()["executions"]["waiting"] == 1)
        children = self.spearlet.children()
        self.spearlet.signal(signal.SIGTERM)
        self.assertEqual(self.spearlet.wait(), 0)
        kinds = sorted(json.loads(a.body)["error"] for a in callers.join())
        self.assertEqual(kinds, ["EXECUTION_TERMINATED", "UNAVAILABLE"])
        self.wait_gone(children)


if __name__ == "__main__":
    harness.main()
