// SPDX-License-Identifier: GPL-2.0-or-later
//
// Does FRR's bfdd run? zebra does not tell its clients when bfdd's connection ends, so whoever
// hears of sessions would keep bfdd's last word for ever. A connection to bfdd's vty socket that is
// never used says it: it ends in the moment in which bfdd does, however that ends. While there is
// none it is tried again every second, and only while somebody wants to know.
#pragma once

#include "event_loop.hpp"

#include <functional>
#include <memory>
#include <string>

namespace multihomed::frr {

class BfddWatch {
public:
    /// path: of the vty socket; ended: bfdd has ended, changed: it has begun or ended.
    BfddWatch(mh_loop* loop, std::string path, std::function<void()> ended,
              std::function<void()> changed);

    void watch(bool wanted);
    /// Nobody listens at its socket. Not known, for lack of rights for example, is not gone.
    bool is_gone() const { return gone_; }
    /// Looks at once if it is gone.
    void look();

private:
    void on_readable();
    void end();

    mh_loop* loop_;
    std::string path_;
    std::function<void()> ended_;
    std::function<void()> changed_;
    bool wanted_ = false;
    bool gone_ = false;
    probe::Descriptor fd_;
    std::unique_ptr<ReadWatch> watch_;
    Soon end_soon_; ///< a watch cannot be taken away from within its own callback
    Timer again_;
};

} // namespace multihomed::frr
