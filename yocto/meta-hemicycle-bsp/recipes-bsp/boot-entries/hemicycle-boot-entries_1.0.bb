SUMMARY = "One boot entry of the firmware for each slot"
DESCRIPTION = "UEFI firmware forgets boot entries, and a new box has none: before RAUC looks, both slots have theirs."
HOMEPAGE = "https://uefi.org/specs/UEFI/2.10/03_Boot_Manager.html"
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "\
    file://hemicycle-boot-entries \
    file://hemicycle-boot-entries.service \
"

S = "${UNPACKDIR}"

inherit allarch systemd

SYSTEMD_SERVICE:${PN} = "hemicycle-boot-entries.service"

do_install() {
    install -D -m 0755 ${UNPACKDIR}/hemicycle-boot-entries ${D}${libexecdir}/hemicycle-boot-entries
    install -D -m 0644 ${UNPACKDIR}/hemicycle-boot-entries.service ${D}${systemd_system_unitdir}/hemicycle-boot-entries.service
}

FILES:${PN} += "${systemd_system_unitdir}"

RDEPENDS:${PN} += "efibootmgr"
