FILESEXTRAPATHS:prepend:hemicycle-box := "${THISDIR}/files:"

# One file for each boot loader; the image brings the authority (hemicycle-keyring).
SRC_URI:hemicycle-box = "file://system-${HEMICYCLE_BOOT}.conf"

PACKAGE_ARCH:hemicycle-box = "${MACHINE_ARCH}"

do_install:hemicycle-box() {
    install -D -m 0644 ${UNPACKDIR}/system-${HEMICYCLE_BOOT}.conf ${D}${nonarch_libdir}/rauc/system.conf
    sed -i -e 's|@COMPATIBLE@|${HEMICYCLE_COMPATIBLE}|' ${D}${nonarch_libdir}/rauc/system.conf
}
