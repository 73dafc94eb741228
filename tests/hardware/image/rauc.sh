#!/bin/sh
# RAUC of Debian 13 in the place of Debian 12's, with its own libraries. Usage: rauc.sh ROOT OUT
set -eu
own=/usr/lib/hemicycle-lab/rauc
mkdir -p "$1/usr/lib/hemicycle-lab"
cp -r "$2/rauc" "$1$own"
rm "$1/usr/bin/rauc"
cat > "$1/usr/bin/rauc" << END
#!/bin/sh
export GIO_MODULE_DIR=/nonexistent
exec $own/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path $own/lib/x86_64-linux-gnu $own/bin/rauc "\$@"
END
chmod 755 "$1/usr/bin/rauc"
