#!/usr/bin/env bash
# Makes .venv with the pinned packages and checks the system libraries that Open3D and OpenCV load.
# Sourced by demo.sh and test.sh. PYTHON=python3.11 picks the interpreter; else python3 is taken where it is one
# of 3.10 to 3.12, else the first found of 3.12, 3.11, 3.10. Does nothing when .venv is already up to date.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

supported() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
  for candidate in ${PYTHON:-} python3 python3.12 python3.11 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 && supported "$candidate"; then echo "$candidate"; return; fi
  done
  echo "setup: no Python 3.10, 3.11 or 3.12 found. Install one, or name it: PYTHON=/path/to/python3.11 bash $0" >&2
  return 1
}

# Open3D links against libusb, OpenGL and OpenMP even where nothing is drawn.
system_libraries() {
  local ldconfig missing=()
  ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
  [ -x "$ldconfig" ] || return 0   # not a glibc Linux: the wheels bring what they need
  local known; known=$("$ldconfig" -p)
  grep -q 'libusb-1\.0\.so' <<<"$known" || missing+=(libusb-1.0-0)
  grep -q 'libGL\.so\.1' <<<"$known" || missing+=(libgl1)
  grep -q 'libgomp\.so\.1' <<<"$known" || missing+=(libgomp1)
  [ ${#missing[@]} -eq 0 ] && return 0
  local command="apt-get update && apt-get install -y ${missing[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing ${missing[*]}"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null; then
      return 0
    fi
  fi
  echo "setup: system libraries are missing: ${missing[*]}. On Debian or Ubuntu run:  sudo sh -c '$command'" >&2
  return 1
}

system_libraries
stamp=.venv/requirements.sha256
wanted=$(sha256sum requirements.txt)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  python=$(find_python)
  echo "setup: installing the packages into .venv with $("$python" --version)"
  "$python" -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
  echo "$wanted" > "$stamp"
fi
