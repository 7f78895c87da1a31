#!/bin/sh
# Static checks: clang-format (style), clang-tidy and cppcheck (bugs), shell syntax. Every finding is an error.
# usage: tools/check.sh [BUILD_FOLDER]
set -u
cd "$(dirname "$0")/.." || exit 1
folder=${1:-build-check}
status=0

[ -f "$folder/build.ninja" ] || meson setup "$folder" >"$folder.log" 2>&1 || { tail -n 30 "$folder.log"; exit 1; }
ninja -C "$folder" >"$folder.log" 2>&1 || { tail -n 30 "$folder.log"; exit 1; }

sources=$(git ls-files 'src/*.c' 'src/*.h' 'src/*.cc' 'tests/*.c' 'samples/*.c' 'sdk/*.h')
echo "== clang-format ($(clang-format --version | sed 's/.*version //'))"
# shellcheck disable=SC2086
clang-format --dry-run -Werror $sources || status=1

echo "== clang-tidy"
compiled=$(python3 -c '
import json, os, sys
root, folder = os.getcwd(), sys.argv[1]
for unit in json.load(open(f"{folder}/compile_commands.json")):
    path = os.path.relpath(os.path.join(unit["directory"], unit["file"]), root)
    if path.startswith("src/") and path.endswith(".c"): print(path)' "$folder" | sort -u)
# shellcheck disable=SC2086
printf '%s\n' $compiled | xargs -P "$(nproc)" -n 4 clang-tidy -p "$folder" --quiet 2>/dev/null || status=1

echo "== cppcheck"
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
    --suppress=unknownMacro --suppress=preprocessorErrorDirective -D_GNU_SOURCE -I src -j "$(nproc)" src || status=1

echo "== sh -n"
for script in $(git ls-files '*.sh' .ci/run); do
    case $script in .ci/*) bash -n "$script" || status=1 ;; *) sh -n "$script" || status=1 ;; esac
done

[ $status = 0 ] && echo "check: no findings"
exit $status
