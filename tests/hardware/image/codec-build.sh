#!/bin/sh
# Builds the two modules with the compiler and the source of ROOT. Usage: codec-build.sh ROOT OUT RELEASE SERIES
set -eu
root=$1
out=$2
release=$3
series=$4
mkdir "$root/codec"
chroot "$root" tar -x -J -f "/usr/src/linux-source-$series.tar.xz" -C /codec --wildcards --transform 's,.*/,,' \
  '*/drivers/media/test-drivers/vicodec/*.[ch]' '*/drivers/media/v4l2-core/v4l2-mem2mem.c'
cat > "$root/codec/Kbuild" << 'KBUILD'
obj-m += v4l2-mem2mem.o vicodec.o
vicodec-y := vicodec-core.o codec-fwht.o codec-v4l2-fwht.o
KBUILD
chroot "$root" make -C "/lib/modules/$release/build" M=/codec modules
cp "$root/codec/v4l2-mem2mem.ko" "$root/codec/vicodec.ko" "$out/"
chmod 644 "$out"/*.ko
