SUMMARY = "Boot partition of a slot, development"
DESCRIPTION = "Signed kernel, initramfs and root hash of hemicycle-image-development."

HEMICYCLE_IMAGE = "hemicycle-image-development"
require hemicycle-boot.inc

# Made by scripts/development-keys.
UKI_SB_KEY ?= "${HEMICYCLE_DEVELOPMENT_KEYS}/secure-boot.key.pem"
UKI_SB_CERT ?= "${HEMICYCLE_DEVELOPMENT_KEYS}/secure-boot.cert.pem"

UKI_CMDLINE = "panic=10 console=ttyS0,115200 console=tty0"
