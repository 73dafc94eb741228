SUMMARY = "What a room box is made of"
DESCRIPTION = "The daemon and its media worker, the parts of GStreamer of a meeting, the update, the encrypted data partition."
SECTION = "base"

inherit packagegroup

# Machines differ in what they recommend.
PACKAGE_ARCH = "${MACHINE_ARCH}"

# Only plug-ins that the worker uses (appliance/media/src/elements.rs): a smaller image, and less that reads foreign bytes.
RDEPENDS:${PN} = "\
    ca-certificates \
    cryptsetup \
    e2fsprogs-e2fsck \
    e2fsprogs-mke2fs \
    gstreamer1.0 \
    gstreamer1.0-plugins-bad-dtls \
    gstreamer1.0-plugins-bad-kms \
    gstreamer1.0-plugins-bad-openh264 \
    gstreamer1.0-plugins-bad-sctp \
    gstreamer1.0-plugins-bad-srtp \
    gstreamer1.0-plugins-bad-v4l2codecs \
    gstreamer1.0-plugins-bad-videoparsersbad \
    gstreamer1.0-plugins-bad-webrtc \
    gstreamer1.0-plugins-base-alsa \
    gstreamer1.0-plugins-base-app \
    gstreamer1.0-plugins-base-audioconvert \
    gstreamer1.0-plugins-base-audiomixer \
    gstreamer1.0-plugins-base-audioresample \
    gstreamer1.0-plugins-base-opus \
    gstreamer1.0-plugins-base-pango \
    gstreamer1.0-plugins-base-playback \
    gstreamer1.0-plugins-base-typefindfunctions \
    gstreamer1.0-plugins-base-videoconvertscale \
    gstreamer1.0-plugins-base-videorate \
    gstreamer1.0-plugins-base-volume \
    gstreamer1.0-plugins-good-autodetect \
    gstreamer1.0-plugins-good-jpeg \
    gstreamer1.0-plugins-good-level \
    gstreamer1.0-plugins-good-rtp \
    gstreamer1.0-plugins-good-rtpmanager \
    gstreamer1.0-plugins-good-video4linux2 \
    gstreamer1.0-plugins-good-vpx \
    gstreamer1.0-plugins-good-wavenc \
    libnice \
    libtss2-tcti-device \
    rauc \
    rauc-conf \
    rauc-service \
    roomd \
    systemd-extra-utils \
    ttf-dejavu-sans \
    tzdata \
"
RDEPENDS:${PN}:append = " ${MACHINE_EXTRA_RDEPENDS}"
RDEPENDS:${PN}:append:x86-64 = " gstreamer1.0-plugins-bad-va"
