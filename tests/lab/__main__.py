# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab from the shell.

    python3 -m lab up NAME            build a lab and leave it
    python3 -m lab break NAME LINE cable|silent|blackhole
    python3 -m lab heal NAME LINE
    python3 -m lab spoofed NAME       what the providers dropped
    python3 -m lab list
    python3 -m lab clean [NAME]       remove one lab, or everything that no living run owns
"""

import sys

from . import BLACKHOLE, CABLE, SILENT, Lab, LabBusy, Ledger

_FAULTS = {"cable": CABLE, "silent": SILENT, "blackhole": BLACKHOLE}


def _clean(names):
    if not names:
        for name in Ledger.sweep(keep_kept=False):
            print(f"removed {name}")
        return
    for name in names:
        ledger = Ledger.claim(name)
        ledger.release()
        print(f"removed {name}")


def main(words):
    match words:
        case ["up", name]:
            Lab.create(name).keep()
            print(f"namespaces mh{name}-*; python3 -m lab clean {name} removes them")
        case ["break", name, line, fault] if fault in _FAULTS:
            print(Lab.attach(name).break_line(line, _FAULTS[fault]))
        case ["heal", name, line]:
            print(Lab.attach(name).heal(line))
        case ["spoofed", name]:
            lab = Lab.attach(name)
            print(lab.spoofed() or "nothing")
            for line in lab.lines:
                for offender in lab.offenders(line):
                    print(line.name, *offender)
        case ["list"]:
            print("\n".join(Ledger.existing()))
        case ["clean", *names]:
            _clean(names)
        case _:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabBusy as error:
        sys.exit(f"lab: {error}")
