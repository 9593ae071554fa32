#!/bin/sh
# Makes the clone ready: a virtual environment with the locked dependencies, and the server packages.
#   setup.sh run|dev|errors|containers
#                             run (the default): what a bench needs; dev: lint and tests on top; errors: the error
#                             tracker, whose dependencies are not ours, in an environment of its own;
#                             containers: podman, and podman-compose in an environment of its own
# Does nothing, and says nothing, when all is there. Exit status: 0 ready, 1 a step failed, 2 cannot be done here.
set -eu

kind=${1:-run}
os_release=${OS_RELEASE:-/etc/os-release}
packages_files=${PACKAGES_FILE:-compose/packages.txt}
[ "$kind" != dev ] || packages_files="$packages_files compose/packages-dev.txt"
[ "$kind" != containers ] || packages_files=${PACKAGES_FILE:-compose/packages-containers.txt}
cd "$(dirname "$0")/.."
root=$(pwd)
venv=$root/.venv
case $kind in errors | containers) venv=$root/.venv-$kind ;; esac
logs=$root/.cache/setup
# Servers live in sbin, and PostgreSQL's programs in a folder of their version.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for folder in /usr/lib/postgresql/*/bin; do PATH=$PATH:$folder; done

refuse() {
    echo "setup: $1" >&2
    exit 2
}

fail() {
    echo "setup: $1" >&2
    exit 1
}

last_line() {
    echo "$(grep -v '^$' "$1" | tail -n 1) ($1)"
}

# installed 'NAME|OTHER' - whether a program of one of these names is there.
installed() (
    IFS='|'
    for name in $1; do command -v "$name" >/dev/null && exit 0; done
    exit 1
)

missing_packages() {
    # shellcheck disable=SC2086  # a list of files
    cat $packages_files | while read -r package program; do
        case $package in '' | '#'*) continue ;; esac
        installed "$program" || echo "$package"
    done | sort -u | tr '\n' ' '
}

# A Python that can make virtual environments; nothing when there is none. The system's own first: it is built with
# profile-guided optimization, which one that somebody has compiled for themselves often is not (1.3 to 1.6 times slower).
find_python() {
    for candidate in ${PYTHON:-} /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

# Become able to install these packages, or refuse in one line.
prepare_to_install() {
    distribution=$(. "$os_release" 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") || distribution=
    [ "$distribution" = 'debian 12' ] ||
        refuse "not installed: $*: install these (named as in Debian 12) with your system's packages, then run it again"
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
        as_root=sudo
    else
        refuse "not installed: $*: as root run: apt-get install --no-install-recommends $*"
    fi
}

install() {
    mkdir -p "$logs"
    $as_root sh compose/install-packages.sh "$@" >"$logs/packages.log" 2>&1 ||
        fail "apt failed: $(last_line "$logs/packages.log")"
}

# The lock and the clone's place: pip's scripts hold the path of their interpreter.
stamp_of() {
    { echo "$root"; cat "requirements/$1.txt" requirements/fast.txt pyproject.toml; } | cksum
}

is_stamped() {
    [ "$(cat "$venv/stamp-$1" 2>/dev/null)" = "$(stamp_of "$1")" ]
}

venv_ready() {
    is_stamped "$kind" && "$venv/bin/python" -c '' 2>/dev/null
}

fail_pip() {
    fail "pip failed: $(last_line "$logs/pip.log")"
}

# install_locked FILE - pip works on one core and waits for the index in between, so some of them share the list.
install_locked() {
    rm -f "$logs"/share-*
    for share in 0 1 2; do : >"$logs/share-$share"; done
    awk -v to="$logs/share-" '/^[^ #]/ { share = (share + 1) % 3 } { print > (to (share + 0)) }' "$1"
    installing=
    # Nobody interrupts what is in the background but us.
    trap 'kill $installing; exit 130' INT TERM
    for share in 0 1 2; do
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
            --no-compile --requirement "$logs/share-$share" >"$logs/share-$share.log" 2>&1 &
        installing="$installing $!"
    done
    failed= share=0
    : >"$logs/pip.log"
    for pid in $installing; do
        wait "$pid" || { failed=yes && cat "$logs/share-$share.log" >>"$logs/pip.log"; }
        share=$((share + 1))
    done
    trap - INT TERM
    [ -z "$failed" ] || fail_pip
}

# gunicorn's C parser needs a wheel or a compiler; without it gunicorn parses requests in Python.
install_fast() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        --no-build-isolation --no-compile --requirement requirements/fast.txt >"$logs/fast.log" 2>&1 ||
        echo "setup: gunicorn-h1c cannot be installed, gunicorn parses in Python: $(last_line "$logs/fast.log")"
}

make_venv() (
    mkdir -p "$logs"
    if ! "$venv/bin/python" -c 'import pip' 2>/dev/null || ! grep -qF "$venv/bin/" "$venv/bin/pip"; then
        rm -rf "$venv"
        "$1" -m venv "$venv" >"$logs/pip.log" 2>&1 || fail_pip
    fi
    rm -f "$venv"/stamp-*
    install_locked "requirements/$kind.txt"
    # The instrument itself, as anybody installs it, but from this folder.
    case $kind in run | dev)
        install_fast
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
            --no-build-isolation --editable . >"$logs/pip.log" 2>&1 || fail_pip ;;
    esac
    # pip would compile on one core. Some packages come with templates that are no Python: they stay as they are.
    "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >"$logs/compile.log" 2>&1 || :
    stamp_of "$kind" >"$venv/stamp-$kind"
    # dev's lock contains run's.
    [ "$kind" != dev ] || stamp_of run >"$venv/stamp-run"
)

case $kind in run | dev | errors | containers) ;; *) refuse "unknown kind '$kind': run, dev, errors or containers" ;; esac

wanted= status=0
missing=$(missing_packages)
if venv_ready; then python=ready; else python=$(find_python); fi
[ -n "$python" ] || wanted='python3 python3-venv'
# shellcheck disable=SC2086  # lists of words, here and below
[ -z "$missing$wanted" ] || prepare_to_install $wanted $missing

what=
[ -z "$missing$wanted" ] || what='server packages'
[ "$python" = ready ] || what="${what:+$what and }Python packages"
[ -z "$what" ] || echo "setup: installing $what, up to a minute (logs in $logs)"

if [ -z "$python" ]; then
    # shellcheck disable=SC2086
    install $wanted
    python=$(find_python)
    [ -n "$python" ] || fail 'there is no Python 3.11 or newer that can make virtual environments'
fi
# Both at once: one waits for the network while the other unpacks.
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    (install $missing) &
    installing=$!
fi
[ "$python" = ready ] || make_venv "$python" || status=$?
[ -z "$missing" ] || wait "$installing" || status=$?
exit "$status"
