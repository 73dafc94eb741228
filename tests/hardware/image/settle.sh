#!/bin/sh
# Everything that a first boot would do is done here, so that each boot of the guest is an ordinary one. Usage: settle.sh ROOT
set -eu
root=$1
echo hemicycle > "$root/etc/hostname"
printf '127.0.0.1 localhost hemicycle\n' > "$root/etc/hosts"
printf '/dev/vda / ext4 defaults,noatime 0 0\n' > "$root/etc/fstab"
echo 7c5c6f1b2b0e4f0c9a0d5c2e6f7a8b90 > "$root/etc/machine-id"
: > "$root/etc/resolv.conf"
mask() { for unit in "$@"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done; }
mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service serial-getty@ttyS0.service getty-static.service systemd-pstore.service
# What GStreamer's plugins can do is read once, here, and not at the first start of each boot; where the worker's unit looks for it.
mkdir -p "$root/var/cache/roomd-media"
registry=/var/cache/roomd-media/registry.bin
chroot "$root" env GST_REGISTRY_1_0=$registry gst-inspect-1.0 > /dev/null 2>&1
[ -s "$root$registry" ] || { echo "GStreamer's registry was not made" >&2; exit 1; }
chroot "$root" /sbin/ldconfig
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/var/cache/debconf/* "$root"/usr/share/icons
touch "$root/usr"
touch "$root/etc/.updated" "$root/var/.updated"
