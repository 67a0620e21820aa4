# Sourced by the other tools: a virtual environment .venv with the project and an extra installed.
# Usage: . tools/environment.sh EXTRA

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "found no Python >= 3.11 with venv; install one (Debian: apt-get install python3-venv)" >&2
    return 1
}

python=${PYTHON:-$(find_python)}
if [ ! -x .venv/bin/python ] && [ ! -x .venv/Scripts/python.exe ]; then
    echo "making .venv with $("$python" --version)" >&2
    "$python" -m venv .venv
fi
bin=.venv/bin
[ -d "$bin" ] || bin=.venv/Scripts

# Install again only where what is wanted has changed.
stamp=.venv/.installed-$1
if [ ! -f "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    echo "installing onnx-affscore[$1]; the ONNX Runtime wheel is large, this takes a minute" >&2
    "$bin/python" -m pip install --quiet --disable-pip-version-check -e ".[$1]"
    touch "$stamp"
fi
