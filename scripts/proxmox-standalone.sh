#!/usr/bin/env bash
# Makes an unprivileged LXC container with Whisper Appliance on a Proxmox VE host, updates it, and removes it.
# Run it on the host as root, in the folder of a release:  bash proxmox-standalone.sh create
# or from where a release is published:  bash <(curl -fsSL ADDRESS/proxmox-standalone.sh) create --release ADDRESS
set -euo pipefail

readonly TAG=whisper-appliance
readonly TEMPLATE_NAME=debian-12-standard
readonly BOOT_SECONDS="${BOOT_SECONDS:-60}"
readonly SNAPSHOT=before-update SNAPSHOTS_KEPT=2
HERE="$(cd "$(dirname "${BASH_SOURCE[0]:-.}")" && pwd)"
readonly HERE

usage() {
  cat <<'TEXT'
Usage: proxmox-standalone.sh COMMAND [OPTIONS], on a Proxmox VE host, as root

  create            make a container, install the appliance, wait until it answers, print its address
  update --id ID    snapshot the container, then update the appliance in it; it goes back by itself if that fails
  remove --id ID    stop the container and destroy it with everything in it; asks first (--yes: does not)
  status --id ID    whether the appliance in it answers
  doctor --id ID    what is wrong with it, and what to do

Options of create (without any but --release, and in a terminal with whiptail, it offers them as a form):
  --release PLACE   folder or https address with the files of a release (default: this script's folder)
  --id ID           number of the container (default: the next free one)
  --hostname NAME   (default: whisper)
  --storage NAME    storage of its disk (default: the first that holds containers)
  --bridge NAME     network bridge (default: vmbr0)
  --address CIDR    such as 192.168.1.20/24; needs --gateway (default: dhcp)
  --gateway IP
  --memory MB       (default: 4096)   --cores N  (default: 4, or all)   --disk GB  (default: 20)
  --gpu             pass the host's NVIDIA card on to the container, with the libraries of its driver
TEXT
}

step() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }
is_a_file() { [ -f "$0" ]; } # or it came through a pipe

self() { # COMMAND: how to run this script again
  if is_a_file; then echo "bash $0 $1"; else echo "bash <(curl -fsSL $RELEASE/proxmox-standalone.sh) $1"; fi
}

command_line() {
  COMMAND="${1:-}" RELEASE="$HERE" ID="" HOST_NAME=whisper STORAGE="" BRIDGE=vmbr0 ADDRESS=dhcp GATEWAY="" MEMORY=4096 CORES="" DISK=20
  GPU=no YES=no FORM=yes
  [ $# = 0 ] || shift
  while [ $# -gt 0 ]; do
    [ "$1" = --release ] || FORM=no
    case "$1" in --gpu) GPU=yes; shift; continue ;; --yes) YES=yes; shift; continue ;; esac
    case "$1" in
      --release | --id | --hostname | --storage | --bridge | --address | --gateway | --memory | --cores | --disk) ;;
      *) usage >&2; fail "There is no option $1." ;;
    esac
    [ $# -gt 1 ] || fail "$1 needs a value."
    case "$1" in
      --release) RELEASE="$2" ;;
      --id) ID="$2" ;;
      --hostname) HOST_NAME="$2" ;;
      --storage) STORAGE="$2" ;;
      --bridge) BRIDGE="$2" ;;
      --address) ADDRESS="$2" ;;
      --gateway) GATEWAY="$2" ;;
      --memory) MEMORY="$2" ;;
      --cores) CORES="$2" ;;
      --disk) DISK="$2" ;;
    esac
    shift 2
  done
}

form() { # a few questions, with the defaults filled in
  [ "$FORM" = yes ] && [ -t 0 ] && command -v whiptail >/dev/null || return 0
  local title="Whisper Appliance"
  ID=$(whiptail --title "$title" --inputbox "Number of the container" 8 60 "$ID" 3>&1 1>&2 2>&3) || fail "Cancelled; nothing was changed."
  STORAGE=$(whiptail --title "$title" --inputbox "Storage of its disk" 8 60 "$STORAGE" 3>&1 1>&2 2>&3) || fail "Cancelled; nothing was changed."
  BRIDGE=$(whiptail --title "$title" --inputbox "Network bridge" 8 60 "$BRIDGE" 3>&1 1>&2 2>&3) || fail "Cancelled; nothing was changed."
  MEMORY=$(whiptail --title "$title" --inputbox "Memory in MB" 8 60 "$MEMORY" 3>&1 1>&2 2>&3) || fail "Cancelled; nothing was changed."
  CORES=$(whiptail --title "$title" --inputbox "Processor cores" 8 60 "$CORES" 3>&1 1>&2 2>&3) || fail "Cancelled; nothing was changed."
  if [ -e "${NVIDIA:-/dev/nvidiactl}" ]; then
    if whiptail --title "$title" --yesno "Pass the NVIDIA card on to the container?" 8 60; then GPU=yes; fi
  fi
}

# --- what must hold before anything changes ---------------------------------------------------------------------------

number() { # NAME VALUE LEAST
  case "$2" in '' | *[!0-9]*) fail "$1 must be a number, not \"$2\"." ;; esac
  [ "$2" -ge "$3" ] || fail "$1 must be at least $3."
}

check_host() {
  [ "$(id -u)" = 0 ] || fail "Run it as root on the Proxmox host."
  local each
  for each in pct pveam pvesh pvesm; do
    command -v "$each" >/dev/null || fail "$each was not found: this is no Proxmox VE host. On other systems use install-container.sh."
  done
}

check_card() {
  local version
  [ "$GPU" = yes ] || return 0
  version=$(pveversion | sed -n 's|^pve-manager/\([0-9]*\.[0-9]*\).*|\1|p')
  [ "$(printf '%s\n' 8.1 "$version" | sort -V | head -n 1)" = 8.1 ] || fail "--gpu needs Proxmox VE 8.1 or newer; this is $version."
  nvidia-modprobe -u -c 0 >/dev/null 2>&1 || true # its device for computing is made by the first program that needs it
  [ -e "${NVIDIA:-/dev/nvidiactl}" ] || fail "--gpu: the NVIDIA driver is not loaded on this host (nvidia-smi must answer here first)."
  [ -e "${NVIDIA_DEVICES:-/dev}/nvidia-uvm" ] || fail "--gpu: there is no ${NVIDIA_DEVICES:-/dev}/nvidia-uvm, which CUDA needs. Load it: modprobe nvidia-uvm && nvidia-modprobe -u -c 0"
  [ -n "$(driver_libraries)" ] || fail "--gpu: the libraries of the NVIDIA driver are not on this host (libcuda.so.1)."
}

driver_libraries() { # those of the host's driver that CUDA loads; they must have the version of its kernel module
  ldconfig -p | awk '/x86-64|AArch64/ && /^\t(libcuda|libnvidia-ml|libnvidia-ptxjitcompiler|libnvidia-nvvm|libnvidia-gpucomp)\.so\.[0-9]/ { print $NF }' || true
}

storage_with() { # CONTENT: the first storage that may hold it
  pvesm status --content "$1" | awk 'NR > 1 && $3 == "active" && !found++ { print $1 }'
}

defaults() {
  [ -n "$ID" ] || ID=$(pvesh get /cluster/nextid | tr -d '"')
  [ -n "$STORAGE" ] || STORAGE=$(storage_with rootdir)
  [ -n "$CORES" ] || CORES=$(($(nproc) < 4 ? $(nproc) : 4))
}

check_choices() {
  local free state
  number --id "$ID" 100
  number --memory "$MEMORY" 2048
  number --cores "$CORES" 1
  number --disk "$DISK" 8
  [ "$CORES" -le "$(nproc)" ] || fail "--cores $CORES: this host has $(nproc)."
  case "$HOST_NAME" in '' | *[!a-zA-Z0-9-]* | -*) fail "--hostname has letters, digits and hyphens only." ;; esac
  # also one on another host of the cluster, which pct and qm do not list
  pvesh get /cluster/nextid --vmid "$ID" >/dev/null 2>&1 || fail "There is a container or machine $ID already. To update it: $(self "update --id $ID")"
  [ -n "$STORAGE" ] || fail "No storage of this host holds containers. Allow it: Datacenter, Storage, Content, Container."
  state=$(pvesm status --content rootdir | awk -v name="$STORAGE" 'NR > 1 && $1 == name { print $3 }')
  [ -n "$state" ] || fail "Storage $STORAGE does not exist, or holds no containers."
  [ "$state" = active ] || fail "Storage $STORAGE is $state."
  free=$(pvesm status --storage "$STORAGE" | awk -v name="$STORAGE" '$1 == name { print int($6 / 1048576) }')
  [ "${free:-0}" -ge "$DISK" ] || fail "Storage $STORAGE has ${free:-0} GB free; --disk $DISK are needed."
  [ -e "${NETWORK_DEVICES:-/sys/class/net}/$BRIDGE" ] || fail "There is no bridge $BRIDGE."
  [ ! -e "${NETWORK_DEVICES:-/sys/class/net}/$BRIDGE/device" ] || fail "$BRIDGE is a network card, no bridge: name the bridge that it belongs to, such as vmbr0."
  if [ "$ADDRESS" != dhcp ]; then
    [[ "$ADDRESS" =~ ^[0-9.]+/[0-9]+$ ]] || fail "--address is written as 192.168.1.20/24."
    [ -n "$GATEWAY" ] || fail "--address needs --gateway."
  fi
  check_card
}

check_release() {
  case "$RELEASE" in
    https://*)
      RELEASE="${RELEASE%/}"
      curl -fsSL -o /dev/null "$RELEASE/SHA256SUMS" || fail "There is no release at $RELEASE, or this host cannot reach it. See the reason above."
      return
      ;;
    *://*) fail "A release is fetched over https only." ;;
  esac
  if [ ! -f "$RELEASE/SHA256SUMS" ] || [ ! -f "$RELEASE/install-container.sh" ]; then
    fail "There is no release in $RELEASE. Name it: --release FOLDER"
  fi
  (cd "$RELEASE" && sha256sum --quiet --ignore-missing -c SHA256SUMS) || fail "The files in $RELEASE are not those of SHA256SUMS."
}

check_ours() {
  number --id "$ID" 100
  pct status "$ID" >/dev/null 2>&1 || fail "There is no container $ID."
  pct config "$ID" | grep "^tags:.*$TAG" >/dev/null || fail "Container $ID was not made by this script, so it is left alone."
}

# --- the steps ----------------------------------------------------------------------------------------------------------

template() { # sets TEMPLATE; downloads it once
  local store file
  store=$(storage_with vztmpl)
  [ -n "$store" ] || fail "No storage of this host holds templates. Allow it: Datacenter, Storage, Content, Container template."
  TEMPLATE=$(pveam list "$store" | awk -v name="$TEMPLATE_NAME" 'index($1, name) { print $1 }' | sort -V | tail -n 1)
  [ -z "$TEMPLATE" ] || return 0
  step "Downloading the template of Debian 12"
  pveam update >/dev/null || true # says why it failed, and succeeds nevertheless; an older list may do
  file=$(pveam available --section system | awk -v name="$TEMPLATE_NAME" 'index($2, name) { print $2 }' | sort -V | tail -n 1)
  [ -n "$file" ] || fail "The list of templates has no $TEMPLATE_NAME: is this host online? See /var/log/pveam.log."
  pveam download "$store" "$file" >&2 || fail "The template was not downloaded, so nothing was made. See the reason above."
  TEMPLATE="$store:vztmpl/$file"
}

container() {
  local network="name=eth0,bridge=$BRIDGE,ip=$ADDRESS" devices=() each at=0
  [ -z "$GATEWAY" ] || network="$network,gw=$GATEWAY"
  if [ "$GPU" = yes ]; then
    for each in "${NVIDIA:-/dev/nvidiactl}" "${NVIDIA_DEVICES:-/dev}"/nvidia[0-9] "${NVIDIA_DEVICES:-/dev}"/nvidia-uvm "${NVIDIA_DEVICES:-/dev}"/nvidia-uvm-tools; do
      [ -e "$each" ] || continue
      devices+=("--dev$at" "$each,mode=0666")
      at=$((at + 1))
    done
  fi
  step "Making container $ID"
  # nesting: systemd inside needs it for the service's own namespaces
  pct create "$ID" "$TEMPLATE" --unprivileged 1 --features nesting=1 --hostname "$HOST_NAME" --tags "$TAG" \
    --cores "$CORES" --memory "$MEMORY" --swap 512 --rootfs "$STORAGE:$DISK" --net0 "$network" --onboot 1 \
    --description "Whisper Appliance: speech to text. Updates: proxmox-standalone.sh update --id $ID" \
    ${devices[@]+"${devices[@]}"} >&2
  MADE=yes
}

undo() { # a container that does not work is not left behind; after a failed update, the way back is named
  local code=$?
  [ "$code" = 0 ] || [ "${MADE:-no}" = no ] || {
    step "It failed: removing container $ID again"
    pct stop "$ID" >/dev/null 2>&1 || true
    pct destroy "$ID" --purge 1 >/dev/null || step "Container $ID is still there. Remove it: pct destroy $ID --purge 1"
  }
  [ "$code" = 0 ] || [ -z "${WAY_BACK:-}" ] || step "The update failed, see above. $WAY_BACK"
  rm -f "$RELEASE_TAR"
  return "$code"
}

boot() {
  local second
  pct status "$ID" | grep running >/dev/null || pct start "$ID" >&2
  step "Waiting for its network"
  for ((second = 0; second < BOOT_SECONDS; second++)); do
    IP=$(pct exec "$ID" -- hostname -I 2>/dev/null | awk '{ print $1 }') || IP=""
    [ -z "$IP" ] || return 0
    sleep 1
  done
  fail "Container $ID got no address on $BRIDGE within $BOOT_SECONDS seconds. With --address and --gateway it needs no DHCP."
}

push_release() { # copies the release into the container, and names it there in PLACE
  local each
  PLACE="$RELEASE"
  case "$RELEASE" in
    https://*)
      pct exec "$ID" -- sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends curl ca-certificates >/dev/null' >&2
      for each in install-container.sh debug-container.sh; do
        pct exec "$ID" -- curl -fsSL -o "/usr/local/sbin/$each" "$RELEASE/$each"
      done
      ;;
    *)
      PLACE=/var/tmp/release
      (cd "$RELEASE" && tar -cf "$RELEASE_TAR" SHA256SUMS requirements.txt install-container.sh debug-container.sh -- *.whl)
      pct push "$ID" "$RELEASE_TAR" /var/tmp/release.tar
      pct exec "$ID" -- sh -c 'rm -rf /var/tmp/release && mkdir /var/tmp/release && tar -C /var/tmp/release -xf /var/tmp/release.tar && cp /var/tmp/release/*-container.sh /usr/local/sbin/'
      ;;
  esac
}

push_driver() { # the libraries of the card's driver, as the host has them now
  [ "$GPU" = yes ] || return 0
  local libraries
  mapfile -t libraries < <(driver_libraries)
  [ "${#libraries[@]}" -gt 0 ] || { step "This host has no libraries of the NVIDIA driver: the container keeps those it has"; return 0; }
  step "Copying the libraries of the NVIDIA driver"
  tar -chf "$RELEASE_TAR" --transform 's|.*/||' -P -- "${libraries[@]}"
  pct push "$ID" "$RELEASE_TAR" /var/tmp/driver.tar
  pct exec "$ID" -- sh -c 'rm -rf /usr/local/lib/nvidia && mkdir /usr/local/lib/nvidia && tar -C /usr/local/lib/nvidia -xf /var/tmp/driver.tar && rm /var/tmp/driver.tar && echo /usr/local/lib/nvidia >/etc/ld.so.conf.d/nvidia-host.conf && ldconfig'
}

install_inside() {
  local options=()
  [ "$GPU" = no ] || options+=(--cuda)
  pct exec "$ID" -- bash /usr/local/sbin/install-container.sh install --release "$PLACE" ${options[@]+"${options[@]}"}
}

# --- the commands -------------------------------------------------------------------------------------------------------

create() {
  local release=""
  check_host
  check_release
  defaults
  form
  check_choices
  template
  MADE=no
  container
  boot
  push_release
  push_driver
  step "Installing the appliance, which takes a few minutes"
  install_inside
  MADE=no
  is_a_file || release=" --release ADDRESS, with the address of the new release"
  printf '\nContainer   %s (%s), starts with this host\nUpdate      %s%s\nRemove      %s\n' \
    "$ID" "$IP" "$(self "update --id $ID")" "$release" "$(self "remove --id $ID")"
}

remove_old_snapshots() { # of this script; they hold the space of what was deleted since
  local name
  pct listsnapshot "$ID" 2>/dev/null | awk '$1 == "`->" { print $2 }' | # a snapshot a line: `-> NAME TIME DESCRIPTION
    { grep -xE "$SNAPSHOT-[0-9]{8}-[0-9]{6}" || true; } | sort -r | tail -n "+$((SNAPSHOTS_KEPT + 1))" |
    while read -r name; do pct delsnapshot "$ID" "$name" </dev/null >&2 || true; done
}

update() {
  local name
  check_host
  check_ours
  check_release
  pct config "$ID" | grep '^dev[0-9]*:.*nvidia' >/dev/null && GPU=yes
  boot
  name="$SNAPSHOT-$(date -u +%Y%m%d-%H%M%S)"
  if pct snapshot "$ID" "$name" >/dev/null 2>&1; then
    step "Snapshot $name"
    WAY_BACK="To go back to the whole container as it was: pct rollback $ID $name"
    remove_old_snapshots
  else
    WAY_BACK="The backup inside the container is the way back."
    step "Its storage makes no snapshots; the backup inside the container is the way back"
  fi
  push_release
  push_driver
  install_inside
}

remove() {
  local answer=""
  check_host
  check_ours
  if [ "$YES" = no ]; then
    printf 'Destroy container %s with all recordings and transcripts in it? Write %s: ' "$ID" "$ID" >&2
    read -r answer || true
    [ "$answer" = "$ID" ] || fail "Nothing was changed."
  fi
  pct stop "$ID" >/dev/null 2>&1 || true
  pct destroy "$ID" --purge 1 >&2
  step "Container $ID is gone"
}

status() {
  check_host
  check_ours
  pct exec "$ID" -- bash /usr/local/sbin/install-container.sh status
}

doctor() {
  check_host
  check_ours
  pct exec "$ID" -- bash /usr/local/sbin/debug-container.sh
}

RELEASE_TAR="$(mktemp)"
trap undo EXIT
command_line "$@"
case "$COMMAND" in
  create) create ;;
  update) update ;;
  remove) remove ;;
  status) status ;;
  doctor) doctor ;;
  -h | --help | help) usage ;;
  *) usage >&2; exit 2 ;;
esac
