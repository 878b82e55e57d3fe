// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/fake_daemon.hpp"

namespace multihomed {

namespace {

frr::Commanded*& current() {
    static frr::Commanded* daemon = nullptr;
    return daemon;
}

} // namespace

frr::Commanded* frr::commanded() {
    return current();
}

namespace test {

void use(frr::Commanded* daemon) {
    current() = daemon;
}

FakeDaemon::FakeDaemon() {
    use(this);
}

FakeDaemon::~FakeDaemon() {
    use(nullptr);
}

void FakeDaemon::end_turn() {
    if (reading_)
        return;
    world.config = typed_;
    world.configure();
}

void FakeDaemon::config_file_ends() {
    reading_ = false;
    end_turn();
}

} // namespace test
} // namespace multihomed

extern "C" {

/// For programs in C, which have one daemon for as long as they live.
void mh_fake_daemon_start(void) {
    static multihomed::test::FakeDaemon daemon;
}

void mh_fake_daemon_end_turn(void) {
    static_cast<multihomed::test::FakeDaemon*>(multihomed::frr::commanded())->end_turn();
}

} // extern "C"
