// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operational commands of daemon/multihome.h.
#include "commands.hpp"

using namespace multihomed;
using namespace multihomed::frr;

extern "C" {

bool mh_show_status(bool json, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        std::string text;
        for (const core::LineReport& report : daemon.engine().decision().lines) {
            const char* state = core::to_string(report.health.state);
            const core::ProbeKey key = report.line.key();
            if (json)
                text += std::string(text.empty() ? "" : ", ") + "{\"name\": \"" + key.uplink +
                        "\", \"family\": \"" + core::to_string(key.family) + "\", \"state\": \"" +
                        state + "\"}";
            else
                text += key.uplink + " " + core::to_string(key.family) + " " + state + ": " +
                        report.health.reason + "\n";
        }
        print(out, json ? "{\"lines\": [" + text + "]}\n" : text);
        return true;
    });
}

bool mh_clear_uplink(const char* uplink, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        if (!core::find_uplink(daemon.config(), uplink))
            return refuse(out, std::string("there is no uplink '") + uplink + "'");
        daemon.restart_line(uplink);
        return true;
    });
}

void mh_debug_set(unsigned int which, bool on) {
    Commanded* daemon = commanded();
    if (!daemon)
        return;
    DebugFlags& debug = daemon->debug();
    const auto set = [&](unsigned int kind, bool& flag) { flag = which & kind ? on : flag; };
    set(MH_DEBUG_ZEBRA, debug.zebra);
    set(MH_DEBUG_KERNEL, debug.kernel);
    set(MH_DEBUG_PROBE, debug.probe);
    set(MH_DEBUG_DECISION, debug.decision);
}

unsigned int mh_debug_get(void) {
    Commanded* daemon = commanded();
    if (!daemon)
        return 0;
    const DebugFlags& debug = daemon->debug();
    unsigned int which = 0;
    const auto add = [&](unsigned int kind, bool flag) { which |= flag ? kind : 0U; };
    add(MH_DEBUG_ZEBRA, debug.zebra);
    add(MH_DEBUG_KERNEL, debug.kernel);
    add(MH_DEBUG_PROBE, debug.probe);
    add(MH_DEBUG_DECISION, debug.decision);
    return which;
}

} // extern "C"
