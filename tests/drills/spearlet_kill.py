"""Kills a worker, the zygote or spearlet itself at a random moment under load, again and again.

After each round the node must serve again within a second, no caller may have had another's answer or no answer at all, and
after spearlet's own death none of its processes may be left.
usage: spearlet_kill.py [ROUNDS]
"""
import http.client
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

CALLERS = 8
SERVES_AGAIN_S = 1 if not harness.is_sanitized("spearlet") else 20


class Caller(threading.Thread):
    """Calls again and again; counts what came back."""

    def __init__(self, drill, number):
        super().__init__(daemon=True)
        self.drill, self.number = drill, number
        self.counts = {}
        self.wrong = []

    def call(self, turn):
        text = f"caller {self.number} turn {turn} ".encode() * (1 + turn % 300)
        try:
            answer = self.drill.spearlet.request("POST", "/tasks/echo/invoke", text, timeout_s=30)
        except (OSError, http.client.HTTPException):
            return "no connection"
        if answer.status == 200 and answer.body != text:
            self.wrong.append(answer)
        if answer.status == 500 and answer.json()["kind"] not in ("RuntimeError", "InstanceStartupFailed"):
            self.wrong.append(answer)
        return answer.status

    def run(self):
        turn = 0
        while not self.drill.is_over:
            outcome = self.call(turn)
            self.counts[outcome] = self.counts.get(outcome, 0) + 1
            if outcome == "no connection":
                time.sleep(0.01)  # nobody listens: do not spin
            turn += 1


class Drill:
    def __init__(self):
        self.is_over = False
        self.sms = harness.Sms()
        self.sms.start()
        self.spearlet = harness.Spearlet(self.sms, "--heartbeat-interval", "1s")
        self.spearlet.start()
        self.spearlet.keep_address = True
        self.spearlet.address_wanted = self.spearlet.address
        self.sms.deploy(harness.sample("echo.wasm"), "echo", config={"scale.max": "4"})

    def workers(self):
        pids = [i["pid"] for i in self.spearlet.request("GET", "/instances").json()["instances"]]
        return [pid for pid in pids if pid]

    def wait_served(self, what):
        begun = time.monotonic()
        def served():
            try:
                return self.spearlet.request("POST", "/tasks/echo/invoke", b"x", timeout_s=30).status == 200
            except (OSError, http.client.HTTPException):
                return False
        harness.wait_until(served, what=f"service after the death of {what}")
        took_s = time.monotonic() - begun
        assert took_s < SERVES_AGAIN_S, f"{what}: served again after {took_s:.2f} s"

    def kill_worker(self):
        pids = self.workers()
        if pids:
            os.kill(random.choice(pids), signal.SIGKILL)

    def kill_zygote(self):
        workers = self.workers()
        for pid in self.spearlet.children():
            if pid not in workers:
                try:
                    os.kill(pid, signal.SIGKILL)  # a worker that has just started may be hit, too
                except ProcessLookupError:
                    pass

    def kill_spearlet(self):
        children = self.spearlet.children()
        self.spearlet.kill()
        gone = lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children)
        harness.wait_until(gone, timeout_s=20, what="the end of spearlet's processes")
        self.spearlet.start()

    def round(self, kind):
        time.sleep(random.uniform(0, 0.2))  # the random moment
        getattr(self, "kill_" + kind)()
        self.wait_served(kind)

    def end(self, callers):
        self.is_over = True
        for caller in callers:
            caller.join(60)
        children = self.spearlet.children()
        code = self.spearlet.stop()
        assert code == 0, f"spearlet ended with {code}"
        assert not any(os.path.exists(f"/proc/{pid}") for pid in children), "processes are left"
        self.sms.remove()


def main(rounds):
    drill = Drill()
    callers = [Caller(drill, number) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        for number in range(rounds):
            drill.round(("worker", "zygote", "spearlet")[number % 3])
        drill.end(callers)
    except AssertionError:
        sys.stderr.write(drill.spearlet.log()[-20000:])
        raise
    finally:
        drill.is_over = True
        drill.spearlet.remove()
        drill.sms.remove()
    counts = {}
    for caller in callers:
        assert not caller.wrong, caller.wrong[0]
        for outcome, count in caller.counts.items():
            counts[outcome] = counts.get(outcome, 0) + count
    for mark in harness.SANITIZER_MARKS:
        assert mark not in drill.spearlet.last_log, drill.spearlet.last_log[-20000:]
    print(f"{rounds} rounds; answers: {counts}")
    assert counts.get(200, 0) > rounds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
