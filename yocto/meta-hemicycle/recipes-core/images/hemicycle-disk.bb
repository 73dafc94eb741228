SUMMARY = "Disk of a box as it leaves the factory, production"
DESCRIPTION = "Both slots with hemicycle-image, written to a new box once."

HEMICYCLE_IMAGE = "hemicycle-image"
HEMICYCLE_BOOT_RECIPE = "hemicycle-boot"
require hemicycle-disk.inc
