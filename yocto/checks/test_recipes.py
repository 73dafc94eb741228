"""Stories of the layers: every file is read by BitBake's own parser, and says what it has to say."""

import functools
import hashlib
import pathlib
import re
import unittest

from layers import ELSEWHERE, LAYERS, MACHINES, ROOT, YOCTO, Parser, files

META = LAYERS[2]
IMAGE = META / "recipes-core/images/hemicycle-image.bb"
IMAGE_DEV = META / "recipes-core/images/hemicycle-image-development.bb"
BUNDLE = META / "recipes-core/bundles/hemicycle-bundle_1.0.bb"
ROOMD = META / "recipes-hemicycle/roomd/roomd_0.1.0.bb"
RAUC_CONF = META / "recipes-core/rauc/rauc-conf.bbappend"


# What has each element of GStreamer that the worker uses (appliance/media/src/elements.rs).
PACKAGE_OF = {
    element: package
    for package, elements in {
        "gstreamer1.0": "capsfilter fakesink filesink filesrc queue tee",
        "gstreamer1.0-plugins-bad-dtls": "dtlssrtpdec",
        "gstreamer1.0-plugins-bad-kms": "kmssink",
        "gstreamer1.0-plugins-bad-openh264": "openh264dec openh264enc",
        "gstreamer1.0-plugins-bad-sctp": "sctpenc",
        "gstreamer1.0-plugins-bad-srtp": "srtpenc",
        "gstreamer1.0-plugins-bad-videoparsersbad": "h264parse",
        "gstreamer1.0-plugins-bad-webrtc": "webrtcbin",
        "gstreamer1.0-plugins-base-alsa": "alsasink alsasrc",
        "gstreamer1.0-plugins-base-app": "appsink appsrc",
        "gstreamer1.0-plugins-base-audioconvert": "audioconvert",
        "gstreamer1.0-plugins-base-audiomixer": "audiomixer",
        "gstreamer1.0-plugins-base-audioresample": "audioresample",
        "gstreamer1.0-plugins-base-opus": "opusdec opusenc",
        "gstreamer1.0-plugins-base-pango": "textoverlay",
        "gstreamer1.0-plugins-base-playback": "decodebin",
        "gstreamer1.0-plugins-base-videoconvertscale": "videoconvert videoscale",
        "gstreamer1.0-plugins-base-videorate": "videorate",
        "gstreamer1.0-plugins-good-autodetect": "autovideosink",
        "gstreamer1.0-plugins-good-jpeg": "jpegdec jpegenc",
        "gstreamer1.0-plugins-good-level": "level",
        "gstreamer1.0-plugins-good-rtp": "rtph264depay rtph264pay rtpopusdepay rtpopuspay rtpvp8depay rtpvp8pay",
        "gstreamer1.0-plugins-good-rtpmanager": "rtpbin rtpfunnel rtphdrextclientaudiolevel rtphdrexttwcc",
        "gstreamer1.0-plugins-good-video4linux2": "v4l2src",
        "gstreamer1.0-plugins-good-vpx": "vp8dec vp8enc",
        "gstreamer1.0-plugins-good-wavenc": "wavenc",
        "libnice": "nicesink nicesrc",
    }.items()
    for element in elements.split()
}
# openh264 does their work in the image: x264 is under the GPL, FFmpeg is more than all the rest together.
ELSEWHERE_THAN_IN_THE_IMAGE = {"avdec_h264", "x264enc"}


def words(data, variable):
    return (data.getVar(variable) or "").split()


def on_every_machine(story):
    """Tells a story once for each machine; one that fails stops no other."""

    @functools.wraps(story)
    def told(self):
        for machine, parser in self.parsers.items():
            with self.subTest(machine=machine):
                story(self, machine, parser)

    return told


class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.parsers = {machine: Parser(machine) for machine in MACHINES}

    @classmethod
    def tearDownClass(cls):
        for parser in cls.parsers.values():
            parser.close()

    @on_every_machine
    def test_bitbake_reads_every_recipe_append_and_configuration_file_for_every_machine(self, _, parser):
        recipes = files(".bb", ".bbappend")
        self.assertGreater(len(recipes), 15)
        for recipe in recipes:
            with self.subTest(recipe=recipe.name):
                parser.recipe(recipe)
        for configuration in files("layer.conf"):
            parser.read(configuration, parser.data.createCopy())

    def test_nothing_is_named_as_coming_from_elsewhere_that_no_file_takes(self):
        text = "".join(path.read_text() for path in files(".bb", ".bbappend", ".inc", ".conf"))
        for stub in ELSEWHERE:
            name = stub if stub.endswith((".inc", ".conf")) else pathlib.Path(stub).stem
            self.assertIn(name, text)

    @on_every_machine
    def test_the_word_that_rauc_compares_is_the_same_in_bundle_and_system_conf(self, machine, parser):
        self.assertEqual(parser.recipe(BUNDLE).getVar("RAUC_BUNDLE_COMPATIBLE"), machine)
        install = parser.recipe(RAUC_CONF).getVar("do_install")
        self.assertIn(f"s|@COMPATIBLE@|{machine}|", install)

    @on_every_machine
    def test_the_machine_gets_the_system_conf_of_its_boot_loader(self, machine, parser):
        loaders = {"hemicycle-n100": "efi", "hemicycle-imx8mp": "uboot", "hemicycle-rk3588": "uboot"}
        name = words(parser.recipe(RAUC_CONF), "SRC_URI")[0].removeprefix("file://")
        text = (RAUC_CONF.parent / "files" / name).read_text()
        self.assertIn(f"\nbootloader={loaders[machine]}\n", text)
        self.assertIn("\ncompatible=@COMPATIBLE@\n", text)
        self.assertIn("\nbundle-formats=verity\n", text)

    @on_every_machine
    def test_the_production_image_is_read_only_and_lets_nobody_in(self, _, parser):
        image = parser.recipe(IMAGE)
        self.assertEqual(words(image, "IMAGE_FEATURES"), ["read-only-rootfs"])
        self.assertIn("hemicycle-keyring", words(image, "IMAGE_INSTALL"))
        self.assertNotIn("hemicycle-keyring-development", words(image, "IMAGE_INSTALL"))
        self.assertIn("hemicycle_no_login", words(image, "ROOTFS_POSTPROCESS_COMMAND"))
        for unit in ("getty@.service", "serial-getty@.service", "debug-shell.service", "emergency.service"):
            self.assertIn(unit, image.getVar("hemicycle_no_login"))

    @on_every_machine
    def test_production_and_development_take_each_the_releases_of_their_own_authority(self, _, parser):
        keys = {"HEMICYCLE_BUNDLE_AUTHORITY": "/safe/authority.pem", "HEMICYCLE_DEVELOPMENT_KEYS": "/desk"}
        taken = {"": "/safe/authority.pem", "-development": "/desk/bundle-authority.cert.pem"}
        for suffix, certificate in taken.items():
            keyring = parser.recipe(META / f"recipes-core/keyring/hemicycle-keyring{suffix}_1.0.bb", **keys)
            self.assertEqual(keyring.getVar("HEMICYCLE_KEYRING"), certificate)
            bundle = parser.recipe(META / f"recipes-core/bundles/hemicycle-bundle{suffix}_1.0.bb", **keys)
            self.assertEqual(bundle.getVar("RAUC_KEYRING_FILE"), certificate)
        self.assertIn("hemicycle-keyring-development", words(parser.recipe(IMAGE_DEV), "IMAGE_INSTALL"))

    @on_every_machine
    def test_the_root_is_verified_and_holds_the_daemon(self, _, parser):
        group = META / "recipes-core/packagegroups/packagegroup-hemicycle.bb"
        image = parser.recipe(IMAGE)
        self.assertEqual(image.getVar("IMAGE_FSTYPES"), "verity")
        self.assertIn("image_types_verity", words(image, "IMAGE_CLASSES"))
        self.assertIn("rauc-mark-good", words(image, "BAD_RECOMMENDATIONS"))
        self.assertIn("packagegroup-hemicycle", words(image, "IMAGE_INSTALL"))
        group_of = words(parser.recipe(group), "RDEPENDS:packagegroup-hemicycle")
        self.assertLessEqual({"roomd", "rauc", "rauc-service", "libnice"}, set(group_of))

    @on_every_machine
    def test_each_element_that_the_worker_uses_has_a_package_in_the_image(self, _, parser):
        source = (ROOT / "appliance/media/src/elements.rs").read_text()
        table = source[source.index("const PACKAGES") : source.index("const OPTIONAL")]
        used = set(re.findall(r'"([a-z0-9_]+)"', table))
        self.assertGreater(len(used), 40)
        self.assertEqual(used - set(PACKAGE_OF) - ELSEWHERE_THAN_IN_THE_IMAGE, set(), "no package is named for these")
        group = META / "recipes-core/packagegroups/packagegroup-hemicycle.bb"
        installed = words(parser.recipe(group), "RDEPENDS:packagegroup-hemicycle")
        missing = {element for element in used - ELSEWHERE_THAN_IN_THE_IMAGE if PACKAGE_OF[element] not in installed}
        self.assertEqual(missing, set())

    def test_units_have_a_folder_in_which_code_may_be_written_and_run_though_the_root_is_read_only(self):
        append = LAYERS[1] / "recipes-core/systemd/systemd-conf_%.bbappend"
        install = self.parsers[MACHINES[0]].recipe(append).getVar("do_install")
        self.assertIn("local-fs.target.wants/tmp.mount", install)
        options = re.search(r"^Options=(.*)$", (append.parent / "files/tmp.mount").read_text(), re.M).group(1).split(",")
        self.assertNotIn("noexec", options)
        self.assertLessEqual({"mode=1777", "nosuid", "nodev"}, set(options))

    @on_every_machine
    def test_what_bitbake_leaves_out_unless_it_is_accepted_is_accepted(self, _, parser):
        self.assertIn("openh264", words(parser.data, "PACKAGECONFIG:pn-gstreamer1.0-plugins-bad"))
        self.assertIn("commercial_openh264", words(parser.data, "LICENSE_FLAGS_ACCEPTED"))

    @on_every_machine
    def test_boot_entries_can_be_written_where_the_firmware_has_them(self, machine, parser):
        self.assertEqual("efi" in words(parser.data, "DISTRO_FEATURES"), machine == "hemicycle-n100")

    @on_every_machine
    def test_u_boot_and_linux_look_for_the_environment_on_the_same_disk(self, machine, parser):
        if machine == "hemicycle-n100":
            return
        files = LAYERS[0] / "recipes-bsp/u-boot/files"
        for name, place in (
            ("fw_env.config", "/dev/mmcblk@MMC@ "),
            ("hemicycle.cfg", "CONFIG_ENV_MMC_DEVICE_INDEX=@MMC@\n"),
            ("hemicycle.env", "disk=@MMC@\n"),
        ):
            self.assertIn(place, (files / name).read_text())
        self.assertTrue(parser.data.getVar("HEMICYCLE_MMC").isdigit())

    @on_every_machine
    def test_what_a_machine_needs_beside_all_others_is_in_its_image(self, machine, parser):
        group = META / "recipes-core/packagegroups/packagegroup-hemicycle.bb"
        installed = words(parser.recipe(group), "RDEPENDS:packagegroup-hemicycle")
        needed = {"hemicycle-n100": {"efibootmgr", "hemicycle-boot-entries", "linux-firmware-i915"}}
        self.assertLessEqual(needed.get(machine, {"libubootenv-bin", "u-boot-env"}), set(installed))

    def test_each_profile_of_the_uki_has_a_command_line_and_the_first_is_slot_a(self):
        parser = self.parsers[MACHINES[0]]
        recipe = parser.recipe(META / "recipes-core/boot/hemicycle-boot_1.0.bb")
        made = [part for part in recipe.getVar("do_compile").split("ukify build")[1:]]
        self.assertEqual(len(made), 2)
        for part, slot in zip(made, "ba"):
            self.assertRegex(part, rf'--profile="ID=hemicycle-{slot}" --cmdline="[^"]*rauc.slot=hemicycle-{slot}"')
        self.assertIn("--join-profile", made[1])
        self.assertRegex(made[0], r"/addon\S*\.efi\.stub")
        self.assertRegex(made[1], r"/linux\S*\.efi\.stub")
        entries = (LAYERS[0] / "recipes-bsp/boot-entries/files/hemicycle-boot-entries").read_text()
        self.assertIn("\nentry b @1\nentry a @0\n", entries)

    def test_the_root_has_a_name_that_systemd_does_not_look_for(self):
        uki = self.parsers[MACHINES[0]].recipe(META / "recipes-core/boot/hemicycle-boot_1.0.bb")
        self.assertIn(" systemd.gpt_auto=0", uki.getVar("UKI_CMDLINE"))
        self.assertNotRegex(uki.getVar("do_compile"), r'(cmdline|verity)="([^"]* )?roothash=')
        init = (META / "recipes-core/initramfs/files/init").read_text()
        self.assertIn("$(argument hemicycle.roothash)", init)

    def test_the_data_partition_is_made_anew_as_it_was_made(self):
        files = ROOT / "yocto/meta-hemicycle-distro/recipes-core/systemd/files"
        first = re.findall(r"^ExecStart=(systemd-repart .*)$", (files / "20-hemicycle-data.conf").read_text(), re.M)
        anew = (files / "hemicycle-erase.service").read_text()
        self.assertEqual(re.findall(r"^ExecStart=/usr/bin/(systemd-repart .*) --factory-reset=yes$", anew, re.M), first)

    def test_u_boot_keeps_what_its_own_build_made(self):
        for machine in MACHINES[1:]:
            data = self.parsers[machine].data.createCopy()
            data.setVar("UBOOT_SIGN_KEYDIR", "/safe")
            self.assertEqual(data.getVar("UBOOT_SIGN_ENABLE"), "1", "the FIT is signed")
            data.setVar("PN", "u-boot")
            self.assertEqual(data.getVar("UBOOT_SIGN_ENABLE"), "0")

    def test_programs_of_busybox_are_called_as_it_knows_them(self):
        shells = [ROOT / "systemd", ROOT / "udev", *LAYERS]
        for path in (path for folder in shells for path in folder.rglob("*") if path.is_file()):
            text = path.read_bytes().decode(errors="replace")
            if path.suffix in {".service", ".rules"} or text.startswith("#!/bin/sh"):
                self.assertNotRegex(text, r"\b(grep|sed|readlink|basename|sort|head|tail) --[a-z]", path.name)

    @on_every_machine
    def test_a_bundle_is_of_the_verity_format_adaptive_and_says_its_security_version(self, _, parser):
        bundle = parser.recipe(BUNDLE)
        self.assertEqual(bundle.getVar("RAUC_BUNDLE_FORMAT"), "verity")
        self.assertEqual(words(bundle, "RAUC_BUNDLE_SLOTS"), ["boot", "rootfs"])
        for slot in words(bundle, "RAUC_BUNDLE_SLOTS"):
            self.assertEqual(bundle.getVarFlag(f"RAUC_SLOT_{slot}", "adaptive"), "block-hash-index")
        self.assertTrue(bundle.getVarFlag("RAUC_META_hemicycle", "security-version").isdigit())
        self.assertEqual(bundle.getVar("RAUC_BUNDLE_VERSION"), parser.data.getVar("DISTRO_VERSION"))

    @on_every_machine
    def test_root_and_boot_partition_that_go_into_the_bundle_belong_together(self, _, parser):
        for suffix in ("", "-development"):
            bundle = parser.recipe(META / f"recipes-core/bundles/hemicycle-bundle{suffix}_1.0.bb")
            boot = parser.recipe(META / f"recipes-core/boot/{bundle.getVar('HEMICYCLE_BOOT_RECIPE')}_1.0.bb")
            disk = parser.recipe(META / f"recipes-core/images/hemicycle-disk{suffix}.bb")
            self.assertEqual(bundle.getVar("RAUC_SLOT_rootfs"), f"hemicycle-image{suffix}")
            self.assertEqual(boot.getVar("HEMICYCLE_IMAGE"), f"hemicycle-image{suffix}")
            self.assertEqual(disk.getVar("HEMICYCLE_IMAGE"), f"hemicycle-image{suffix}")

    def test_the_release_says_its_version_where_the_daemon_reads_it(self):
        reader = (ROOT / "appliance/roomd/src/update/release.rs").read_text()
        data = self.parsers[MACHINES[0]].data.createCopy()
        data.setVar("PN", "os-release")
        fields = words(data, "OS_RELEASE_FIELDS")
        self.assertIn("IMAGE_VERSION", reader)
        for field in re.findall(r'get\("([A-Z_]+)"\)', reader):
            self.assertIn(field, fields)

    def test_every_unit_and_rule_of_the_repository_is_installed_by_name(self):
        recipe = self.parsers[MACHINES[0]].recipe(ROOMD)
        named = {entry.partition(":")[0] for entry in words(recipe, "HEMICYCLE_FILES")}
        lying = {
            str(path.relative_to(ROOT))
            for folder in ("systemd", "udev")
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".md"
        }
        if not lying:
            self.skipTest("the units are not in the repository yet")
        self.assertEqual(lying - named, set(), "files that no image has")
        self.assertEqual(named - lying, set(), "files that the recipe names and that are not there")

    def test_the_users_of_the_units_have_the_same_numbers_in_the_image(self):
        table = (LAYERS[1] / "files/passwd-hemicycle").read_text()
        numbers = {line.split(":")[0]: line.split(":")[2] for line in table.splitlines() if not line.startswith("#")}
        self.assertEqual(len(set(numbers.values())), len(numbers), "a number was given twice")
        for file in (ROOT / "systemd/sysusers.d").glob("*.conf"):
            for name, number in re.findall(r"^u\s+(\S+)\s+(\d+)", file.read_text(), re.M):
                self.assertEqual(numbers.get(name), number, name)

    def test_the_licence_that_the_recipe_of_the_daemon_names_is_the_one_of_the_repository(self):
        checksum = hashlib.md5((ROOT / "LICENSE").read_bytes()).hexdigest()
        recipe = self.parsers[MACHINES[0]].recipe(ROOMD)
        self.assertEqual(recipe.getVar("LIC_FILES_CHKSUM"), f"file://LICENSE;md5={checksum}")
        self.assertIn(f'license = "{recipe.getVar("LICENSE")}"', (ROOT / "Cargo.toml").read_text())

    def test_no_private_key_lies_in_the_layers(self):
        for path in YOCTO.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                self.assertNotIn(b"PRIVATE " + b"KEY-----", path.read_bytes(), path)

    def test_each_layer_says_who_keeps_it_and_how_to_tell_of_a_weakness(self):
        for layer in LAYERS:
            readme = (layer / "README.md").read_text().lower()
            for word in ("maintainer", "patch", "@"):
                self.assertIn(word, readme, layer.name)
            self.assertTrue((layer / "SECURITY.md").is_file() and (layer / "COPYING").is_file(), layer.name)


if __name__ == "__main__":
    unittest.main()
