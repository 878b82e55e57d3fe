// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/evidence.hpp"

#include <utility>

namespace multihomed::runtime {

void Evidence::look(const core::Observation& seen, core::Time now) {
    const auto traffic = reader_.read();
    if (!traffic) {
        if (!std::exchange(failing_, true))
            log_(Level::warning, "reading the traffic of lines: " + traffic.error().what);
        return;
    }
    failing_ = false;
    std::map<core::ProbeKey, core::LineTraffic> last;
    for (const core::LineTraffic& line : *traffic) {
        const auto before = last_.find(line.line);
        if (before != last_.end() && line.packets_in > before->second.packets_in)
            tells_.answered(line.line, now);
        if (before != last_.end() && line.packets_guarded > before->second.packets_guarded)
            tells_.guarded(line.line, now);
        last[line.line] = line;
    }
    last_ = std::move(last);
    for (const core::Silence& silence : watch_.take(*traffic, core::round_trips(seen), now)) {
        log_(Level::debug, "uplink " + silence.line.uplink + " " +
                               core::to_string(silence.line.family) + ": " +
                               core::describe(silence, now) + ": probed at once");
        tells_.silent(silence.line, now);
    }
}

} // namespace multihomed::runtime
