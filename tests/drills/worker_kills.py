"""Kills workers under load, by the thousand (SIGKILL): no invocation fails but what ran in a killed one, and nothing is left behind: no process, no
descriptor, no shared memory, no temporary file.

usage: worker_kills.py [KILLS]      (SPEAR_DRILL_KILLS overrides it)
"""
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

CALLERS, TASKS, IDLE_MS = 6, 3, "300"


class Drill:
    def __init__(self):
        self.is_over = False
        self.killed, self.failed, self.wrong, self.calls = set(), [], [], 0
        self.lock = threading.Lock()
        self.sms = harness.Sms()
        self.sms.start()
        self.temporary = os.path.join(self.sms.directory, "temporary")
        os.mkdir(self.temporary)
        self.spearlet = harness.Spearlet(self.sms, "--heartbeat-interval", "1s", env={"TMPDIR": self.temporary})
        self.spearlet.start()
        for number in range(TASKS):
            self.sms.deploy(harness.sample("echo.wasm"), f"echo{number}", config={"scale.max": "4", "scale.idle_ms": IDLE_MS})

    # ---- what a spearlet has

    def instances(self):
        return self.spearlet.request("GET", "/instances").json()["instances"]

    def belongings(self):
        """Counts of what could leak."""
        with open(f"/proc/{self.spearlet.process.pid}/maps", encoding="utf-8", errors="replace") as file:
            shared = sum("memfd:" in line for line in file)
        files = sum(len(names) for _, _, names in os.walk(self.spearlet.data_dir))
        connections = [target for target in self.spearlet.fds() if target.startswith("socket:")]
        return {"processes": len(self.spearlet.children()), "descriptors": len(self.spearlet.fds()) - len(connections), "sockets": len(connections),
                "shared memories": shared, "files": files, "temporary files": len(os.listdir(self.temporary))}

    def at_rest(self):
        """Its belongings when no instance is left and every client has gone."""
        harness.wait_until(lambda: not self.instances(), 60, "the end of the idle instances")
        return self.belongings()

    # ---- callers

    def call(self, task, text):
        return self.spearlet.request("POST", "/functions/execute", {"task_id": task, "input": text}, timeout_s=60).json()

    def keep_calling(self, number):
        turn = 0
        while not self.is_over:
            text = f"caller {number} turn {turn} " * (1 + turn % 50)
            result = self.call(f"echo{(number + turn) % TASKS}", text)
            with self.lock:
                self.calls += 1
                if not result["success"]:
                    self.failed.append(result)
                elif result["output"] != text:
                    self.wrong.append(result)
            turn += 1

    # ---- kills

    def kill_some(self, most):
        """Kills instances that have answered, by their process ids; gives how many. (A task whose workers end before they answer is backed off.)"""
        victims = [i for i in self.instances() if i["pid"] and i["state"] in ("ready", "running") and i["invocations"] >= 2 and
                   i["instance_id"] not in self.killed]
        random.shuffle(victims)
        victims.sort(key=lambda i: i["state"] != "running")
        time.sleep(0.005)  # the callers and the new workers want the processors, too
        done = 0
        for victim in victims[:min(most, 1 + len(victims) // 2)]:
            self.killed.add(victim["instance_id"])  # before its caller can tell
            try:
                os.kill(victim["pid"], signal.SIGKILL)
                done += 1
            except ProcessLookupError:
                self.killed.discard(victim["instance_id"])  # it had ended by itself
        return done

    def check(self):
        strangers = [result for result in self.failed if result["instance_id"] not in self.killed or result["error"]["code"] != "RuntimeError"]
        assert not strangers, f"failed without being in a killed worker: {strangers[:3]}"
        assert not self.wrong, f"wrong answers: {self.wrong[:3]}"
        assert len(self.failed) <= len(self.killed), (len(self.failed), len(self.killed))

    def run(self, kills):
        for number in range(TASKS):
            assert self.call(f"echo{number}", "first")["success"]
        before = self.at_rest()
        callers = [threading.Thread(target=self.keep_calling, args=(number,), daemon=True) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        done, deadline = 0, time.monotonic() + 60 + kills
        while done < kills:
            assert time.monotonic() < deadline, f"only {done} kills"
            done += self.kill_some(kills - done)
        self.is_over = True
        for caller in callers:
            caller.join(120)
            assert not caller.is_alive(), "a call hangs"
        self.check()
        after = harness.wait_until(lambda: self.at_rest() if self.at_rest() == before else None, 60,
                                   f"the belongings of before ({before})")
        print(f"{done} kills, {self.calls} calls, {len(self.failed)} of them in a killed worker; at rest before and after: {after}")

    def end(self):
        self.spearlet.remove()
        self.sms.remove()
        for mark in harness.SANITIZER_MARKS:
            assert mark not in self.spearlet.last_log, self.spearlet.last_log[-5000:]


drill = Drill()
try:
    drill.run(int(os.environ.get("SPEAR_DRILL_KILLS") or (sys.argv[1] if len(sys.argv) > 1 else 300)))
except BaseException:
    print(drill.spearlet.log()[-5000:], "\nbelongings:", drill.belongings() if drill.spearlet.is_running() else "gone", file=sys.stderr)
    raise
finally:
    drill.is_over = True
    drill.end()
