SUMMARY = "First program: opens the verified root of the chosen slot"
DESCRIPTION = "Runs from the signed initramfs. Root hash and slot come from what was signed; every failure is a restart, after which the boot loader tries the other slot."
HOMEPAGE = "https://docs.kernel.org/admin-guide/device-mapper/verity.html"
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "file://init"

S = "${UNPACKDIR}"

inherit allarch

do_install() {
    install -D -m 0755 ${UNPACKDIR}/init ${D}/init
    install -d ${D}/proc ${D}/sys ${D}/dev ${D}/run ${D}/sysroot
}

FILES:${PN} += "/init /proc /sys /dev /run /sysroot"

RDEPENDS:${PN} = "busybox cryptsetup"
