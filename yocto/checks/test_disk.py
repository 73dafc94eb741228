"""Stories of the disk: as it leaves the factory, and what systemd-repart makes of it at the first start."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from layers import LAYERS

LAYOUTS = sorted((LAYERS[0] / "files/wic").glob("*.wks.in"))
DATA = LAYERS[1] / "recipes-core/systemd/files/60-data.conf"
SLOTS = ["boot-a", "boot-b", "root-a", "root-b"]
PART = re.compile(r"--part-name (\S+) --part-type (\S+) .*--fixed-size (\d+M)")


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
        kept = [line for line in lines if not line.startswith(("Encrypt=", "Format="))]
        self.assertEqual(len(lines) - len(kept), 2)
        (self.data / DATA.name).write_text("\n".join(kept))

    def tearDown(self):
        self.scratch.cleanup()

    def leaves_the_factory(self, layout):
        """With the partitions of the layout, their sizes, types and names."""
        definitions = self.folder / layout.name
        definitions.mkdir()
        parts = PART.findall(layout.read_text())
        self.assertEqual([name for name, _, _ in parts], SLOTS)
        for number, (name, kind, size) in enumerate(parts):
            text = f"[Partition]\nType={kind}\nLabel={name}\nSizeMinBytes={size}\nSizeMaxBytes={size}\n"
            (definitions / f"{number}.conf").write_text(text)
        self.disk.unlink(missing_ok=True)
        return repart(definitions, self.disk, "--empty=create", "--size=4G")

    def test_the_first_start_makes_the_data_partition_and_touches_no_slot(self):
        self.assertEqual(len(LAYOUTS), 2)
        for layout in LAYOUTS:
            with self.subTest(layout=layout.name):
                before = {row["uuid"] for row in self.leaves_the_factory(layout)}
                rows = {row["label"]: row for row in repart(self.data, self.disk)}
                self.assertEqual(sorted(rows), sorted([*SLOTS, "data"]))
                self.assertEqual({rows[name]["uuid"] for name in SLOTS}, before)
                self.assertGreater(rows["data"]["raw_size"], 2 << 30)
                again = {row["activity"] for row in repart(self.data, self.disk)}
                self.assertEqual(again, {"unchanged"}, "the second start changes something")

    def test_a_factory_reset_makes_the_data_anew_and_nothing_else(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout.name):
                before = {row["uuid"] for row in self.leaves_the_factory(layout)}
                repart(self.data, self.disk)
                with self.disk.open("r+b") as disk:
                    disk.seek(17 << 20)
                    disk.write(b"of a slot")
                rows = {row["label"]: row for row in repart(self.data, self.disk, "--factory-reset=yes")}
                self.assertEqual(rows["data"]["activity"], "create")
                self.assertEqual({rows[name]["uuid"] for name in SLOTS}, before)
                with self.disk.open("rb") as disk:
                    disk.seek(17 << 20)
                    self.assertEqual(disk.read(9), b"of a slot")


if __name__ == "__main__":
    unittest.main()
