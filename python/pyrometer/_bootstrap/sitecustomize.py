# mypy: ignore-errors
"""Begins to measure a program under `pyrometer run`, in whichever Python it is.

Every Python that the command starts runs this, also one that is too old for pyrometer or does not
have it: then nothing happens and nothing is said. So this is written for all of them, from 2.7 on.
"""

import sys


def _begin():
    if sys.version_info < (3, 10):
        return
    try:
        from pyrometer import automatic
    except ImportError as error:
        if getattr(error, "name", None) != "pyrometer":
            sys.stderr.write("pyrometer: nothing is measured: %s\n" % (error,))
        return
    automatic.begin()


def _go_on():
    """Runs the sitecustomize that this one hides."""
    if sys.version_info < (3, 4):
        return
    import os
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))
    path = [one for one in sys.path if os.path.abspath(one or os.curdir) != here]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    # What it raises is told by `site`, as without us.
    spec.loader.exec_module(module)


try:
    _begin()
except Exception as error:
    sys.stderr.write("pyrometer: nothing is measured: %r\n" % (error,))
_go_on()
