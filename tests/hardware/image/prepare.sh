#!/bin/sh
# In the guest, before systemd: what the image's maker would do with the files that were just laid over the disk.
set -eu
if [ -f /usr/lib/sysusers.d/hemicycle.conf ]; then systemd-sysusers /usr/lib/sysusers.d/hemicycle.conf; fi
for unit in /usr/lib/systemd/system/roomd*; do
  if [ -f "$unit" ] && grep -q '^\[Install\]' "$unit"; then systemctl --quiet enable "${unit##*/}"; fi
done
