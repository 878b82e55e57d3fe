// SPDX-License-Identifier: GPL-2.0-or-later
//
// BFD sessions with the gateways of lines, run by FRR's bfdd: we ask for them through zebra and
// hear what becomes of them (lib/bfd.h). Without bfdd they are pending, whatever it said last.
// libfrr knows one user of BFD in a process, so there is one BfdSessions.
#pragma once

#include "bfdd_watch.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frr_compat.h"
#include "lib/bfd.h"

namespace multihomed::frr {

class BfdSessions {
public:
    /// bfdd_socket: of its vty; changed: a session has come up or gone down, or bfdd has.
    BfdSessions(mh_loop* loop, std::string bfdd_socket, std::function<void()> changed);
    ~BfdSessions();
    BfdSessions(const BfdSessions&) = delete;
    BfdSessions& operator=(const BfdSessions&) = delete;

    /// A session with zebra has begun; `zclient` is the same one every time.
    void connected(struct zclient* zclient);
    /// These and no others. What is not in them ends at once.
    void want(const std::vector<core::BfdPlan>& plans);
    const std::map<core::ProbeKey, core::BfdState>& states() const { return states_; }
    /// Sessions are wanted, and bfdd does not run.
    bool lacks_bfdd() const { return bfdd_.is_gone(); }

private:
    struct Session;

    void begin(const core::BfdPlan& plan);
    void bfdd_ended();
    static void updated(struct bfd_session_params* params, const struct bfd_session_status* status,
                        void* session);

    mh_loop* loop_;
    std::function<void()> changed_;
    struct zclient* zclient_ = nullptr;
    std::vector<core::BfdPlan> plans_;
    std::map<core::ProbeKey, std::unique_ptr<Session>> sessions_;
    std::map<core::ProbeKey, core::BfdState> states_;
    BfddWatch bfdd_;
};

} // namespace multihomed::frr
