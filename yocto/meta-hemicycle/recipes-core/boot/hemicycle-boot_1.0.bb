SUMMARY = "Boot partition of a slot, production"
DESCRIPTION = "Signed kernel, initramfs and root hash of hemicycle-image."

HEMICYCLE_IMAGE = "hemicycle-image"
require hemicycle-boot.inc

# From outside of this repository; a key may be a PKCS#11 URI.
UKI_SB_KEY ?= "${HEMICYCLE_SECURE_BOOT_KEY}"
UKI_SB_CERT ?= "${HEMICYCLE_SECURE_BOOT_CERT}"
