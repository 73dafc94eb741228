"""Stories of the kas files: they are what kas reads, and every layer stands at one commit."""

import importlib.resources
import json
import re
import unittest

import jsonschema
import yaml

from layers import LAYERS, MACHINES, ROOT, YOCTO

KAS = YOCTO / "kas"
FILES = {path.name: yaml.safe_load(path.read_text()) for path in sorted(KAS.glob("*.yml"))}


def repositories():
    """Name and description of each repository of each file, but our own."""
    for file, content in FILES.items():
        for name, repository in content.get("repos", {}).items():
            if name != "hemicycle":
                yield file, name, repository


class Kas(unittest.TestCase):
    def test_kas_understands_every_file(self):
        schema = json.loads((importlib.resources.files("kas") / "schema-kas.json").read_text())
        for file, content in FILES.items():
            with self.subTest(file=file):
                jsonschema.validate(content, schema)

    def test_every_repository_stands_at_a_full_commit_and_the_lock_beside_its_file_at_the_same(self):
        locked = {
            (file.replace(".lock.", "."), name): repository["commit"]
            for file, content in FILES.items()
            for name, repository in content.get("overrides", {}).get("repos", {}).items()
        }
        stands = {(file, name): repository.get("commit") for file, name, repository in repositories()}
        self.assertGreater(len(stands), 4)
        self.assertEqual(locked, stands)
        for (file, name), commit in stands.items():
            with self.subTest(file=file, repository=name):
                self.assertRegex(str(commit), r"^[0-9a-f]{40}$")

    def test_every_included_file_is_there(self):
        for file, content in FILES.items():
            for included in content["header"].get("includes", []):
                with self.subTest(file=file):
                    self.assertTrue((ROOT / included).is_file(), included)

    def test_our_layers_are_those_of_the_tree_and_what_they_stand_on_is_listed(self):
        ours = set(FILES["base.yml"]["repos"]["hemicycle"]["layers"])
        self.assertEqual(ours, {str(layer.relative_to(ROOT)) for layer in LAYERS})
        collections = {
            "core": ("openembedded-core", "meta"),
            "openembedded-layer": ("meta-openembedded", "meta-oe"),
            "multimedia-layer": ("meta-openembedded", "meta-multimedia"),
            "rauc": ("meta-rauc", None),
        }
        for layer in LAYERS:
            depends = re.search(r'^LAYERDEPENDS_\S+ = "(.*)"', (layer / "conf/layer.conf").read_text(), re.M)
            for collection in depends.group(1).split():
                repository, folder = collections[collection]
                listed = FILES["base.yml"]["repos"][repository].get("layers")
                self.assertTrue(folder is None or folder in listed, collection)

    def test_each_machine_has_its_file(self):
        machines = {content["machine"] for file, content in FILES.items() if "machine" in content and file != "base.yml"}
        self.assertEqual(machines, set(MACHINES))
        self.assertEqual({path.stem for path in LAYERS[0].glob("conf/machine/*.conf")}, set(MACHINES))

    def test_every_variable_that_a_build_takes_from_outside_is_one_that_the_layers_read(self):
        text = "".join(path.read_text() for layer in LAYERS for path in layer.rglob("*") if path.suffix in (".conf", ".inc"))
        for file, content in FILES.items():
            for variable in content.get("env", {}):
                with self.subTest(file=file):
                    self.assertRegex(text, rf"(?m)^{variable} \?= ")


if __name__ == "__main__":
    unittest.main()
