"""Where the layers lie, and how BitBake's own parser reads them without the layers that they stand on.

What comes from elsewhere (classes, includes) is an empty file of the same name: a name that is not in ELSEWHERE is an error, as it
would be in a build. So the parser sees our files alone, in under a second; what the others make of them, only a build with them
shows (yocto/README.md).
"""

import logging
import pathlib
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
YOCTO = ROOT / "yocto"
LAYERS = [YOCTO / name for name in ("meta-hemicycle-bsp", "meta-hemicycle-distro", "meta-hemicycle")]
MACHINES = ("hemicycle-n100", "hemicycle-imx8mp", "hemicycle-rk3588")

# Of oe-core, meta-openembedded and meta-rauc.
ELSEWHERE = (
    "classes/allarch.bbclass",
    "classes/autotools.bbclass",
    "classes/bundle.bbclass",
    "classes/cargo.bbclass",
    "classes/core-image.bbclass",
    "classes/deploy.bbclass",
    "classes/image.bbclass",
    "classes/kernel-fit-image.bbclass",
    "classes/nopackages.bbclass",
    "classes/packagegroup.bbclass",
    "classes/pkgconfig.bbclass",
    "classes/systemd.bbclass",
    "classes/useradd.bbclass",
    "conf/image-uefi.conf",
    "conf/machine/include/arm/armv8-2a/tune-cortexa76-cortexa55.inc",
    "conf/machine/include/arm/armv8a/tune-cortexa53.inc",
    "conf/machine/include/x86/tune-x86-64-v3.inc",
    "conf/machine/include/x86/x86-base.inc",
)

# The parser's package has no server; its modules are imported and not used.
for name in ("hashserv", "hashserv.client", "prserv"):
    sys.modules.setdefault(name, types.ModuleType(name))

import bb.data  # noqa: E402
import bb.parse  # noqa: E402
import bb.utils  # noqa: E402

logging.getLogger("BitBake").setLevel(logging.ERROR)


def files(*endings):
    """Files of the layers with these endings, sorted."""
    found = (path for layer in LAYERS for path in layer.rglob("*") if path.is_file())
    return sorted(path for path in found if path.name.endswith(endings))


class Parser:
    """BitBake's parser over our layers, for one machine."""

    def __init__(self, machine):
        self.scratch = tempfile.TemporaryDirectory(prefix="hemicycle-layers-")
        scratch = pathlib.Path(self.scratch.name)
        for stub in ELSEWHERE:
            (scratch / stub).parent.mkdir(parents=True, exist_ok=True)
            (scratch / stub).touch()
        data = bb.data.init()
        data.setVar("BBPATH", ":".join(map(str, [*LAYERS, scratch])))
        data.setVar("TOPDIR", str(scratch))
        data.setVar("MACHINE", machine)
        data.setVar("MACHINEOVERRIDES", machine)
        arch = "x86-64" if machine == "hemicycle-n100" else "aarch64"
        data.setVar("OVERRIDES", arch + ":pn-${PN}:${MACHINEOVERRIDES}:hemicycle")
        data.setVar("TUNE_FEATURES", "")
        data.setVar("BBFILE_COLLECTIONS", "")
        self.data = self.read(LAYERS[0] / f"conf/machine/{machine}.conf", data)
        self.data = self.read(LAYERS[1] / "conf/distro/hemicycle.conf", self.data)

    def close(self):
        """Takes the scratch folder away."""
        self.scratch.cleanup()

    @staticmethod
    def read(path, data):
        """What a configuration file, include or class makes of the data."""
        return bb.parse.handle(str(path), data, True)

    def recipe(self, path, **variables):
        """The data of a recipe or an append alone; its name and version are those of the file's name, as BitBake has it."""
        data = self.data.createCopy()
        name, _, version = path.name.removesuffix(".bb").removesuffix(".bbappend").partition("_")
        known = {"PN": name, "BPN": name, "PV": "1.0" if version in ("", "%") else version, "BP": "${BPN}-${PV}"}
        for variable, value in {**known, **variables, "__bbclasstype": "recipe", "FILE": str(path)}.items():
            data.setVar(variable, value)
        if path.suffix == ".bbappend":
            # The parser takes it for a recipe only under another name.
            copy = pathlib.Path(self.scratch.name) / (path.stem.replace("%", "all") + ".inc")
            copy.write_bytes(path.read_bytes())
            path = copy
        read = bb.parse.handle(str(path), data, True)
        data = read[""] if isinstance(read, dict) else read
        bb.data.expandKeys(data)
        return data
