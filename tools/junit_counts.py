#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""junit_counts.py FILE STATUS: prints "PASSED FAILED" of a pytest run with its JUnit file and exit status.

Skipped tests are neither. A run that ended badly or ran no test has at least one failure.
"""
import sys
import xml.etree.ElementTree


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failed += 1
        elif "skipped" not in outcomes:
            passed += 1
    if (status != 0 or passed == 0) and failed == 0:
        failed = 1
    print(passed, failed)


main()
