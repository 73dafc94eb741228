SUMMARY = "Authority for releases, development"
DESCRIPTION = "The certificate that the releases of hemicycle-image-development are checked against."

HEMICYCLE_KEYRING = "${HEMICYCLE_DEVELOPMENT_KEYS}/bundle-authority.cert.pem"
require hemicycle-keyring.inc

# Two authorities in one image are none.
RCONFLICTS:${PN} = "hemicycle-keyring"
