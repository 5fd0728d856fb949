#!/usr/bin/env bash
# Installs, updates and removes Whisper Appliance on Debian 12 and 13 and Ubuntu 22.04 and 24.04, on a machine or in a
# container. Run it again at any time: it mends what is broken, and changes nothing that is as it should be.
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

check_machine() {
  [ "$(id -u)" = 0 ] || fail "Run it as root: sudo $0 $COMMAND"
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

packages() {
  local wanted=("$PYTHON" "$PYTHON-venv" ca-certificates) missing=() each
  [ -z "$HOSTNAME_FOR_NGINX" ] || wanted+=(nginx-light)
  [ "$FIREWALL" = no ] || wanted+=(ufw)
  for each in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$each" 2>/dev/null | grep 'ok installed' >/dev/null || missing+=("$each")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

user() {
  getent passwd "$NAME" >/dev/null ||
    useradd --system --user-group --home-dir "/var/lib/$NAME" --no-create-home --shell /usr/sbin/nologin "$NAME"
  install -d -m 0750 -o root -g "$NAME" "$SETTINGS"
  install -d -m 0700 -o "$NAME" -g "$NAME" "$DATA" "$DATA/models"
}

environment() { # a folder for each version: going back is changing a link
  local folder="$PROGRAM/$VERSION" stamp
  stamp=$(cat "$FILES/SHA256SUMS" "$WHEEL" <(echo "$CUDA") | sha256sum)
  [ "$(cat "$folder/.installed" 2>/dev/null)" != "$stamp" ] || return 0
  step "Installing version $VERSION and the packages of its lock file"
  install -d -m 0755 "$PROGRAM"
  if [ "$(readlink -f "$PROGRAM/current")" != "$(readlink -f "$folder")" ]; then rm -rf "$folder"; fi
  [ -x "$folder/bin/python" ] || "$PYTHON" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$FILES/requirements.txt"
  [ "$CUDA" = no ] || "$folder/bin/pip" install --quiet --disable-pip-version-check 'nvidia-cublas-cu12>=12.4,<13'
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$WHEEL"
  echo "$stamp" >"$folder/.installed"
}

settings_file() {
  [ ! -e "$SETTINGS/appliance.env" ] || return 0
  cat >"$SETTINGS/appliance.env" <<'TEXT'
# Settings of Whisper Appliance, one NAME=value a line, values with blanks in quotes. docs/configuration.md lists them.
# Then: systemctl restart whisper-appliance
TEXT
  chown "root:$NAME" "$SETTINGS/appliance.env"
  chmod 0640 "$SETTINGS/appliance.env"
}

as_appliance() { # the program with the settings of the service, as its user
  local program="$PROGRAM/current/bin/$NAME"
  # shellcheck disable=SC2016 # expanded by the inner shell
  runuser -u "$NAME" -- env -i PATH="$PATH" HOME="$DATA" DATA_DIR="$DATA" MODEL_DIR="$DATA/models" \
    XDG_CACHE_HOME="$PREFIX/var/cache/$NAME" sh -c 'set -a; [ ! -r "$1" ] || . "$1"; shift; exec "$@"' \
    sh "$SETTINGS/appliance.env" "$program" "$@"
}

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
  ln -sfn "$1" "$PROGRAM/current.new"
  mv -T "$PROGRAM/current.new" "$PROGRAM/current"
  install -d "$UNITS"
  install -m 0644 "$PROGRAM/current/share/$NAME/systemd/"*.service "$UNITS/"
  if [ -e /dev/nvidiactl ]; then
    install -D -m 0644 "$PROGRAM/current/share/$NAME/systemd/nvidia.conf" "$UNITS/$NAME.service.d/nvidia.conf"
  fi
  systemctl daemon-reload
}

starts() { # whether the installed version starts and answers
  systemctl reset-failed "$NAME" 2>/dev/null || true
  systemctl restart "$NAME" && as_appliance health --wait "$HEALTH_SECONDS" >/dev/null
}

roll_back() {
  local old file
  read -r old file <"$UNDER_WAY" || fail "It does not answer, and there is no backup to go back to: journalctl -u $NAME"
  step "Version $VERSION does not answer: going back to $old"
  journalctl -u "$NAME" -n 15 --no-pager -o cat >&2 || true
  systemctl stop "$NAME" || true
  switch_to "$old"
  as_appliance restore "$file" >&2 || fail "Version $old is back, but the backup was not restored: $file"
  starts || fail "Version $old is back with its data and does not answer either: journalctl -u $NAME"
  rm -f "$UNDER_WAY"
  fail "The update to $VERSION failed. Version $old runs again with the data of before; nothing was lost but what arrived since."
}

nginx_site() {
  [ -n "$HOSTNAME_FOR_NGINX" ] || return 0
  step "Putting nginx in front of it"
  local line
  for line in HTTPS_ENABLED=false TRUSTED_PROXIES=1 HOST=127.0.0.1; do
    grep -q "^${line%%=*}=" "$SETTINGS/appliance.env" || echo "$line" >>"$SETTINGS/appliance.env"
  done
  install -d "$(dirname "$SITE")"
  sed -e "s|SERVER_NAME|$HOSTNAME_FOR_NGINX|; s|ssl_certificate CERTIFICATE|ssl_certificate $CERTIFICATE|" \
    -e "s|ssl_certificate_key KEY|ssl_certificate_key $KEY|" \
    "$PROGRAM/$VERSION/share/$NAME/nginx/$NAME.conf" >"$SITE"
  nginx -t -q || { rm -f "$SITE"; fail "nginx does not accept the site, which was removed again. See the reason above."; }
  systemctl enable --quiet nginx
  systemctl reload-or-restart nginx
}

port() {
  local found
  found=$(sed -n 's/^HTTPS_PORT=["'\'']\?\([0-9]*\).*/\1/p' "$SETTINGS/appliance.env" | tail -n 1)
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
  ufw --force enable >/dev/null
}

remove_old_versions() { # the present one and the one before stay
  local each
  find "$PROGRAM" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- |
    { grep -v -x -F "$(readlink -f "$PROGRAM/current")" || true; } | tail -n +2 | while read -r each; do rm -rf "$each"; done
}

welcome() {
  local scheme=https address="" setup=""
  grep -q '^HTTPS_ENABLED=false' "$SETTINGS/appliance.env" && scheme=http
  address="$scheme://$(hostname -I 2>/dev/null | awk '{ print $1 }'):$(port)"
  [ -z "$HOSTNAME_FOR_NGINX" ] || address="https://$HOSTNAME_FOR_NGINX"
  printf '\nWhisper Appliance %s runs.\nOpen        %s\n' "$VERSION" "$address"
  [ "$scheme" = http ] || printf 'Fingerprint %s\n' "$(as_appliance certificate 2>/dev/null | sed -n 's/^SHA-256: *//p')"
  [ ! -r "$DATA/setup-token" ] || setup=$(cat "$DATA/setup-token")
  [ -z "$setup" ] || printf 'First, within an hour, make the owner'\''s account at\n            %s%s\n' "$address" "$setup"
  printf 'Settings    %s/appliance.env\nLogs        journalctl -u %s\n' "${SETTINGS#"$PREFIX"}" "$NAME"
}

# --- the commands -------------------------------------------------------------------------------------------------------

install_or_update() {
  local old
  check_machine
  check_options
  fetch_release
  packages
  user
  old=$(installed_version)
  environment
  settings_file
  [ "$old" = "$VERSION" ] || backup_before "$old"
  switch_to "$VERSION"
  nginx_site
  systemctl enable --quiet "$NAME"
  step "Starting version $VERSION"
  if ! starts; then
    if [ -s "$UNDER_WAY" ]; then roll_back; fi
    journalctl -u "$NAME" -n 15 --no-pager -o cat >&2 || true
    fail "It was installed but does not answer. The reason is above, or in: journalctl -u $NAME"
  fi
  rm -f "$UNDER_WAY"
  firewall
  remove_old_versions
  welcome
}

uninstall() {
  [ "$(id -u)" = 0 ] || fail "Run it as root: sudo $0 $COMMAND"
  step "Removing the program"
  systemctl disable --now --quiet "$NAME" 2>/dev/null || true
  rm -rf "$PROGRAM" "$UNITS/$NAME.service" "$UNITS/$NAME-worker@.service" "$UNITS/$NAME.service.d"
  systemctl daemon-reload
  if [ -e "$SITE" ]; then rm -f "$SITE"; systemctl reload nginx || true; fi
  if [ "$PURGE" = yes ]; then
    step "Removing settings, recordings, transcripts and models"
    rm -rf "$SETTINGS" "$DATA" "$PREFIX/var/cache/$NAME"
    if getent passwd "$NAME" >/dev/null; then userdel "$NAME"; fi
  else
    echo "Settings are in ${SETTINGS#"$PREFIX"}, recordings and models in ${DATA#"$PREFIX"}. To remove them too: $0 uninstall --purge"
  fi
}

status() {
  local version
  version=$(installed_version)
  [ -n "$version" ] || fail "It is not installed."
  echo "version $version"
  as_appliance health
}

command_line "$@"
case "$COMMAND" in
  install | update) install_or_update ;;
  uninstall) uninstall ;;
  status) status ;;
  -h | --help | help) usage ;;
  *) usage >&2; exit 2 ;;
esac
