FILESEXTRAPATHS:prepend:hemicycle-box := "${THISDIR}/files:"

DEPENDS:append:hemicycle-box = " python3-pycryptodomex-native"

SRC_URI:append:hemicycle-box = " \
    file://0001-env-list-what-is-taken-from-the-disk.patch \
    file://fw_env.config \
    file://hemicycle.cfg \
    file://hemicycle.env \
"

# The default environment, the fragment that names it, the number of the eMMC in all three, and the key of the FITs that it starts.
do_configure:prepend:hemicycle-box() {
    if [ -z "${UBOOT_SIGN_KEYDIR}" ]; then
        bbfatal "UBOOT_SIGN_KEYDIR is empty: a U-Boot without a key starts whatever lies on the disk. yocto/README.md"
    fi
    python3 ${S}/tools/key2dtsi.py --required-conf "${UBOOT_SIGN_KEYDIR}/${UBOOT_SIGN_KEYNAME}.crt" ${UNPACKDIR}/key.dtsi
    sed -i -e "s|@ENVIRONMENT@|${UNPACKDIR}/hemicycle.env|" -e "s|@MMC@|${HEMICYCLE_MMC}|" -e "s|@KEY@|${UNPACKDIR}/key.dtsi|" \
        ${UNPACKDIR}/hemicycle.cfg ${UNPACKDIR}/hemicycle.env ${UNPACKDIR}/fw_env.config
}

do_compile:prepend:hemicycle-box() {
    for file in ${HEMICYCLE_BOOT_FIRMWARE_FILES}; do
        if [ ! -f "${HEMICYCLE_BOOT_FIRMWARE}/$file" ]; then
            bbfatal "$file is not in HEMICYCLE_BOOT_FIRMWARE ('${HEMICYCLE_BOOT_FIRMWARE}'): docs/boards.md says where it comes from"
        fi
        install -D -m 0644 "${HEMICYCLE_BOOT_FIRMWARE}/$file" "${B}/$file"
    done
}

# What a fragment asks for and Kconfig does not know is left out without a word.
do_compile:append:hemicycle-box() {
    for option in $(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=.*/\1/p' ${UNPACKDIR}/hemicycle.cfg); do
        grep -q "^$option=" ${B}/.config || bbfatal "$option of hemicycle.cfg is not in the configuration of U-Boot"
    done
    for part in "boot_hemicycle=" "BOOT_ORDER:sw"; do
        grep -q "$part" ${B}/u-boot-nodtb.bin || bbfatal "$part is not in U-Boot"
    done
    grep -q "key-${UBOOT_SIGN_KEYNAME}" ${B}/u-boot.dtb || bbfatal "the key of the FITs is not in the device tree of U-Boot"
}
