"""Stories of the disk: as it leaves the factory, and what systemd-repart makes of it at the first start."""

import json
import pathlib
import re
import struct
import subprocess
import tempfile
import unittest
import zlib

from layers import LAYERS

LAYOUTS = sorted((LAYERS[0] / "files/wic").glob("*.wks.in"))
DATA = LAYERS[1] / "recipes-core/systemd/files/60-data.conf"
SERVICE = LAYERS[1] / "recipes-core/systemd/files/20-hemicycle-data.conf"
SLOTS = ["boot-a", "boot-b", "root-a", "root-b"]
PART = re.compile(r"--part-name (\S+) --part-type (\S+) .*--fixed-size (\d+[KM])")
# Where a boot loader of ARM begins, on a disk whose layout forgot to say so.
BOOT_LOADER = 32 << 10
# Those of the unit that say what is done to a disk.
OPTIONS = [word for word in SERVICE.read_text().rsplit("ExecStart=", 1)[1].split() if word.startswith("--discard")]


def repart(definitions, disk, *arguments):
    """Runs systemd-repart on a file; its rows, one a partition."""
    command = ["systemd-repart", f"--definitions={definitions}", "--dry-run=no", "--json=short", *arguments, disk]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else []


class Disk(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="hemicycle-disk-")
        self.folder = pathlib.Path(self.scratch.name)
        self.disk = self.folder / "disk"
        self.data = self.folder / "data"
        self.data.mkdir()
        # No TPM and no file system are needed to see where things come to lie; tests/hardware has both.
        lines = DATA.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("Encrypt=", "TPM2PCRs=", "Format="))]
        self.assertEqual(len(lines) - len(kept), 3)
        (self.data / DATA.name).write_text("\n".join(kept))

    def tearDown(self):
        self.scratch.cleanup()

    def leaves_the_factory(self, layout):
        """With the partitions of the layout, their sizes, types and names."""
        definitions = self.folder / layout.name
        definitions.mkdir()
        parts = PART.findall(layout.read_text())
        self.assertEqual([name for name, _, _ in parts if name != "u-boot"], SLOTS)
        for number, (name, kind, size) in enumerate(parts):
            text = f"[Partition]\nType={kind}\nLabel={name}\nSizeMinBytes={size}\nSizeMaxBytes={size}\n"
            (definitions / f"{number}.conf").write_text(text)
        self.disk.unlink(missing_ok=True)
        rows = repart(definitions, self.disk, "--empty=create", "--size=4G")
        self.begins_behind_its_table()
        return rows

    def begins_behind_its_table(self):
        """As wic makes a table: what is behind it may be used, and systemd-repart would keep a megabyte free."""
        with self.disk.open("r+b") as disk:
            for place in (512, self.disk.stat().st_size - 512):
                disk.seek(place)
                header = bytearray(disk.read(92))
                self.assertEqual(header[:8], b"EFI PART")
                struct.pack_into("<Q", header, 40, 34)
                struct.pack_into("<I", header, 16, 0)
                struct.pack_into("<I", header, 16, zlib.crc32(header))
                disk.seek(place)
                disk.write(header)

    def write(self, place):
        with self.disk.open("r+b") as disk:
            disk.seek(place)
            disk.write(b"it stays")

    def is_there(self, place):
        with self.disk.open("rb") as disk:
            disk.seek(place)
            return disk.read(8) == b"it stays"

    def test_the_first_start_makes_the_data_partition_and_touches_no_slot(self):
        self.assertEqual(len(LAYOUTS), 2)
        for layout in LAYOUTS:
            with self.subTest(layout=layout.name):
                before = self.leaves_the_factory(layout)
                self.write(BOOT_LOADER)
                rows = {row["label"]: row for row in repart(self.data, self.disk, *OPTIONS)}
                self.assertEqual(set(rows) - {"data"}, {row["label"] for row in before})
                self.assertEqual({row["uuid"] for row in before}, {row["uuid"] for row in rows.values()} - {rows["data"]["uuid"]})
                self.assertTrue(self.is_there(BOOT_LOADER), "what lies before the first partition is gone")
                self.assertGreater(rows["data"]["raw_size"], 2 << 30)
                again = {row["activity"] for row in repart(self.data, self.disk, *OPTIONS)}
                self.assertEqual(again, {"unchanged"}, "the second start changes something")

    def test_a_factory_reset_makes_the_data_anew_and_nothing_else(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout.name):
                before = {row["uuid"] for row in self.leaves_the_factory(layout)}
                repart(self.data, self.disk, *OPTIONS)
                self.write(17 << 20)
                rows = {row["label"]: row for row in repart(self.data, self.disk, "--factory-reset=yes", *OPTIONS)}
                self.assertEqual(rows["data"]["activity"], "create")
                self.assertEqual({row["uuid"] for row in rows.values()} - {rows["data"]["uuid"]}, before)
                self.assertTrue(self.is_there(17 << 20), "something of a slot is gone")


if __name__ == "__main__":
    unittest.main()
