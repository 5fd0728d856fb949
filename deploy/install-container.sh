#!/usr/bin/env bash
# Installs, updates and removes Whisper Appliance on Debian 12 and 13 and Ubuntu 22.04 and 24.04, on a machine or in a
# container. Run it again at any time: it mends what is broken, changes nothing that is as it should be, and restarts the
# service.
set -euo pipefail

readonly NAME=whisper-appliance
readonly PREFIX="${PREFIX:-}" # tests install below a folder
readonly PROGRAM="$PREFIX/opt/$NAME" SETTINGS="$PREFIX/etc/$NAME" DATA="$PREFIX/var/lib/$NAME"
readonly UNITS="$PREFIX/etc/systemd/system" SITE="$PREFIX/etc/nginx/conf.d/$NAME.conf"
readonly UNDER_WAY="$PROGRAM/update-under-way" # the version and the backup to go back to
readonly HEALTH_SECONDS="${HEALTH_SECONDS:-300}"
readonly NEEDED_MB=3000

usage() {
  cat <<'TEXT'
Usage: install-container.sh COMMAND [OPTIONS], as root

  install     install, or update to the release; a backup comes first, and if the new version does not answer,
              the old one and its data come back
  rollback    go back to the version before the last update and to its backup; the data since then is set aside
  uninstall   stop it and remove the program; settings, recordings and models stay (--purge: they go too)
  status      what is installed, and whether it answers

Options of install:
  --release PLACE         folder or https address with the files of a release (default: this script's folder)
  --nginx HOSTNAME        put nginx in front of it, on ports 80 and 443; needs --certificate FILE and --key FILE
  --firewall              turn on ufw: SSH and the appliance's ports stay open, all others close
  --cuda                  also install what an NVIDIA card needs (600 MB)
TEXT
}

step() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

command_line() {
  COMMAND="${1:-}" RELEASE="" HOSTNAME_FOR_NGINX="" CERTIFICATE="" KEY="" FIREWALL=no CUDA=no PURGE=no
  [ $# = 0 ] || shift
  while [ $# -gt 0 ]; do
    case "$1" in
      --release | --nginx | --certificate | --key) [ $# -gt 1 ] || fail "$1 needs a value." ;;&
      --release) RELEASE="$2"; shift ;;
      --nginx) HOSTNAME_FOR_NGINX="$2"; shift ;;
      --certificate) CERTIFICATE="$2"; shift ;;
      --key) KEY="$2"; shift ;;
      --firewall) FIREWALL=yes ;;
      --cuda) CUDA=yes ;;
      --purge) PURGE=yes ;;
      *) usage >&2; fail "There is no option $1." ;;
    esac
    shift
  done
}

# --- what must hold before anything changes ---------------------------------------------------------------------------

check_root() { [ "$(id -u)" = 0 ] || fail "Run it as root: sudo bash $0 $COMMAND"; }

check_machine() {
  check_root
  [ -d "${RUNNING_SYSTEMD:-/run/systemd/system}" ] || fail "systemd does not run here. In Docker, use the image (docs/docker.md)."
  local system
  system=$(sed -n 's/^\(ID\|VERSION_ID\)="\?\([^"]*\)"\?$/\1 \2/p' "${OS_RELEASE:-/etc/os-release}" | sort | cut -d' ' -f2 | paste -sd-)
  case "$system" in
    debian-12 | debian-13 | ubuntu-24.04) PYTHON=python3 ;;
    ubuntu-22.04) PYTHON=python3.11 ;;
    *) fail "This is ${system:-an unknown system}; the installer is made for Debian 12 and 13, Ubuntu 22.04 and 24.04." ;;
  esac
  case "$(uname -m)" in
    x86_64 | aarch64) ;;
    *) fail "There are no packages for $(uname -m) processors, only for x86_64 and aarch64." ;;
  esac
  local free place="$PREFIX/"
  free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$NEEDED_MB" ] || fail "$free MB are free in $place; $NEEDED_MB MB are needed."
}

check_options() {
  [ -z "$HOSTNAME_FOR_NGINX" ] || { [ -r "$CERTIFICATE" ] && [ -r "$KEY" ]; } ||
    fail "--nginx needs --certificate FILE and --key FILE, which must be readable."
}

# --- the release --------------------------------------------------------------------------------------------------------

fetch_release() { # sets FILES, WHEEL and VERSION
  local place="${RELEASE:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}" name
  case "$place" in
    https://*)
      packages curl ca-certificates
      FILES=$(mktemp -d)
      trap 'rm -rf "$FILES"' EXIT
      curl -fsSL --retry 3 -o "$FILES/SHA256SUMS" "$place/SHA256SUMS" || fail "$place/SHA256SUMS cannot be fetched."
      while read -r _ name; do
        case "$name" in *.whl | requirements*.txt) curl -fsSL --retry 3 -o "$FILES/${name##*/}" "$place/${name##*/}" ;; esac
      done <"$FILES/SHA256SUMS"
      ;;
    *://*) fail "A release is fetched over https only." ;;
    *) FILES="$place" ;;
  esac
  [ -f "$FILES/SHA256SUMS" ] || fail "There is no release in $FILES. Name its folder: --release FOLDER (dist/ after ./scripts/dev.sh release)."
  (cd "$FILES" && sha256sum --quiet --ignore-missing -c SHA256SUMS) || fail "The files in $FILES are not those of SHA256SUMS."
  WHEEL=$(find "$FILES" -maxdepth 1 -name 'whisper_appliance-*.whl' | sort -V | tail -n 1)
  [ -n "$WHEEL" ] && [ -f "$FILES/requirements.txt" ] || fail "The release in $FILES has no wheel or no requirements.txt."
  grep -q "  ${WHEEL##*/}\$" "$FILES/SHA256SUMS" || fail "SHA256SUMS does not name ${WHEEL##*/}."
  VERSION=$(basename "$WHEEL" | cut -d- -f2)
}

# --- the steps ----------------------------------------------------------------------------------------------------------

packages() { # NAMES
  local missing=() each
  for each in "$@"; do
    dpkg-query -W -f '${Status}' "$each" 2>/dev/null | grep 'ok installed' >/dev/null || missing+=("$each")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "${missing[*]} cannot be installed. See the reason above; on Ubuntu the component \"universe\" must be on (add-apt-repository universe)."
}

user() {
  getent passwd "$NAME" >/dev/null ||
    useradd --system --user-group --home-dir "/var/lib/$NAME" --no-create-home --shell /usr/sbin/nologin "$NAME"
  install -d -m 0750 -o root -g "$NAME" "$SETTINGS"
  install -d -m 0700 -o "$NAME" -g "$NAME" "$DATA" "$DATA/models"
}

environment() { # [anew]: a folder for each version: going back is changing a link
  local folder="$PROGRAM/$VERSION" stamp
  stamp=$({ cat "$FILES/SHA256SUMS" "$WHEEL"; "$PYTHON" --version; echo "$CUDA"; } | sha256sum)
  [ "${1:-}$(cat "$folder/.installed" 2>/dev/null)" != "$stamp" ] || return 0
  INSTALLED_NOW=yes
  step "Installing version $VERSION and the packages of its lock file"
  install -d -m 0755 "$PROGRAM"
  if [ "$(readlink -f "$PROGRAM/current")" != "$(readlink -f "$folder")" ]; then rm -rf "$folder"; fi
  rm -f "$folder/.installed"
  if [ "${1:-}" = anew ] || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    "$PYTHON" -m venv --clear "$folder" # also after the system got another Python
  fi
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$FILES/requirements.txt"
  [ "$CUDA" = no ] || "$folder/bin/pip" install --quiet --disable-pip-version-check 'nvidia-cublas-cu12>=12.4,<13'
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$WHEEL"
  echo "$stamp" >"$folder/.installed"
}

settings_file() {
  [ ! -e "$SETTINGS/appliance.env" ] || return 0
  cat >"$SETTINGS/appliance.env" <<'TEXT'
# Settings of Whisper Appliance, one NAME=value a line, values with blanks in quotes; no line goes on behind a \ at its end.
# docs/configuration.md lists them. Then: systemctl restart whisper-appliance
TEXT
  chown "root:$NAME" "$SETTINGS/appliance.env"
  chmod 0640 "$SETTINGS/appliance.env"
}

settings() { # the settings file as systemd reads it, which is not as a shell does: NAME=value a line
  local line value
  [ -r "$SETTINGS/appliance.env" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    [[ "$line" =~ ^[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
    value="${BASH_REMATCH[2]}"
    value="${value%"${value##*[![:space:]]}"}"
    case "$value" in \"*\" | \'*\') value="${value:1:-1}" ;; esac
    printf '%s=%s\n' "${BASH_REMATCH[1]}" "$value"
  done <"$SETTINGS/appliance.env"
}

setting() { settings | sed -n "s/^$1=//p" | tail -n 1; } # NAME

as_appliance() ( # the program with the settings of the service only, as its user; `ps` shows arguments, so no setting is one
  local each runuser
  runuser=$(type -P runuser)
  for each in $(compgen -e); do export -n "${each?}"; done
  export PATH
  while IFS= read -r each; do # those of this script are no settings, and bash ends where they are written
    [[ "$(declare -p "${each%%=*}" 2>/dev/null)" =~ ^declare\ -[a-z]*r ]] || export "${each?}"
  done < <(
    printf '%s\n' HOME="$DATA" DATA_DIR="$DATA" MODEL_DIR="$DATA/models" XDG_CACHE_HOME="$PREFIX/var/cache/$NAME"
    settings
  )
  exec "$runuser" -u "$NAME" -- env HOME="$HOME" "$PROGRAM/current/bin/$NAME" "$@" # runuser sets HOME
)

installed_version() { basename "$(readlink "$PROGRAM/current" 2>/dev/null)" 2>/dev/null || true; }

backup_before() {
  local old="$1" file
  [ -n "$old" ] || return 0
  if [ -s "$UNDER_WAY" ]; then step "The last update was interrupted; its backup is kept to go back to"; return 0; fi
  [ -e "$DATA/secret.key" ] || return 0 # it never started
  file="$DATA/before-update/$(date -u +%Y%m%dT%H%M%SZ)-$old.tar"
  step "Backing up to ${file#"$PREFIX"}"
  install -d -m 0700 -o "$NAME" -g "$NAME" "$DATA/before-update"
  as_appliance backup "$file" >&2 || fail "The backup failed, so nothing was changed. See the reason above."
  printf '%s %s\n' "$old" "$file" >"$UNDER_WAY"
  find "$DATA/before-update" -name '*.tar' | sort -r | tail -n +4 | while read -r file; do rm -f "$file"; done
}

switch_to() { # VERSION
  local unit
  ln -sfn "$1" "$PROGRAM/current.new"
  mv -T "$PROGRAM/current.new" "$PROGRAM/current"
  install -d "$UNITS"
  install -m 0644 "$PROGRAM/current/share/$NAME/systemd/"*.service "$UNITS/"
  if [ -e "${NVIDIA:-/dev/nvidiactl}" ]; then
    for unit in "$NAME" "$NAME-worker@"; do
      install -D -m 0644 "$PROGRAM/current/share/$NAME/systemd/nvidia.conf" "$UNITS/$unit.service.d/nvidia.conf"
    done
  fi
  systemctl daemon-reload
}

workers() { # COMMAND [OPTION]: of systemctl, for the workers of this machine; they share the program and the database
  local units
  mapfile -t units < <(find "$UNITS/multi-user.target.wants" -name "$NAME-worker@*.service" -printf '%f\n' 2>/dev/null)
  [ "${#units[@]}" = 0 ] || systemctl "$@" "${units[@]}" || true
}

starts() { # whether the installed version starts and answers
  systemctl reset-failed "$NAME" 2>/dev/null || true
  systemctl restart "$NAME" && as_appliance health --wait "$HEALTH_SECONDS" >/dev/null && workers restart
}

go_back() { # VERSION BACKUP
  workers stop
  systemctl stop "$NAME" || true
  switch_to "$1"
  as_appliance restore "$2" >&2 || fail "Version $1 is back, but the backup was not restored: $2"
  starts || fail "Version $1 is back with its data and does not answer: journalctl -u $NAME"
  rm -f "$UNDER_WAY"
}

roll_back() { # after an update that failed; `rollback` finishes what ends before its time
  local old file
  read -r old file <"$UNDER_WAY"
  step "Version $VERSION does not answer: going back to $old"
  journalctl -u "$NAME" -n 15 --no-pager -o cat >&2 || true
  go_back "$old" "$file"
  fail "The update to $VERSION failed. Version $old runs again with the data of before; nothing was lost but what arrived since."
}

nginx_site() {
  local without=""
  [ -e "${INET6:-/proc/net/if_inet6}" ] || without='/listen \[::\]/d' # a kernel with ipv6.disable=1
  sed -e "$without" -e "s|SERVER_NAME|$HOSTNAME_FOR_NGINX|; s|ssl_certificate CERTIFICATE|ssl_certificate $CERTIFICATE|" \
    -e "s|ssl_certificate_key KEY|ssl_certificate_key $KEY|" \
    "$PROGRAM/$VERSION/share/$NAME/nginx/$NAME.conf" >"$SITE"
}

check_nginx_site() { # nginx gets it once the service speaks HTTP
  [ -n "$HOSTNAME_FOR_NGINX" ] || return 0
  local accepted=yes
  install -d "$(dirname "$SITE")"
  if [ -e "$SITE" ]; then cp -p "$SITE" "$SITE.before"; fi
  nginx_site
  nginx -t -q || accepted=no
  rm -f "$SITE"
  if [ -e "$SITE.before" ]; then mv "$SITE.before" "$SITE"; fi
  [ "$accepted" = yes ] || fail "nginx does not accept the site, so it is as it was before. See the reason above."
}

settings_behind_nginx() { # keeps the settings of before, for a service that does not start
  [ -n "$HOSTNAME_FOR_NGINX" ] || return 0
  local line
  SETTINGS_BEFORE=$(cat "$SETTINGS/appliance.env")
  [ -z "$(tail -c 1 "$SETTINGS/appliance.env")" ] || echo >>"$SETTINGS/appliance.env" # its last line has no end
  for line in HTTPS_ENABLED=false TRUSTED_PROXIES=1 HOST=127.0.0.1; do
    settings | grep "^${line%%=*}=" >/dev/null || echo "$line" >>"$SETTINGS/appliance.env"
  done
}

settings_back() { # and the service starts with them, unless an update goes back, which starts it
  [ -n "$HOSTNAME_FOR_NGINX" ] || return 0
  printf '%s\n' "$SETTINGS_BEFORE" >"$SETTINGS/appliance.env"
  [ -s "$UNDER_WAY" ] || systemctl restart --no-block "$NAME" || true
}

start_nginx() {
  [ -n "$HOSTNAME_FOR_NGINX" ] || return 0
  step "Putting nginx in front of it"
  nginx_site
  systemctl enable --quiet nginx
  systemctl reload-or-restart nginx || fail "nginx does not start, and the appliance answers on this machine only: journalctl -u nginx"
}

port() {
  local found
  found=$(setting HTTPS_PORT)
  echo "${found:-5001}"
}

firewall() {
  [ "$FIREWALL" = yes ] || return 0
  step "Closing all ports but SSH's and the appliance's"
  local each ssh_ports
  ssh_ports=$({ sshd -T 2>/dev/null || true; } | awk '$1 == "port" { print $2 }')
  for each in ${ssh_ports:-22}; do ufw allow "$each/tcp" >/dev/null; done
  if [ -n "$HOSTNAME_FOR_NGINX" ]; then
    ufw allow 80/tcp >/dev/null
    ufw allow 443/tcp >/dev/null
  else
    ufw allow "$(port)/tcp" >/dev/null
  fi
  each=$(setting WYOMING_PORT)
  [ -z "$each" ] || ufw allow "$each/tcp" >/dev/null
  ufw --force enable >/dev/null
}

last_backup() { { find "$DATA/before-update" -name '*.tar' 2>/dev/null || true; } | sort | tail -n 1; }

version_of() { basename "$1" .tar | cut -d- -f2-; } # BACKUP

remove_old_versions() { # the present one and the one before the last update stay
  local each before
  before=$(version_of "$(last_backup)")
  for each in "$PROGRAM"/[0-9]*; do
    case "${each##*/}" in "$(installed_version)" | "$before") ;; *) rm -rf "$each" ;; esac
  done
}

welcome() {
  local scheme=https address="" setup=""
  [ "$(setting HTTPS_ENABLED)" != false ] || scheme=http
  address=$(hostname -I 2>/dev/null | awk '{ print $1 }') || true
  case "$address" in *:*) address="[$address]" ;; esac
  address="$scheme://${address:-$(hostname)}:$(port)"
  [ -z "$HOSTNAME_FOR_NGINX" ] || address="https://$HOSTNAME_FOR_NGINX"
  printf '\nWhisper Appliance %s runs.\nOpen        %s\n' "$VERSION" "$address"
  [ "$scheme" = http ] || printf 'Fingerprint %s\n' "$(as_appliance certificate 2>/dev/null | sed -n 's/^SHA-256: *//p')"
  [ ! -r "$DATA/setup-token" ] || setup=$(cat "$DATA/setup-token")
  [ -z "$setup" ] || printf 'First, within an hour, make the owner'\''s account at\n            %s%s\n' "$address" "$setup"
  printf 'Settings    %s/appliance.env\nLogs        journalctl -u %s\n' "${SETTINGS#"$PREFIX"}" "$NAME"
}

# --- the commands -------------------------------------------------------------------------------------------------------

needed_packages() {
  local wanted=("$PYTHON" "$PYTHON-venv" ca-certificates libseccomp2) # the last one filters system calls of the sandbox
  [ -z "$HOSTNAME_FOR_NGINX" ] || wanted+=(nginx-light)
  [ "$FIREWALL" = no ] || wanted+=(ufw)
  packages "${wanted[@]}"
}

may_be_damaged() { # whether an installation from before is to be made anew; exit code 2 is a setting that cannot be used
  [ "$INSTALLED_NOW" = no ] && [ "$(systemctl show "$NAME" --property=ExecMainStatus --value 2>/dev/null)" != 2 ]
}

start_version() { # sets WORKS; if it does not answer, the settings are as before
  settings_behind_nginx
  switch_to "$VERSION"
  systemctl enable --quiet "$NAME"
  step "Starting version $VERSION"
  starts || WORKS=no
  if [ "$WORKS" = no ] && may_be_damaged; then
    environment anew
    WORKS=yes
    starts || WORKS=no
  fi
  if [ "$WORKS" = no ]; then settings_back; fi
}

install_or_update() {
  local old WORKS=yes INSTALLED_NOW=no SETTINGS_BEFORE=""
  check_machine
  check_options
  fetch_release
  needed_packages
  user
  old=$(installed_version)
  environment
  settings_file
  check_nginx_site
  [ "$old" = "$VERSION" ] || backup_before "$old"
  if [ "$old" != "$VERSION" ]; then workers stop; fi
  start_version
  if [ "$WORKS" = no ]; then
    if [ -s "$UNDER_WAY" ]; then roll_back; fi
    journalctl -u "$NAME" -n 15 --no-pager -o cat >&2 || true
    fail "It was installed but does not answer. The reason is above, or in: journalctl -u $NAME"
  fi
  rm -f "$UNDER_WAY"
  start_nginx
  firewall
  remove_old_versions
  welcome
}

rollback() {
  local file old
  check_root
  if [ -s "$UNDER_WAY" ]; then # also of a rollback that did not end
    read -r old file <"$UNDER_WAY"
  else
    file=$(last_backup)
    [ -n "$file" ] || fail "No update was made here, so there is no backup to go back to (${DATA#"$PREFIX"}/before-update)."
    old=$(version_of "$file")
    [ "$old" != "$(installed_version)" ] || fail "Version $old, which the last update replaced, runs already."
  fi
  [ -x "$PROGRAM/$old/bin/$NAME" ] || fail "Version $old is not in ${PROGRAM#"$PREFIX"} any more."
  step "Going back to version $old and its backup ${file#"$PREFIX"}"
  printf '%s %s\n' "$old" "$file" >"$UNDER_WAY"
  go_back "$old" "$file"
  echo "Version $old runs again with the data of before the update."
}

uninstall() {
  check_root
  step "Removing the program"
  workers disable --now --quiet 2>/dev/null
  systemctl disable --now --quiet "$NAME" 2>/dev/null || true
  rm -rf "$PROGRAM" "$UNITS/$NAME.service" "$UNITS/$NAME-worker@.service" "$UNITS/$NAME.service.d" "$UNITS/$NAME-worker@.service.d"
  systemctl daemon-reload
  systemctl reset-failed "$NAME" 2>/dev/null || true
  if [ -e "$SITE" ]; then rm -f "$SITE"; systemctl reload nginx || true; fi
  if [ "$PURGE" = yes ]; then
    step "Removing settings, recordings, transcripts and models"
    rm -rf "$SETTINGS" "$DATA" "$DATA-worker-"* "$PREFIX/var/cache/$NAME" "$PREFIX/var/cache/$NAME-worker-"*
    if getent passwd "$NAME" >/dev/null; then userdel "$NAME"; fi
  else
    echo "Settings are in ${SETTINGS#"$PREFIX"}, recordings and models in ${DATA#"$PREFIX"}. To remove them too: $0 uninstall --purge"
  fi
}

status() {
  local version
  check_root
  version=$(installed_version)
  [ -n "$version" ] || fail "It is not installed."
  echo "version $version"
  as_appliance health
}

command_line "$@"
case "$COMMAND" in
  install | update) install_or_update ;;
  rollback) rollback ;;
  uninstall) uninstall ;;
  status) status ;;
  -h | --help | help) usage ;;
  *) usage >&2; exit 2 ;;
esac
