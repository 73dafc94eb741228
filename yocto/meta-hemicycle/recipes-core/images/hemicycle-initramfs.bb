SUMMARY = "Opens the verified root"
DESCRIPTION = "A few programs and a script, signed together with the kernel: it opens the root of the slot that was chosen and gives way to it."
SECTION = "base"
LICENSE = "Apache-2.0"

inherit core-image

COMPATIBLE_MACHINE = "^hemicycle-"

PACKAGE_INSTALL = "base-files base-passwd busybox cryptsetup hemicycle-init ${ROOTFS_BOOTSTRAP_INSTALL}"
IMAGE_FEATURES = ""
IMAGE_INSTALL = ""
IMAGE_LINGUAS = ""
IMAGE_FSTYPES = "cpio.gz"
IMAGE_NAME_SUFFIX ?= ""
IMAGE_ROOTFS_SIZE = "8192"
IMAGE_ROOTFS_EXTRA_SPACE = "0"
BAD_RECOMMENDATIONS += "busybox-syslog busybox-udhcpc"
# The kernel comes beside it.
NO_RECOMMENDATIONS = "1"
