// SPDX-License-Identifier: GPL-2.0-or-later
//
// What commands.cpp (configuration) and commands_show.cpp (operation) share: printing, refusing,
// and the border that no C++ exception crosses.
#pragma once

#include "commanded.hpp"
#include "multihome.h"

#include <exception>
#include <stdexcept>
#include <string>

namespace multihomed::frr {

inline void print(const mh_out* out, const std::string& text) {
    out->print(out->to, text.c_str());
}

inline bool refuse(const mh_out* out, const std::string& reason) {
    print(out, "% " + reason + "\n");
    return false;
}

/// Calls command(Commanded&), which says whether it was done. std::invalid_argument is a refusal.
template <class Command>
bool run(const mh_out* out, Command command) {
    try {
        Commanded* daemon = commanded();
        return daemon ? command(*daemon) : refuse(out, "multihomed is not ready yet");
    } catch (const std::invalid_argument& reason) {
        return refuse(out, reason.what());
    } catch (const std::exception& error) {
        return refuse(out, std::string("internal error: ") + error.what());
    }
}

} // namespace multihomed::frr
