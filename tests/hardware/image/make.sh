#!/bin/sh
# Makes the guest: OUT/root.img, OUT/vmlinuz, OUT/initrd.gz, OUT/versions. As root, or as a user with subordinate ids
# (mmdebstrap then works in a user namespace). Usage: make.sh OUT
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$(readlink -f "$1")
packages=$(sed 's/#.*//' "$here/packages" | xargs | tr ' ' ,)
# The compilers of shaders are 200 MB that no test uses; documents and translations are never read.
exec mmdebstrap --variant=minbase --components=main --format=null --include="$packages" \
  --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/libLLVM*' --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/dri/*' \
  --customize-hook="$here/kernel.sh \"\$1\" \"$out\"" \
  --customize-hook="$here/settle.sh \"\$1\"" \
  --customize-hook="$here/disk.sh \"\$1\" \"$out\"" \
  bookworm /dev/null
