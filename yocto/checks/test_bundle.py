"""Stories of a release: a real bundle by RAUC with the layers' own keys and configuration, and a root by dm-verity."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from layers import LAYERS, YOCTO, Parser

MACHINE = "hemicycle-n100"
META = LAYERS[2]
# What fits onto a small machine in a second: 512 blocks of 4 KiB.
ROOT_BYTES = 2 << 20


def run(*command, folder=None):
    """How a command ended, and all that it said."""
    # Tools of the administrator are not on everybody's path.
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C"}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


class Release(unittest.TestCase):
    """In a folder with keys of two makers and a release of the first."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="hemicycle-bundle-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for keys in ("ours", "theirs"):
            code, said = run(YOCTO / "scripts/development-keys", cls.folder / keys)
            assert code == 0, said
        parser = Parser(MACHINE)
        cls.addClassCleanup(parser.close)
        cls.recipe = parser.recipe(META / "recipes-core/bundles/hemicycle-bundle-development_1.0.bb")
        cls.install = parser.recipe(META / "recipes-core/rauc/rauc-conf.bbappend").getVar("do_install")
        cls.root, cls.parameters = cls.verified_root()
        cls.bundle = cls.folder / "release.raucb"
        code, said = cls.bundled("release", cls.bundle, "ours")
        assert code == 0, said

    @classmethod
    def verified_root(cls):
        """A root as the class image_types_verity makes it: the hash tree behind the data, no superblock."""
        root = cls.folder / "rootfs.img"
        tree = cls.folder / "tree"
        tree.mkdir()
        (tree / "daemon").write_bytes(os.urandom(ROOT_BYTES))
        code, said = run("mkfs.erofs", "-zlz4hc", "-T1", root, tree)
        assert code == 0, said
        blocks = -(-root.stat().st_size // 4096)
        with root.open("ab") as file:
            file.truncate(blocks * 4096)
        salt = re.search(r'^VERITY_SALT = "(\w+)"', (META / "recipes-core/images/hemicycle-image.inc").read_text(), re.M).group(1)
        parameters = [f"--salt={salt}", f"--data-blocks={blocks}", f"--hash-offset={blocks * 4096}"]
        parameters += ["--no-superblock", "--data-block-size=4096", "--hash-block-size=4096"]
        code, said = run("veritysetup", "format", *parameters, root, root)
        assert code == 0, said
        return root, [re.search(r"Root hash:\s+(\w+)", said).group(1), *parameters]

    @classmethod
    def bundled(cls, name, bundle, keys, form="verity"):
        """Packs a release as the class bundle does with the recipe's values."""
        content = cls.folder / name
        content.mkdir()
        shutil.copy(cls.root, content / cls.recipe.getVarFlag("RAUC_SLOT_rootfs", "rename"))
        value = cls.recipe.getVar
        lines = ["[update]", f"compatible={value('RAUC_BUNDLE_COMPATIBLE')}", f"version={value('RAUC_BUNDLE_VERSION')}"]
        lines += [f"[bundle]\nformat={form}"] if form != "plain" else []
        lines += ["[image.rootfs]", f"filename={cls.recipe.getVarFlag('RAUC_SLOT_rootfs', 'rename')}"]
        lines += [f"adaptive={cls.recipe.getVarFlag('RAUC_SLOT_rootfs', 'adaptive')}"]
        lines += ["[meta.hemicycle]", f"security-version={cls.recipe.getVarFlag('RAUC_META_hemicycle', 'security-version')}"]
        (content / "manifest.raucm").write_text("\n".join(lines) + "\n")
        key, certificate = (cls.folder / keys / f"bundle.{part}.pem" for part in ("key", "cert"))
        options = re.search(r"--mksquashfs-args='(.*)'", value("BUNDLE_ARGS")).group(1)
        return run("rauc", "bundle", f"--key={key}", f"--cert={certificate}", f"--mksquashfs-args={options}", content, bundle)

    def configuration(self, kind="uki"):
        """The system.conf of a machine, as the recipe installs it."""
        text = (META / f"recipes-core/rauc/files/system-{kind}.conf").read_text()
        word = re.search(r"s\|@COMPATIBLE@\|(.*?)\|", self.install).group(1)
        text = text.replace("@COMPATIBLE@", word).replace("/usr/lib/rauc/keyring.pem", str(self.folder / "ours/bundle-authority.cert.pem"))
        path = self.folder / f"system-{kind}.conf"
        path.write_text(text)
        return path

    def look(self, bundle, kind="uki"):
        """What a box says of a bundle."""
        return run("rauc", f"--conf={self.configuration(kind)}", "info", "--output-format=json", bundle)

    def changed(self, path, name, place):
        """A copy with one bit turned over."""
        copy = self.folder / name
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        copy.write_bytes(content)
        return copy

    def test_a_box_of_each_boot_loader_reads_a_release_that_was_signed_for_it(self):
        for kind in ("uki", "fit"):
            code, said = self.look(self.bundle, kind)
            self.assertEqual(code, 0, said)
            self.assertIn(f'"compatible":"{MACHINE}"', said)
            self.assertIn('"adaptive":["block-hash-index"]', said)

    def test_a_release_that_others_have_signed_is_refused(self):
        theirs = self.folder / "theirs.raucb"
        self.assertEqual(self.bundled("foreign", theirs, "theirs")[0], 0)
        code, said = self.look(theirs)
        self.assertNotEqual(code, 0, said)
        self.assertIn("ignature", said)

    def test_a_certificate_that_is_not_for_code_signs_no_release(self):
        keys = self.folder / "weak"
        shutil.copytree(self.folder / "ours", keys)
        extension = self.folder / "weak.ext"
        extension.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n")
        request = self.folder / "weak.csr"
        self.assertEqual(run("openssl", "req", "-new", "-key", keys / "bundle.key.pem", "-subj", "/CN=web", "-out", request)[0], 0)
        authority = ("-CA", keys / "bundle-authority.cert.pem", "-CAkey", keys / "bundle-authority.key.pem", "-set_serial", "7")
        out = keys / "bundle.cert.pem"
        self.assertEqual(run("openssl", "x509", "-req", "-in", request, *authority, "-extfile", extension, "-out", out)[0], 0)
        weak = self.folder / "weak.raucb"
        self.assertEqual(self.bundled("weak-content", weak, "weak")[0], 0)
        code, said = self.look(weak)
        self.assertNotEqual(code, 0, said)
        self.assertIn("purpose", said)

    def test_a_release_in_the_old_plain_format_is_refused(self):
        plain = self.folder / "plain.raucb"
        self.assertEqual(self.bundled("plain", plain, "ours", form="plain")[0], 0)
        code, said = self.look(plain)
        self.assertNotEqual(code, 0, said)
        self.assertIn("format", said)

    def test_one_bit_turned_over_in_a_release_is_seen_wherever_it_is(self):
        size = self.bundle.stat().st_size
        # In the content, in the hash tree behind it, in the signature.
        for place in (100, size // 2, size - 600):
            changed = self.changed(self.bundle, "changed.raucb", place)
            code, said = run(
                "rauc", f"--conf={self.configuration()}", "extract", changed, self.folder / f"extracted-{place}"
            )
            self.assertNotEqual(code, 0, f"bit at {place} of {size}: {said}")
            self.assertFalse((self.folder / f"extracted-{place}").exists())

    def test_what_was_packed_comes_out_again(self):
        out = self.folder / "out"
        code, said = run("rauc", f"--conf={self.configuration()}", "extract", self.bundle, out)
        self.assertEqual(code, 0, said)
        self.assertEqual((out / "rootfs.img").read_bytes(), self.root.read_bytes())

    def verify(self, root, hash=None):
        hash_of_root, *parameters = self.parameters
        return run("veritysetup", "verify", *parameters, root, root, hash or hash_of_root)

    def test_the_root_of_a_slot_is_what_was_signed(self):
        code, said = self.verify(self.root)
        self.assertEqual(code, 0, said)

    def test_one_bit_turned_over_in_a_root_is_seen(self):
        for place in (5000, ROOT_BYTES, self.root.stat().st_size - 10):
            code, said = self.verify(self.changed(self.root, "changed.img", place))
            self.assertNotEqual(code, 0, f"bit at {place}: {said}")

    def test_another_root_hash_opens_nothing(self):
        self.assertNotEqual(self.verify(self.root, "0" * 64)[0], 0)

    def test_the_initramfs_opens_the_root_with_the_same_parameters_as_it_was_made(self):
        init = (META / "recipes-core/initramfs/files/init").read_text()
        for parameter in self.parameters[1:]:
            name = parameter.partition("=")[0]
            self.assertIn(name, init)
        self.assertIn("--data-block-size=4096 --hash-block-size=4096", init)


if __name__ == "__main__":
    unittest.main()
