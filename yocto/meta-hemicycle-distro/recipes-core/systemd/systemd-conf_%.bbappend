FILESEXTRAPATHS:prepend:hemicycle := "${THISDIR}/files:"

SRC_URI:append:hemicycle = " \
    file://10-hemicycle-reboot.conf \
    file://10-hemicycle-resolve.conf \
    file://20-hemicycle-data.conf \
    file://20-hemicycle-var.conf \
    file://60-data.conf \
    file://hemicycle-erase.service \
    file://tmp.mount \
"

# The data partition and what has to be on it, what lies in memory, names, the way out of a start that fails. Watchdog and journal: the
# recipe of roomd.
do_install:append:hemicycle() {
    units=${D}${systemd_system_unitdir}
    install -D -m 0644 ${UNPACKDIR}/10-hemicycle-reboot.conf $units/local-fs.target.d/10-hemicycle-reboot.conf
    install -D -m 0644 ${UNPACKDIR}/hemicycle-erase.service $units/hemicycle-erase.service
    install -D -m 0644 ${UNPACKDIR}/tmp.mount $units/tmp.mount
    install -d $units/local-fs.target.wants
    ln -s ../tmp.mount $units/local-fs.target.wants/tmp.mount
    install -D -m 0644 ${UNPACKDIR}/20-hemicycle-data.conf $units/systemd-repart.service.d/20-hemicycle-data.conf
    install -D -m 0644 ${UNPACKDIR}/10-hemicycle-resolve.conf ${D}${systemd_unitdir}/resolved.conf.d/10-hemicycle.conf
    install -D -m 0644 ${UNPACKDIR}/20-hemicycle-var.conf ${D}${nonarch_libdir}/tmpfiles.d/20-hemicycle-var.conf
    install -D -m 0644 ${UNPACKDIR}/60-data.conf ${D}${nonarch_libdir}/repart.d/60-data.conf
}

FILES:${PN}:append:hemicycle = " \
    ${nonarch_libdir}/repart.d/ \
    ${nonarch_libdir}/tmpfiles.d/ \
    ${systemd_system_unitdir}/ \
    ${systemd_unitdir}/resolved.conf.d/ \
"
