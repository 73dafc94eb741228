SUMMARY = "Disk of a box as it leaves the factory, development"
DESCRIPTION = "Both slots with hemicycle-image-development, written to a new box once."

HEMICYCLE_IMAGE = "hemicycle-image-development"
HEMICYCLE_BOOT_RECIPE = "hemicycle-boot-development"
require hemicycle-disk.inc
