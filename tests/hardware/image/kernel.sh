#!/bin/sh
# Debian's kernel without its installer: the image, the listed modules, and an initrd that mounts the disk.
# Usage: kernel.sh ROOT OUT
set -eu
here=$(dirname "$(readlink -f "$0")")
root=$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

image=$(chroot "$root" apt-cache depends --no-recommends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
(cd "$work" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Sandbox::User=root download "$image")
mkdir "$work/kernel"
dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb | tar -x -C "$work/kernel" ./boot ./lib/modules
version=$(ls "$work/kernel/lib/modules")
depmod -b "$work/kernel" "$version"

mkdir -p "$root/usr/lib/modules/$version" "$work/initrd/bin" "$work/initrd/modules"
cp "$work/kernel/lib/modules/$version"/modules.builtin* "$work/kernel/lib/modules/$version/modules.order" "$root/usr/lib/modules/$version/"
: > "$work/initrd/modules/order"
sed 's/#.*//' "$here/modules" | while read -r module early; do
  [ -n "$module" ] || continue
  modprobe -d "$work/kernel" -S "$version" --show-depends "$module" > "$work/closure"
  sed -n 's/^insmod \([^ ]*\).*/\1/p' "$work/closure" | while read -r file; do
    inside=${file#"$work/kernel"}
    mkdir -p "$root/usr$(dirname "$inside")"
    cp -n "$file" "$root/usr$inside"
    name=$(basename "$file")
    if [ "$early" = "[initrd]" ] && ! grep -qxF "$name" "$work/initrd/modules/order"; then
      cp "$file" "$work/initrd/modules/$name"
      echo "$name" >> "$work/initrd/modules/order"
    fi
  done
done
depmod -b "$root" "$version"

cp "$(command -v busybox)" "$work/initrd/bin/busybox"
cp "$here/init" "$work/initrd/init"
chmod 755 "$work/initrd/init"
(cd "$work/initrd" && find . | busybox cpio -o -H newc 2> /dev/null) | gzip -1 > "$out/initrd.gz"
cp "$work/kernel/boot/vmlinuz-$version" "$out/vmlinuz"
chmod 644 "$out/vmlinuz"
echo "kernel $version $(dpkg-deb -f "$work"/linux-image-*.deb Version)" > "$out/versions"
