"""Finds and runs the end-to-end tests; ends with one line "N passed, N failed"."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
sys.dont_write_bytecode = True

import lab  # noqa: E402


def main():
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names) if names else loader.discover(os.path.dirname(HERE), "test_*.py")
    lab.engine.start()
    try:
        result = unittest.TextTestRunner(verbosity=2, failfast=bool(os.environ.get("FAILFAST"))).run(suite)
    finally:
        lab.engine.kill()
    bad = len(result.failures) + len(result.errors) + len(result.skipped) + len(result.unexpectedSuccesses)
    print("%d passed, %d failed" % (result.testsRun - bad, bad))
    return 1 if bad or not result.testsRun else 0


sys.exit(main())
