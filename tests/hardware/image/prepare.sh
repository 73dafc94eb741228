#!/bin/sh
# In the guest, before systemd: what the image's maker would do with the files that were just laid over the disk; and the boot
# loader, played, when this run has one.
set -eu

# The disk of that name.
disk() {
  for place in /sys/block/vd*; do
    if [ "$(cat "$place/serial")" = "$1" ]; then echo "/dev/${place##*/}"; fi
  done
}

# Lays the release of a slot over the disk, if all of it is what its boot partition says, block by block.
start() {
  read -r hash offset < "$(disk "boot-$1")" || return 1
  root=$(disk "root-$1")
  veritysetup open "$root" slot "$root" "$hash" --hash-offset="$offset" || return 1
  whole=1
  if cat /dev/mapper/slot > /dev/null && mount -t squashfs -o ro /dev/mapper/slot /mnt; then
    cp -a /mnt/. / && whole=0
    umount /mnt
  fi
  veritysetup close slot
  return $whole
}

# Like UEFI: what is next starts once, then what stands first in the order.
if [ -d /lab/loader ]; then
  mount -t devtmpfs dev /dev
  modprobe -a squashfs dm-verity
  next=
  if [ -f /lab/loader/next ]; then next=$(cat /lab/loader/next); rm /lab/loader/next; fi
  for name in $next $(cat /lab/loader/order); do
    if start "${name#hemicycle-}"; then
      echo "$name" > /lab/loader/booted
      echo "$name starts" >> /lab/loader/log
      break
    fi
    echo "$name is not whole" >> /lab/loader/log
  done
  umount /dev
fi

if [ -f /usr/lib/sysusers.d/hemicycle.conf ]; then systemd-sysusers /usr/lib/sysusers.d/hemicycle.conf; fi
for unit in /usr/lib/systemd/system/roomd*; do
  if [ -f "$unit" ] && grep -q '^\[Install\]' "$unit"; then systemctl --quiet enable "${unit##*/}"; fi
done
