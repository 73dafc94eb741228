SUMMARY = "Release for both slots, production"
DESCRIPTION = "RAUC bundle of hemicycle-image and its boot partition."

HEMICYCLE_IMAGE = "hemicycle-image"
HEMICYCLE_BOOT_RECIPE = "hemicycle-boot"
require hemicycle-bundle.inc

# From outside of this repository; the key may be a PKCS#11 URI.
RAUC_KEY_FILE = "${HEMICYCLE_BUNDLE_KEY}"
RAUC_CERT_FILE = "${HEMICYCLE_BUNDLE_CERT}"
RAUC_KEYRING_FILE = "${HEMICYCLE_BUNDLE_AUTHORITY}"
