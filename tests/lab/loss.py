# SPDX-License-Identifier: GPL-2.0-or-later
"""Loss on a link inside, as a radio has it: every kind of frame, ARP and multicast too.

It is made where frames come in, so that nobody who sends is told; for both directions give it to
both ends.  A link that loses all is one that has died in silence: its carrier stays.
"""

import random

PERCENTS = (10, 20, 30, 40)


def ruleset(device, percent):
    """For nft(8), in the device's namespace: drop this share of what comes in; 0 ends it."""
    share = f"numgen random mod 1000 < {int(percent * 10)}" if percent < 100 else ""
    rule = f"add rule netdev loss {device} {share} drop\n"
    return (
        "add table netdev loss\n"
        f"add chain netdev loss {device} "
        f'{{ type filter hook ingress device "{device}" priority -500; }}\n'
        f"flush chain netdev loss {device}\n" + (rule if percent else "")
    )


def steps(seed):
    """Endless: all of PERCENTS in random order, then again in another one."""
    order = random.Random(seed)
    while True:
        yield from order.sample(PERCENTS, len(PERCENTS))
