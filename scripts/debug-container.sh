#!/usr/bin/env bash
# What is wrong with the appliance in this container or on this machine: one page, with what to do. It also works where the
# program does not start. With --json: the checks of `whisper-appliance doctor` as JSON.
set -uo pipefail

readonly NAME=whisper-appliance
readonly PREFIX="${PREFIX:-}"
PROBLEMS=0

good() { printf 'ok      %s\n' "$*"; }
note() { printf 'note    %s\n' "$*"; }
bad() { # TEXT ADVICE
  PROBLEMS=$((PROBLEMS + 1))
  printf 'broken  %s\n          To do: %s\n' "$1" "$2"
}

program() { # where the program is: the installer's, the image's, or on the path
  local each
  for each in "$PREFIX/opt/$NAME/current/bin/$NAME" "$PREFIX/opt/$NAME/bin/$NAME" "$(command -v "$NAME" 2>/dev/null)"; do
    if [ -n "$each" ] && [ -x "$each" ]; then
      echo "$each"
      return
    fi
  done
}

with_settings() { # the program as the service runs it
  local run=()
  if [ "$(id -u)" = 0 ] && getent passwd "$NAME" >/dev/null && command -v runuser >/dev/null; then run=(runuser -u "$NAME" --); fi
  if [ -d "$PREFIX/etc/$NAME" ]; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    ${run[@]+"${run[@]}"} env HOME="$PREFIX/var/lib/$NAME" DATA_DIR="$PREFIX/var/lib/$NAME" MODEL_DIR="$PREFIX/var/lib/$NAME/models" \
      sh -c 'set -a; [ ! -r "$1" ] || . "$1"; shift; exec "$@"' sh "$PREFIX/etc/$NAME/appliance.env" "$@"
  else
    "$@"
  fi
}

service() {
  [ -d "${RUNNING_SYSTEMD:-/run/systemd/system}" ] || { note "systemd does not run here: no service to look at"; return; }
  local state
  state=$(systemctl is-active "$NAME" 2>/dev/null)
  case "$state" in
    active) good "the service runs" ;;
    activating) note "the service is starting" ;;
    *) bad "the service is ${state:-not installed}" "systemctl restart $NAME; the log below has the reason" ;;
  esac
}

machine() {
  if [ "$(uname -m)" = x86_64 ]; then
    if grep -q '^flags.* avx2' "${CPUINFO:-/proc/cpuinfo}"; then good "the processor has AVX2"
    elif grep -q '^flags.* avx' "${CPUINFO:-/proc/cpuinfo}"; then note "the processor has no AVX2: transcription is slow. Virtual machine: processor type host"
    else bad "the processor has no AVX" "set the virtual machine's processor type to host (Proxmox: Hardware, Processors, Type)"; fi
  fi
  local free folder="$PREFIX/var/lib/$NAME"
  [ -d "$folder" ] || folder="${DATA_DIR:-$PREFIX/}"
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  if [ "$free" -ge 1000 ]; then good "$free MB of disk are free for $folder"
  else bad "$free MB of disk are free for $folder" "delete old recordings and backups, or enlarge the disk"; fi
  if getent hosts "$(hostname)" >/dev/null; then good "the name $(hostname) resolves"
  else note "the name $(hostname) does not resolve: add 127.0.1.1 $(hostname) to /etc/hosts"; fi
  good "the clock shows $(date -u '+%Y-%m-%d %H:%M UTC')"
}

logs() {
  [ -d "${RUNNING_SYSTEMD:-/run/systemd/system}" ] || return 0
  printf '\nThe last lines of the log (journalctl -u %s):\n' "$NAME"
  journalctl -u "$NAME" -n 12 --no-pager -o cat 2>/dev/null | cut -c1-300
}

PROGRAM=$(program)
if [ "${1:-}" = --json ]; then
  [ -n "$PROGRAM" ] || { echo '{"verdict": "broken", "checks": [{"check": "program", "verdict": "broken", "text": "not installed"}]}'; exit 1; }
  with_settings "$PROGRAM" doctor --no-engine --json
  exit
fi
service
machine
if [ -z "$PROGRAM" ]; then
  bad "the program is not installed" "install-container.sh install"
else
  if with_settings "$PROGRAM" health >/dev/null 2>&1; then good "the pages answer"
  else bad "the pages do not answer" "see the checks and the log below"; fi
  printf '\n'
  with_settings "$PROGRAM" doctor --no-engine | sed '/^SETTING/,$d' || PROBLEMS=$((PROBLEMS + 1))
fi
logs
printf '\nVerdict: %s\n' "$([ "$PROBLEMS" = 0 ] && echo 'nothing is wrong here.' || echo "$PROBLEMS problems, with what to do above.")"
[ "$PROBLEMS" = 0 ]
