"""What the oracle scripts share."""
import importlib
import sys

MISSING_PACKAGE = 77


def require(*names):
    modules = []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except ImportError as error:
            print(error, file=sys.stderr)
            sys.exit(MISSING_PACKAGE)
    return modules if len(modules) > 1 else modules[0]
