FILESEXTRAPATHS:prepend:hemicycle-box := "${THISDIR}/files:"

SRC_URI:append:hemicycle-box = " \
    file://fw_env.config \
    file://hemicycle.cfg \
    file://hemicycle.env \
"

# The default environment, the fragment that names it, and the number of the eMMC in all three.
do_configure:prepend:hemicycle-box() {
    sed -i -e "s|@ENVIRONMENT@|${UNPACKDIR}/hemicycle.env|" -e "s|@MMC@|${HEMICYCLE_MMC}|" \
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
