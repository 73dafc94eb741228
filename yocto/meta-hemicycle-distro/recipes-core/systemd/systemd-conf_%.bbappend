FILESEXTRAPATHS:prepend:hemicycle := "${THISDIR}/files:"

SRC_URI:append:hemicycle = " \
    file://10-hemicycle-reboot.conf \
    file://20-hemicycle-credentials.conf \
    file://20-hemicycle-data.conf \
    file://60-data.conf \
"

# The data partition, the box's credentials on it, the way out of a start that fails. Watchdog and journal: the recipe of roomd.
do_install:append:hemicycle() {
    install -D -m 0644 ${UNPACKDIR}/60-data.conf ${D}${nonarch_libdir}/repart.d/60-data.conf
    install -D -m 0644 ${UNPACKDIR}/20-hemicycle-data.conf ${D}${systemd_system_unitdir}/systemd-repart.service.d/20-hemicycle-data.conf
    install -D -m 0644 ${UNPACKDIR}/20-hemicycle-credentials.conf ${D}${nonarch_libdir}/tmpfiles.d/20-hemicycle-credentials.conf
    install -D -m 0644 ${UNPACKDIR}/10-hemicycle-reboot.conf ${D}${systemd_system_unitdir}/local-fs.target.d/10-hemicycle-reboot.conf
}

FILES:${PN}:append:hemicycle = " \
    ${nonarch_libdir}/repart.d/ \
    ${nonarch_libdir}/tmpfiles.d/ \
    ${systemd_system_unitdir}/ \
"
