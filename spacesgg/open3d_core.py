"""Open3D's compiled classes, without the plotting packages that `import open3d` loads beside them.

Those (Dash, Plotly, IPython) take a second and a hundred megabytes, which is as much as the geometry of a hundred
images. `geometry` and `utility` are the very modules that `open3d.geometry` and `open3d.utility` are, and
`import open3d` goes on working before and after.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType

COMPILED = "open3d.pybind"


def load() -> ModuleType:
    """Return Open3D's module that has `geometry` and `utility`; the package itself where laid out otherwise."""
    if "open3d" in sys.modules:
        return sys.modules["open3d"]
    if COMPILED not in sys.modules:
        package = importlib.util.find_spec("open3d")
        places = package.submodule_search_locations if package else None
        found = importlib.machinery.PathFinder.find_spec(COMPILED, places) if places else None
        # On Windows the package itself says where its libraries are.
        if found is None or found.loader is None or sys.platform == "win32":
            return importlib.import_module("open3d")
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        sys.modules[COMPILED] = module
    return sys.modules[COMPILED]
