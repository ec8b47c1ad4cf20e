# Shared by ./tacit and ./dev; expects $root. Fast when there is nothing to do: one comparison of two files.

# ensure_environment KIND - make or renew .venv unless it was made from the lock file as it is now
ensure_environment() {
    if [ -x "$root/.venv/bin/python" ] && cmp -s "$root/requirements/$1.txt" "$root/.venv/$1.lock"; then
        return 0
    fi
    find_python || exit 1
    "$python" "$root/scripts/environment.py" "$1" || exit $?
}

# find_python - set $python to a Python from 3.11 on, or say how to get one
find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1; then
        python=$(uv python find --no-project '>=3.11' 2>/dev/null) && return 0
        echo "tacit: no Python from 3.11 on here; asking uv for one" >&2
        uv python install --no-bin 3.13 >&2 && python=$(uv python find --no-project '>=3.11') && return 0
    fi
    found=$(python3 --version 2>/dev/null || echo "no Python 3")
    cat >&2 <<TEXT
tacit needs Python 3.11 or newer; this machine has $found, and no python3.11 to python3.14 beside it.
    Debian, Ubuntu    sudo apt install python3 python3-venv    (from Debian 12 and Ubuntu 24.04 on)
    Fedora            sudo dnf install python3
    macOS             brew install python
    others            install uv, and tacit will use that
TEXT
    return 1
}
