FILESEXTRAPATHS:prepend:hemicycle-box := "${THISDIR}/files:"

COMPATIBLE_MACHINE:hemicycle-box = "^hemicycle-(n100|imx8mp|rk3588)$"
KMACHINE:hemicycle-n100 = "common-pc-64"
KMACHINE:hemicycle-imx8mp = "genericarm64"
KMACHINE:hemicycle-rk3588 = "genericarm64"

SRC_URI:append:hemicycle-box = " file://hemicycle.cfg"
SRC_URI:append:hemicycle-n100 = " file://hemicycle-n100.cfg"
SRC_URI:append:hemicycle-imx8mp = " file://hemicycle-imx8mp.cfg"
SRC_URI:append:hemicycle-rk3588 = " file://hemicycle-rk3588.cfg"
