SUMMARY = "Release for both slots, development"
DESCRIPTION = "RAUC bundle of hemicycle-image-development and its boot partition."

HEMICYCLE_IMAGE = "hemicycle-image-development"
HEMICYCLE_BOOT_RECIPE = "hemicycle-boot-development"
require hemicycle-bundle.inc

# Made by scripts/development-keys.
RAUC_KEY_FILE = "${HEMICYCLE_DEVELOPMENT_KEYS}/bundle.key.pem"
RAUC_CERT_FILE = "${HEMICYCLE_DEVELOPMENT_KEYS}/bundle.cert.pem"
RAUC_KEYRING_FILE = "${HEMICYCLE_DEVELOPMENT_KEYS}/bundle-authority.cert.pem"
