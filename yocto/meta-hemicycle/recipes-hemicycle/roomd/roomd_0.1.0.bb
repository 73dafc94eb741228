SUMMARY = "The daemon of the room box and its media worker"
DESCRIPTION = "roomd holds the keys and opens no device; roomd-media holds the devices and no lasting key. With their units, rules and users. Built from this repository."

HOMEPAGE = "https://hemicycle.example/"
SECTION = "multimedia"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

DEPENDS = "\
    alsa-lib \
    gstreamer1.0 \
    gstreamer1.0-plugins-bad \
    gstreamer1.0-plugins-base \
    openssl \
    tpm2-tss \
    udev \
"

require roomd-crates.inc

# The layer lies in the repository: its root is four folders up. All members of the workspace, for Cargo reads their manifests.
# nooelint: oelint.vars.fileextrapaths,oelint.vars.outofcontext - the sources lie outside of the layer, in the same repository
FILESEXTRAPATHS:prepend := "${THISDIR}/../../../..:"
SRC_URI += "\
    file://Cargo.lock;subdir=${BP} \
    file://Cargo.toml;subdir=${BP} \
    file://LICENSE;subdir=${BP} \
    file://appliance;subdir=${BP} \
    file://provisioning;subdir=${BP} \
    file://systemd;subdir=${BP} \
    file://tests;subdir=${BP} \
    file://udev;subdir=${BP} \
"

inherit cargo pkgconfig systemd useradd

CARGO_BUILD_FLAGS += "--package roomd --package media --bins"

# Where each file goes, one by one: what is new in systemd/ or udev/ is in no image before somebody has written it here, and a
# test says when it is missing.
HEMICYCLE_FILES = "\
    systemd/dbus-1/hemicycle.conf:${datadir}/dbus-1/system.d \
    systemd/journald.conf.d/hemicycle.conf:${systemd_unitdir}/journald.conf.d \
    systemd/roomd-delivery.service:${systemd_system_unitdir} \
    systemd/roomd-good.service:${systemd_system_unitdir} \
    systemd/roomd-health.service:${systemd_system_unitdir} \
    systemd/roomd-media.socket:${systemd_system_unitdir} \
    systemd/roomd-media@.service:${systemd_system_unitdir} \
    systemd/roomd-reboot.path:${systemd_system_unitdir} \
    systemd/roomd-rescue.service:${systemd_system_unitdir} \
    systemd/roomd.service:${systemd_system_unitdir} \
    systemd/roomd.toml:${sysconfdir}/roomd \
    systemd/run-delivery.mount:${systemd_system_unitdir} \
    systemd/system.conf.d/hemicycle.conf:${systemd_unitdir}/system.conf.d \
    systemd/sysusers.d/hemicycle.conf:${nonarch_libdir}/sysusers.d \
    systemd/tmpfiles.d/hemicycle.conf:${nonarch_libdir}/tmpfiles.d \
    udev/70-roomd.rules:${nonarch_base_libdir}/udev/rules.d \
"

do_install() {
    for program in roomd roomd-media; do
        install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/$program ${D}${bindir}/$program
    done
    for file in ${HEMICYCLE_FILES}; do
        from=${file%%:*}
        install -D -m 0644 ${S}/$from ${D}${file##*:}/$(basename $from)
    done
    # Nothing can be made below a read-only /etc later.
    install -d -m 0700 ${D}${sysconfdir}/credstore.encrypted
}

SYSTEMD_SERVICE:${PN} = "\
    roomd-good.service \
    roomd-health.service \
    roomd-media.socket \
    roomd-reboot.path \
    roomd.service \
"

# The numbers are in meta-hemicycle-distro/files.
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system render"
USERADD_PARAM:${PN} = "\
    --system --no-create-home --home-dir ${localstatedir}/lib/roomd --shell /sbin/nologin --user-group roomd; \
    --system --no-create-home --home-dir / --shell /sbin/nologin --user-group --groups audio,render,video roomd-media \
"

FILES:${PN} += "\
    ${datadir}/dbus-1/system.d \
    ${nonarch_base_libdir}/udev/rules.d \
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d \
    ${systemd_system_unitdir} \
    ${systemd_unitdir}/journald.conf.d \
    ${systemd_unitdir}/system.conf.d \
"

RDEPENDS:${PN} = "libtss2-tcti-device udev"
