#!/bin/sh
# The kernel's own codec, vicodec, which Debian leaves out: OUT/v4l2-mem2mem.ko and OUT/vicodec.ko for the kernel RELEASE, made of
# Debian's source by Debian's compiler. Rights as make.sh. Usage: codec.sh OUT RELEASE
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$(readlink -f "$1")
release=$2
series=$(echo "$release" | cut -d. -f1,2)
mmdebstrap --variant=apt --components=main --format=null \
  --include="linux-headers-$release,linux-source-$series,make,xz-utils" \
  --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
  --customize-hook="$here/codec-build.sh \"\$1\" \"$out\" $release $series" \
  bookworm /dev/null
