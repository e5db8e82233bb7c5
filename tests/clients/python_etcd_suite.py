"""python-etcd's own tests, with the servers that the program `etcd` in PATH starts.

Prints a line for each test: its name, and how it ended."""

import multiprocessing
import sys
import types
import unittest

# The tests give nested functions to processes.
multiprocessing.set_start_method("fork")

# The tests were written for nose, of which they use one decorator: for what is no test after all.
nose = types.ModuleType("nose")
nose.tools = types.ModuleType("nose.tools")
nose.tools.nottest = lambda function: None
sys.modules.update({"nose": nose, "nose.tools": nose.tools})

# Names that Python had when they were written.
for name, now in [("assertEquals", "assertEqual"), ("assertNotEquals", "assertNotEqual")]:
    if not hasattr(unittest.TestCase, name):
        setattr(unittest.TestCase, name, getattr(unittest.TestCase, now))


class Outcomes(unittest.TestResult):
    """What came of each test; why one failed goes to standard error."""

    def tell(self, test, outcome):
        print(test.id(), outcome, flush=True)

    def addSuccess(self, test):
        self.tell(test, "passes")

    def addSkip(self, test, reason):
        self.tell(test, "is skipped")

    def addFailure(self, test, error):
        self.tell(test, "fails")
        print(self._exc_info_to_string(error, test), file=sys.stderr)

    addError = addFailure


names = sys.argv[1:] or ["unit.test_client", "unit.test_lock", "unit.test_old_request", "unit.test_request",
                         "unit.test_result", "integration.test_simple", "integration.test_ssl", "test_auth"]
loader = unittest.TestLoader()
loader.loadTestsFromNames(["etcd.tests." + name for name in names]).run(Outcomes())
