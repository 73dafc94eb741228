SUMMARY = "System of a room box, for its developers"
DESCRIPTION = "The same system with ssh, consoles and tools; it takes only releases signed by development keys, which no production image knows."

require hemicycle-image.inc

# nooelint: oelint.var.badimagefeature.allow-root-login,oelint.var.badimagefeature.empty-root-password,oelint.var.badimagefeature.allow-empty-password - a desk
IMAGE_FEATURES += "allow-root-login empty-root-password allow-empty-password ssh-server-openssh"

HEMICYCLE_ROOT_MAXIMUM = "700"

IMAGE_INSTALL += "\
    alsa-utils \
    hemicycle-keyring-development \
    systemd-analyze \
    usbutils \
    v4l-utils \
"
