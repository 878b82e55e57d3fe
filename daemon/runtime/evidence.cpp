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
    std::map<core::ProbeKey, std::uint64_t> packets_in;
    for (const core::LineTraffic& line : *traffic) {
        packets_in[line.line] = line.packets_in;
        const auto before = packets_in_.find(line.line);
        if (before != packets_in_.end() && line.packets_in > before->second)
            answered_(line.line, now);
    }
    packets_in_ = std::move(packets_in);
    for (const core::Silence& silence : watch_.take(*traffic, core::round_trips(seen), now)) {
        log_(Level::debug, "uplink " + silence.line.uplink + " " +
                               core::to_string(silence.line.family) + ": " +
                               core::describe(silence, now) + ": probed at once");
        silent_(silence.line, now);
    }
}

} // namespace multihomed::runtime
