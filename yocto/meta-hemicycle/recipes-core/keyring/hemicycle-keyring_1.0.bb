SUMMARY = "Authority for releases, production"
DESCRIPTION = "The certificate that the releases of hemicycle-image are checked against."

HEMICYCLE_KEYRING = "${HEMICYCLE_BUNDLE_AUTHORITY}"
require hemicycle-keyring.inc

# Two authorities in one image are none.
RCONFLICTS:${PN} = "hemicycle-keyring-development"
