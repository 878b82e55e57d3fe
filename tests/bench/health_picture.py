#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Loss and round-trip time of a line against its state over time, from a real run, as SVG.

    MULTIHOME_BUILD=build tests/bench/health_picture.py docs/pictures/health.svg

In the lab the preferred line loses a third of its packets for a while, recovers, falls silent, and
recovers again; what `show multihome` says of it is asked for four times a second.  Needs nothing
but the standard library.  Central: record() and draw().
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import SILENT, Lab, drivers, wait_for  # noqa: E402

_STEP_S = 0.25
# (seconds, what happens at the beginning, label)
_STORY = [
    (15, None, "good"),
    (35, "lose", "30 % loss"),
    (50, "mend", "good"),
    (10, "break", "gateway silent"),
    (25, "heal", "good"),
]
_COLOURS = {"up": "#4c9f50", "degraded": "#e0a100", "hold": "#7aa6d8", "down": "#c8413b"}
_WIDTH, _LEFT, _RIGHT = 900, 60, 20


def record():
    """[(seconds, state, loss %, rtt ms, carries)] and the marks [(seconds, label)]."""
    samples, marks = [], []
    with Lab.create() as lab:
        driver = drivers.Multihomed().start(lab)
        line = lab.lines[0]
        acts = {
            "lose": lambda: lab.lose(line, 30),
            "mend": lambda: lab.lose(line, 0),
            "break": lambda: lab.break_line(line, SILENT),
            "heal": lambda: lab.heal(line),
        }
        begun = time.monotonic()
        for seconds, act, label in _STORY:
            marks.append((time.monotonic() - begun, label))
            if act:
                acts[act]()
            until = time.monotonic() + seconds
            while (now := time.monotonic()) < until:
                lines = driver.frr.shown()["lines"]
                [seen] = [entry for entry in lines
                          if entry["uplink"] == line.name and entry["family"] == "ipv4"]
                samples.append((now - begun, seen["state"], seen.get("loss_percent"),
                                seen.get("rtt_ms"), seen["carries"]))
                next_look = now + _STEP_S
                wait_for(lambda moment=next_look: time.monotonic() >= moment, _STEP_S + 5)
        driver.stop()
    return samples, marks


def _path(points):
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _bar(left, right, y, height, colour):
    place = f'x="{left:.1f}" y="{y}" width="{right - left:.1f}"'
    return f'<rect {place} height="{height}" fill="{colour}"/>'


def draw(samples, marks):
    end = samples[-1][0]
    across = (_WIDTH - _LEFT - _RIGHT) / end
    x = lambda seconds: _LEFT + seconds * across  # noqa: E731
    loss_y = lambda percent: 190 - 1.5 * percent  # noqa: E731
    slowest = max([s[3] for s in samples if s[3]], default=1)
    rtt_y = lambda ms: 300 - 80 * ms / slowest  # noqa: E731
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="370" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="370" fill="white"/>',
    ]
    for seconds, label in marks:
        out.append(f'<line x1="{x(seconds):.1f}" x2="{x(seconds):.1f}" y1="20" y2="345" '
                   'stroke="#bbb" stroke-dasharray="3,3"/>')
        out.append(f'<text x="{x(seconds) + 4:.1f}" y="16">{label}</text>')
    for percent, name in ((5, "half"), (10, "loss low"), (50, "loss high")):
        out.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{loss_y(percent)}" '
                   f'y2="{loss_y(percent)}" stroke="#ddd"/>')
        out.append(f'<text x="4" y="{loss_y(percent) + 4}" fill="#888">{name}</text>')
    out.append('<text x="4" y="60">loss, %</text><text x="4" y="215">RTT, ms</text>'
               f'<text x="4" y="{rtt_y(slowest) + 4:.0f}" fill="#888">{slowest:.2f}</text>')
    for column, place, colour in ((2, loss_y, "#333"), (3, rtt_y, "#4466aa")):
        points = [(x(s[0]), place(s[column])) for s in samples if s[column] is not None]
        out.append(f'<path d="{_path(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    out.append('<text x="4" y="328">state</text>')
    begun = 0
    for i, sample in enumerate(samples):
        last = i + 1 == len(samples)
        if not last and samples[i + 1][1] == sample[1]:
            continue
        left, right = x(samples[begun][0]), x(samples[i if last else i + 1][0])
        colour = _COLOURS.get(sample[1], "#999")
        out.append(_bar(left, right, 315, 18, colour))
        if right - left > 40:
            out.append(f'<text x="{left + 4:.1f}" y="328" fill="white">{sample[1]}</text>')
        begun = i + 1
    for before, after in zip(samples, samples[1:]):
        if after[4]:
            out.append(_bar(x(before[0]), x(after[0]) + 0.3, 337, 5, "#222"))
    out.append('<text x="4" y="345" font-size="10">carries</text>')
    for seconds in range(0, int(end) + 1, 15):
        out.append(f'<text x="{x(seconds):.1f}" y="362" fill="#888">{seconds} s</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    target = pathlib.Path(sys.argv[1])
    samples, marks = record()
    target.write_text(draw(samples, marks))
    print(f"{target}: {len(samples)} samples")


if __name__ == "__main__":
    main()
