#!/bin/sh
# Installs every Debian package that building and testing SPEAR needs.
#
# Debian 13 has them all. Debian 12 lacks three (the engine, yyjson, llhttp); they come from Debian 13's suite of the
# mirror that apt already uses, pinned so low that nothing else ever moves there. Run it as often as you like: with
# everything in place it asks dpkg once and ends.
#
# usage: tools/setup.sh            (CI=1 or no terminal: no questions)
#        SPEAR_SETUP_ENGINE=no     leaves the engine out (for a build with -Dwasmedge=disabled)
#        SPEAR_SETUP_TOOLCHAINS=no leaves the compilers out that only samples need (C++ library, Rust)
set -eu

engine=${SPEAR_SETUP_ENGINE:-yes}
suite_file=/etc/apt/sources.list.d/spear-trixie.sources
pin_file=/etc/apt/preferences.d/spear-trixie

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ -r /etc/os-release ] || die "/etc/os-release is missing; this script knows Debian 12 and 13 only"
. /etc/os-release
case "${ID:-}:${VERSION_ID:-}" in
debian:12) clang_rt="libclang-rt-14-dev-wasm32 libclang-rt-14-dev" ;;
debian:13) clang_rt="libclang-rt-dev-wasm32 libclang-rt-dev" ;;
*) die "this is ${PRETTY_NAME:-an unknown system}; the packages are known for Debian 12 and 13 only (see docs/building.md for the list)" ;;
esac

build="gcc g++ make meson ninja-build pkg-config libuv1-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev libseccomp-dev libtomlplusplus-dev"
tests="libcmocka-dev python3 curl openssl clang lld llvm wasi-libc $clang_rt universal-ctags"
checks="clang-format clang-tidy cppcheck"
# Samples in C++ and Rust (some 150 MB of packages); without them those samples are left out.
toolchains="libc++-dev-wasm32 rustc libstd-rust-dev-wasm32"
newer="libyyjson-dev libllhttp-dev"
engine_packages="libwasmedge-dev wasmedge"
[ "$engine" = yes ] || engine_packages=
[ "${SPEAR_SETUP_TOOLCHAINS:-yes}" = yes ] || toolchains=

# missing PACKAGE...: those of them that are not installed.
missing() {
    for package in "$@"; do
        case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" in
        ii*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# shellcheck disable=SC2086
wanted=$(missing $build $tests $checks $toolchains $newer $engine_packages)
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then sudo=; else
    command -v sudo >/dev/null 2>&1 || die "packages are missing ($wanted) and installing them needs root; run this as root or install sudo"
    sudo=sudo
fi
apt() { $sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -q -o Dpkg::Use-Pty=0 "$@" >&2; }

say "installing: $wanted"
if [ "$VERSION_ID" = 12 ]; then
    # shellcheck disable=SC2086
    from_suite=$(missing $newer $engine_packages)
else
    from_suite=
fi

if [ -n "$from_suite" ]; then
    # shellcheck disable=SC2086
    if [ -n "$(missing $engine_packages)" ]; then
        say "the engine ($engine_packages) comes from Debian 13's suite: this upgrades the C library and about 30 packages of this Debian 12, and removes none"
        if [ -t 0 ] && [ -z "${CI:-}" ]; then
            printf 'setup: go on? [y/N] ' >&2
            read -r answer
            case "$answer" in y* | Y*) ;; *) die "nothing was changed; SPEAR_SETUP_ENGINE=no builds without the engine" ;; esac
        fi
    fi
    apt update
    # The index may hold mirrors of other projects; Debian's own is the one whose codename and origin say so.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Origin: Debian' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no Debian 12 mirror; add one to /etc/apt/sources.list.d"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$mirror" |
        $sudo tee "$suite_file" >/dev/null
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' | $sudo tee "$pin_file" >/dev/null
fi
apt update

# shellcheck disable=SC2086
plain=$(missing $build $tests $checks $toolchains)
[ "$VERSION_ID" = 12 ] || plain=$wanted
# shellcheck disable=SC2086
[ -z "$plain" ] || apt install --no-install-recommends --no-remove $plain
if [ -n "$from_suite" ]; then
    # shellcheck disable=SC2086
    libraries=$(missing $newer)
    for package in $libraries; do apt install --no-install-recommends --no-remove "$package/trixie"; done
    # shellcheck disable=SC2086
    runtime=$(missing $engine_packages)
    # Asking for PACKAGE/trixie finds no solution for the engine; the whole suite as the target does.
    # shellcheck disable=SC2086
    [ -z "$runtime" ] || apt install --no-install-recommends --no-remove -t trixie $runtime
fi

# shellcheck disable=SC2086
still=$(missing $build $tests $checks $toolchains $newer $engine_packages)
[ -z "$still" ] || die "still missing after the installation: $still"
say "done"
