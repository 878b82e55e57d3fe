// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/line_traffic.hpp"

#include "apply/nft_counters.hpp"

#include <map>
#include <utility>

namespace multihomed::apply {

namespace {

using core::LineTraffic;
using core::Result;

std::vector<LineTraffic> by_line(const std::vector<CounterValue>& values) {
    std::map<core::ProbeKey, LineTraffic> lines;
    const auto line_of = [&](const auto& name) -> LineTraffic& {
        LineTraffic& line = lines[{name.uplink, name.family}];
        line.line = {name.uplink, name.family};
        return line;
    };
    for (const CounterValue& value : values) {
        if (const auto guard = parse_guard_counter_name(value.name))
            line_of(*guard).packets_guarded = value.packets;
        else if (const auto name = parse_traffic_counter_name(value.name))
            (name->direction == Direction::out ? line_of(*name).packets_out
                                               : line_of(*name).packets_in) = value.packets;
    }
    std::vector<LineTraffic> sorted;
    for (auto& [key, line] : lines)
        sorted.push_back(std::move(line));
    return sorted;
}

} // namespace

NftLineTrafficReader::NftLineTrafficReader(core::Privileged privileged)
    : privileged_(std::move(privileged)) {}

Result<std::vector<LineTraffic>> NftLineTrafficReader::read() {
    Result<std::vector<CounterValue>> values{std::vector<CounterValue>()};
    privileged_([&] {
        if (socket_.fd() < 0)
            if (const auto opened = socket_.open(); !opened) {
                values = opened.error();
                return;
            }
        values = dump_counters(socket_);
    });
    if (!values) {
        socket_ = NetfilterSocket(); // what it may still hold is of no use
        return values.error();
    }
    return by_line(*values);
}

} // namespace multihomed::apply
