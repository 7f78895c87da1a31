#!/usr/bin/env python3
"""Checks rules of the source that a compiler does not: banned functions, file length, a reason at the top of each file.

usage: source_rules.py ROOT
"""
import pathlib
import re
import sys

BANNED = {
    "strcpy": "snprintf or mem_strdup", "strcat": "buf_append", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "file_read",
    "atoi": "span_to_u64", "atol": "span_to_u64", "strtok": "span_next", "alloca": "mem_alloc", "system": "posix_spawn",
    "malloc": "mem_alloc", "calloc": "mem_calloc", "realloc": "mem_realloc", "strdup": "mem_strdup", "signal": "sigaction",
    "usleep": "an event", "sleep": "an event",
}
LINES_MAX = 600


def strip(text):
    """The code without comments and literals, line structure kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def main(root):
    root = pathlib.Path(root)
    faults = []
    for path in sorted([*(root / "src").rglob("*.[ch]"), *(root / "src").rglob("*.cc")]):
        name = path.relative_to(root).as_posix()
        text = path.read_text()
        if not text.startswith("//"):
            faults.append(f"{name}:1: the file does not begin with its reason (// …)")
        lines = text.count("\n")
        if lines > LINES_MAX:
            faults.append(f"{name}: {lines} lines; above {LINES_MAX} a file has more than one job")
        own = name == "src/base/mem.c"
        for number, line in enumerate(strip(text).splitlines(), 1):
            for found in re.finditer(r"(?<![\w.>])([a-z]+)\s*\(", line):
                word = found.group(1)
                if word in BANNED and not (own and BANNED[word].startswith("mem_")) and not re.search(r"\(\*$", line[: found.start()]):
                    faults.append(f"{name}:{number}: {word}() is banned here; use {BANNED[word]}")
    for path in [*(root / "src").rglob("*"), *(root / "tests").rglob("*"), *(root / "tools").rglob("*")]:
        if path.is_file() and path.suffix in (".c", ".h", ".cc", ".py", ".sh"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if re.search(r"\t| +$", line):
                    faults.append(f"{path.relative_to(root)}:{number}: tab or trailing blank")
    print("\n".join(faults) if faults else "source rules hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
