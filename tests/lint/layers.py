#!/usr/bin/env python3
"""Checks the layers of the source tree from its #include lines.

base knows nothing of HTTP or guests; model, net and ipc stand on base; the programs stand on all of them and never on each
other; a foreign library is included by the files that settle it, and by no other.
usage: layers.py ROOT
"""
import pathlib
import re
import sys

ALLOWED = {
    "base": {"base"},
    "model": {"base", "model"},
    "net": {"base", "net"},
    "ipc": {"ipc"},
    "runtime": {"base", "model", "net", "ipc", "runtime"},
    "worker": {"base", "model", "ipc", "worker"},
    "sms": {"base", "model", "net", "sms"},
    "spearlet": {"base", "model", "net", "runtime", "spearlet"},
    "cli": {"base", "model", "net", "cli"},
}
# header prefix -> the files that may include it
FOREIGN = {
    "llhttp": {"net/http_connection.c", "net/http_connection.h", "net/http_server.c", "net/http_parser.c", "net/http_server_internal.h"},
    "curl/": {"net/http_client.c", "net/http_client_curl.h"},
    "yyjson": {"base/json.c"},
    "openssl/": {"base/digest.c", "net/tls.c", "net/tls_credentials.c", "net/tls_internal.h"},
    "toml++/": {"base/toml.cc"},
    "wasmedge/": {"worker/engine_internal.h"},
    "seccomp.h": {"worker/cage_seccomp.c"},
}
# One file each, whatever its name.
ONE_FILE = ("sqlite3.h", "llhttp")


def main(root):
    source = pathlib.Path(root) / "src"
    faults, users = [], {name: set() for name in ONE_FILE}
    for path in sorted([*source.rglob("*.[ch]"), *source.rglob("*.cc")]):
        name = path.relative_to(source).as_posix()
        layer = name.split("/")[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
            if not found:
                continue
            included = found.group(1)
            top = included.split("/")[0]
            if top in ALLOWED and "/" in included and top not in ALLOWED[layer]:
                faults.append(f"src/{name}:{number}: {layer}/ may not include {included} (allowed: {', '.join(sorted(ALLOWED[layer]))})")
            for prefix, files in FOREIGN.items():
                if included.startswith(prefix) and name not in files:
                    faults.append(f"src/{name}:{number}: only {', '.join(sorted(files))} may include {included}")
            for one in ONE_FILE:
                if included.startswith(one):
                    users[one].add(name)
    for one, names in users.items():
        if len(names) > 1:
            faults.append(f"{one} is included by {', '.join(sorted(names))}; one file is to settle it")
    print("\n".join(faults) if faults else "layers hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
