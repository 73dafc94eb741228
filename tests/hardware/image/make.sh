#!/bin/sh
# Makes the guest: OUT/root.img, OUT/vmlinuz, OUT/initrd.gz, OUT/versions; and OUT/rauc, for whoever packs releases. As root, or as a user with subordinate ids
# (mmdebstrap then works in a user namespace). Usage: make.sh OUT
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$(readlink -f "$1")
packages=$(sed 's/#.*//' "$here/packages" | xargs | tr ' ' ,)
debian=http://deb.debian.org/debian
# Debian 12's RAUC is too old for the box (docs/updates.md), and Debian 13's wants Debian 13's C library: it comes with libraries of
# its own.
trap 'rm -f "$out/rauc.tar"' EXIT
mmdebstrap --variant=extract --include=rauc \
  --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
  trixie "$out/rauc.tar" "deb $debian trixie main"
mkdir "$out/rauc"
tar -x --no-same-owner -C "$out/rauc" -f "$out/rauc.tar" --wildcards --strip-components=2 \
  './usr/bin/rauc' './usr/lib/x86_64-linux-gnu/*.so*'
chmod -R go+rX "$out/rauc"
# The compilers of shaders are 200 MB that no test uses; documents and translations are never read.
mmdebstrap --variant=minbase --components=main --format=null --include="$packages" \
  --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/libLLVM*' --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/dri/*' \
  --customize-hook="$here/rauc.sh \"\$1\" \"$out\"" \
  --customize-hook="$here/kernel.sh \"\$1\" \"$out\"" \
  --customize-hook="$here/settle.sh \"\$1\"" \
  --customize-hook="$here/disk.sh \"\$1\" \"$out\"" \
  bookworm /dev/null
