SUMMARY = "Software stack of the TPM 2.0"
DESCRIPTION = "Libraries that speak to a TPM 2.0 (TCG TSS 2.0): the keys of the box and of its disk live there."
HOMEPAGE = "https://github.com/tpm2-software/tpm2-tss"
BUGTRACKER = "https://github.com/tpm2-software/tpm2-tss/issues"
SECTION = "libs"
LICENSE = "BSD-2-Clause"
LIC_FILES_CHKSUM = "file://LICENSE;md5=500b2e742befc3da00684d8a1d5fd9da"

DEPENDS = "openssl"

SRC_URI = "https://github.com/tpm2-software/tpm2-tss/releases/download/${PV}/tpm2-tss-${PV}.tar.gz"
SRC_URI[sha256sum] = "37f1580200ab78305d1fc872d89241aaee0c93cbe85bc559bf332737a60d3be8"

inherit autotools pkgconfig useradd

# The machine that is built for has the user by useradd, and the folders of FAPI are not wanted. The prefix puts its rule before
# 70-roomd.rules, which gives the TPM to the daemon.
EXTRA_OECONF = "\
    --disable-doxygen-doc \
    --disable-fapi \
    --disable-policy \
    --with-udevrulesdir=${nonarch_base_libdir}/udev/rules.d \
    --with-udevrulesprefix=60- \
    --with-sysusersdir=no \
    --with-tmpfilesdir=no \
    ac_cv_prog_useradd=yes \
    ac_cv_prog_groupadd=yes \
"

# Installing would make users on the machine that builds.
do_configure:prepend() {
    sed -i -e 's/^install-data-hook: install-dirs$/install-data-hook:/' ${S}/Makefile.am
}

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system tss"
USERADD_PARAM:${PN} = "--system --no-create-home --home-dir / --shell /sbin/nologin --gid tss tss"

# As systemd names them.
PACKAGES =+ "libtss2-tcti-device libtss2"
# nooelint: oelint.var.filesoverride - new packages have no files of their own yet
FILES:libtss2-tcti-device = "${libdir}/libtss2-tcti-device.so.*"
# nooelint: oelint.var.filesoverride - as above
FILES:libtss2 = "${libdir}/libtss2-*.so.*"
FILES:${PN} += "${nonarch_base_libdir}/udev"
ALLOW_EMPTY:${PN} = "1"
RDEPENDS:libtss2-tcti-device = "${PN}"
