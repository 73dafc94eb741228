SUMMARY = "System of a room box"
DESCRIPTION = "What goes into rooms: read-only, nobody logs in, only releases signed by the production authority are taken."

require hemicycle-image.inc

IMAGE_INSTALL += "hemicycle-keyring"

# No login, on any console: the box is looked after through the fleet, or gets another image.
hemicycle_no_login() {
    for unit in getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service \
        debug-shell.service emergency.service rescue.service; do
        ln -sf /dev/null ${IMAGE_ROOTFS}${sysconfdir}/systemd/system/$unit
    done
}
hemicycle_no_login[doc] = "Takes every way to log in away"
ROOTFS_POSTPROCESS_COMMAND += "hemicycle_no_login"
