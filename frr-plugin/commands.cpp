// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the commands of vtysh/multihome_vty.c do (daemon/multihome.h): owns the configuration as
// typed.
#include "multihome.h"

#include <algorithm>
#include <string>
#include <vector>

namespace {

struct Uplink {
    std::string name;
    std::string interface;
};

struct Typed {
    bool enabled = false;
    std::vector<Uplink> uplinks;
    bool debug = false;
};

Typed& typed() {
    static Typed instance;
    return instance;
}

Uplink* find(const std::string& name) {
    auto& uplinks = typed().uplinks;
    auto found = std::find_if(uplinks.begin(), uplinks.end(),
                              [&](const Uplink& uplink) { return uplink.name == name; });
    return found == uplinks.end() ? nullptr : &*found;
}

void print(const mh_out* out, const std::string& text) {
    out->print(out->to, text.c_str());
}

bool no_such_uplink(const mh_out* out, const std::string& name) {
    print(out, "% There is no uplink " + name + "\n");
    return false;
}

} // namespace

extern "C" {

void mh_config_begin(void) {}
void mh_config_end(void) {}

bool mh_config_router(bool present, const mh_out*) {
    if (!present)
        typed().uplinks.clear();
    typed().enabled = present;
    return true;
}

bool mh_config_uplink(const char* uplink, bool present, const mh_out* out) {
    if (present) {
        if (!find(uplink))
            typed().uplinks.push_back({uplink, {}});
        return true;
    }
    if (!find(uplink))
        return no_such_uplink(out, uplink);
    std::erase_if(typed().uplinks, [&](const Uplink& each) { return each.name == uplink; });
    return true;
}

bool mh_config_uplink_interface(const char* uplink, const char* ifname, const mh_out* out) {
    Uplink* found = find(uplink);
    if (!found)
        return no_such_uplink(out, uplink);
    found->interface = ifname ? ifname : "";
    return true;
}

bool mh_config_write(const mh_out* out) {
    if (!typed().enabled)
        return false;
    std::string text = "router multihome\n";
    for (const Uplink& uplink : typed().uplinks) {
        text += " uplink " + uplink.name + "\n";
        if (!uplink.interface.empty())
            text += "  interface " + uplink.interface + "\n";
        text += " exit\n";
    }
    print(out, text + "exit\n!\n");
    return true;
}

bool mh_show_status(bool json, const mh_out* out) {
    if (json) {
        print(out, "{\"uplinks\":" + std::to_string(typed().uplinks.size()) + "}\n");
        return true;
    }
    for (const Uplink& uplink : typed().uplinks)
        print(out, uplink.name + " " + uplink.interface + "\n");
    return true;
}

bool mh_clear_uplink(const char* uplink, const mh_out* out) {
    return find(uplink) ? true : no_such_uplink(out, uplink);
}

void mh_debug_set(bool on) {
    typed().debug = on;
}
bool mh_debug_get(void) {
    return typed().debug;
}

void mh_uplink_names(void (*each)(void* to, const char* name), void* to) {
    for (const Uplink& uplink : typed().uplinks)
        each(to, uplink.name.c_str());
}

} // extern "C"
