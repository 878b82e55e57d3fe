// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a configuration back through the daemon's C API, as FRR's command parser would: it knows
// the lines that mh_config_write() prints, and nothing else.
#pragma once

#include "multihome.h"

#include <string>
#include <utility>

namespace multihomed::test {

/// Collects what a command prints.
class Printed {
public:
    const mh_out* out() { return &out_; }
    const std::string& text() const { return text_; }
    std::string take() { return std::exchange(text_, {}); }

private:
    static void append(void* to, const char* text) { static_cast<Printed*>(to)->text_ += text; }
    std::string text_;
    mh_out out_{append, this};
};

/// The first line that is unknown or refused, with the reason; empty when all were taken.
std::string read_config(const std::string& text);

} // namespace multihomed::test
