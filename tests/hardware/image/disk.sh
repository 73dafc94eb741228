#!/bin/sh
# The tree becomes a disk. Usage: disk.sh ROOT OUT
set -eu
root=$1
out=$2
chroot "$root" dpkg-query --show --showformat '${Package} ${Version}\n' >> "$out/versions"
# The tree without what is mounted in it (proc, sys), as a name space of our own shows it.
work=$(mktemp -d)
trap 'rmdir "$work"' EXIT
unshare --mount sh -eu -c 'mount --bind "$1" "$2"
  mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,root_owner=0:0 -L hemicycle -d "$2" "$3" 2500M' - "$root" "$work" "$out/root.img"
chmod 644 "$out/root.img"
