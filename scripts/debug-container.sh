#!/usr/bin/env bash
# What is wrong with the appliance in this container or on this machine: one page, with what to do. It also works where the
# program does not start. With --json: the checks of `whisper-appliance doctor` as JSON.
set -uo pipefail

readonly NAME=whisper-appliance
readonly PREFIX="${PREFIX:-}" REINSTALL="install-container.sh install"
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

settings() { # the settings file as systemd reads it: NAME=value a line
  local line value
  [ -r "$PREFIX/etc/$NAME/appliance.env" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    [[ "$line" =~ ^[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
    value="${BASH_REMATCH[2]}"
    value="${value%"${value##*[![:space:]]}"}"
    case "$value" in \"*\" | \'*\') value="${value:1:-1}" ;; esac
    printf '%s=%s\n' "${BASH_REMATCH[1]}" "$value"
  done <"$PREFIX/etc/$NAME/appliance.env"
}

with_settings() ( # the program as the service runs it; `ps` shows arguments, so no setting is one
  local run=() folder="$PREFIX/var/lib/$NAME" each
  if [ "$(id -u)" = 0 ] && getent passwd "$NAME" >/dev/null && command -v runuser >/dev/null; then run=("$(type -P runuser)" -u "$NAME" --); fi
  if [ -d "$PREFIX/etc/$NAME" ]; then
    while IFS= read -r each; do # those of this script are no settings, and bash ends where they are written
      [[ "$(declare -p "${each%%=*}" 2>/dev/null)" =~ ^declare\ -[a-z]*r ]] || export "${each?}"
    done < <(
      printf '%s\n' HOME="$folder" DATA_DIR="$folder" MODEL_DIR="$folder/models"
      settings
    )
    run+=(env HOME="$HOME") # runuser sets it
  fi
  exec ${run[@]+"${run[@]}"} "$@"
)

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
  journalctl -u "$NAME" -n 12 --no-pager -o cat 2>/dev/null | cut -c1-300 | sed 's/token=[^ ]*/token=…/' # people show it to others
}

as_json() {
  local text="not installed" report
  if [ -n "$PROGRAM" ]; then
    report=$(with_settings "$PROGRAM" doctor --no-engine --json 2>/dev/null)
    case "$report" in "{"*) printf '%s\n' "$report"; [[ "$report" != *'"verdict": "broken"'* ]]; return ;; esac
    text="does not start"
  fi
  printf '{"verdict": "broken", "checks": [{"check": "program", "verdict": "broken", "text": "%s", "advice": "%s"}]}\n' "$text" "$REINSTALL"
  return 1
}

doctor() {
  local report
  if report=$(with_settings "$PROGRAM" doctor --no-engine 2>&1); then printf '%s\n' "$report" | sed '/^SETTING/,$d'
  elif [[ "$report" = *Verdict:* ]]; then
    printf '%s\n' "$report" | sed '/^SETTING/,$d'
    PROBLEMS=$((PROBLEMS + 1))
  else bad "the program does not start: ${report##*$'\n'}" "correct the setting, if it names one ($PREFIX/etc/$NAME/appliance.env); else run $REINSTALL again"; fi
}

PROGRAM=$(program)
if [ "${1:-}" = --json ]; then
  as_json
  exit
fi
service
machine
if [ -z "$PROGRAM" ]; then
  bad "the program is not installed" "$REINSTALL"
else
  if with_settings "$PROGRAM" health >/dev/null 2>&1; then good "the pages answer"
  else bad "the pages do not answer" "see the checks and the log below; a damaged program is mended by $REINSTALL"; fi
  printf '\n'
  doctor
fi
logs
printf '\nVerdict: %s\n' "$([ "$PROBLEMS" = 0 ] && echo 'nothing is wrong here.' || echo "$PROBLEMS problems, with what to do above.")"
[ "$PROBLEMS" = 0 ]
