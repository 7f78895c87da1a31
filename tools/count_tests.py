#!/usr/bin/env python3
"""Adds up the single tests inside every suite of finished `meson test` runs, and prints "N passed, N failed".

A cmocka program says "[  PASSED  ] 12 test(s)." and "[  FAILED  ] 1 test(s)"; Python's unittest "Ran 12 tests" and
"FAILED (failures=1)". Any other program counts as one test. Skipped tests are listed by name, never passed over.
usage: count_tests.py BUILD_FOLDER...
"""
import json
import pathlib
import re
import sys


def number(pattern, text):
    return sum(int(n) for n in re.findall(pattern, text, re.M))


def count(result):
    text = result.get("stdout", "") + "\n" + result.get("stderr", "")
    good = result["result"] in ("OK", "EXPECTEDFAIL")
    skipped = number(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", text)
    if re.search(r"^Ran \d+ tests? in", text, re.M):
        failed = number(r"failures=(\d+)", text) + number(r"errors=(\d+)", text)
        ran = number(r"^Ran (\d+) tests? in", text)
    elif re.search(r"^\[  PASSED  \] \d+ test", text, re.M):
        failed = number(r"^\[  FAILED  \] (\d+) test", text)
        ran = number(r"^\[  PASSED  \] (\d+) test", text) + failed
    else:
        failed, ran = 0, 1
    if result["result"] == "SKIP":
        return 0, 0, 1
    if not good:
        failed = max(failed, 1)
        ran = max(ran, failed)
    return ran - failed - skipped, failed, skipped


def main(folders):
    passed = failed = skipped = 0
    for folder in folders:
        log = pathlib.Path(folder) / "meson-logs" / "testlog.json"
        for line in log.read_text().splitlines():
            result = json.loads(line)
            p, f, s = count(result)
            passed, failed, skipped = passed + p, failed + f, skipped + s
            if f or s:
                print(f"{folder}: {result['name']}: {f} failed, {s} skipped")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
