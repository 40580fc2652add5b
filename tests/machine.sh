#!/usr/bin/env bash
# Gets the machine ready for the demo or the tests, runs them, and stops what it started.
#   tests/machine.sh venv PYTHON FOLDER    a virtual environment, with Debian's python3-venv where that is missing
#   tests/machine.sh demo    with a Docker engine where there is one, else plain local processes
#   tests/machine.sh test    with a Docker engine and PHP, installed and started when run as root on Debian
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
engine_pid=""
engine_log=""

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $1"
  say "  → $2"
  exit 4
}

install() { # what package...: as root on Debian, else says what is missing
  local what=$1
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "$what is missing" "install it (Debian: apt-get install $*)"
  fi
  say "installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_packages() { # program package...: installs the packages where the program is missing
  command -v "$1" >/dev/null || install "$@"
}

engine_answers() { command -v docker >/dev/null && timeout 20 docker version >/dev/null 2>&1; }

start_engine() {
  engine_answers && return
  need_packages dockerd docker.io iptables
  need_packages docker docker.io
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers" "start it (systemctl start docker) or run this as root"
  engine_log=$(mktemp)
  say "starting dockerd"
  setsid dockerd >"$engine_log" 2>&1 &
  engine_pid=$!
  for _ in $(seq 120); do
    engine_answers && return
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$engine_log" >&2
  fail "dockerd did not start" "see its last lines above"
}

stop_engine() {
  if [ -n "$engine_pid" ]; then
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    rm -f "$engine_log"
  fi
}
trap stop_engine EXIT

make_venv() { # python folder
  local python=$1 folder=$2
  need_packages "$python" python3
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is older than 3.11" "name a later one: make PYTHON=python3.12"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install "the venv module of $python" python3-venv
  "$python" -m venv "$folder"
}

demo() {
  local scenario=scenarios/quickstart.yaml code=0
  need_packages php php-cli
  if engine_answers; then
    compose/resident/make-image.sh >/dev/null
  else
    say "no Docker engine answers: the target runs as plain local processes"
    scenario=scenarios/quickstart-local.yaml
  fi
  "$bin/hyperleak" run "$scenario" || code=$?
  # The demo's app leaks: exit code 1 is what a working demo ends with.
  [ "$code" = 1 ] || exit "$((code == 0 ? 1 : code))"
}

tests() {
  need_packages php php-cli
  need_packages docker-compose docker-compose
  need_packages chromium chromium fonts-dejavu-core
  need_packages valgrind valgrind
  php -m | grep -q tideways_xhprof || install "PHP's extension tideways_xhprof" php-tideways
  start_engine
  "$bin/ruff" check .
  "$bin/ruff" format --check .
  "$bin/mypy"
  "$bin/lint-imports"
  "$bin/pytest" "$@"
}

case "${1:-}" in
  venv) make_venv "${2:-python3}" "${3:-.venv}" ;;
  demo) demo ;;
  test) shift && tests "$@" ;;
  *) fail "what to run?" "tests/machine.sh venv | demo | test [pytest arguments]" ;;
esac
