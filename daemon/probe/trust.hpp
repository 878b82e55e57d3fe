// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether the certificate that a TLS server showed is good. libcurl would read the system's
// authorities again for each connection, some 50 ms in which nothing else happens; here they are
// read once, and again when the file has changed.
#pragma once

#include "core/desired.hpp"
#include "core/result.hpp"

#include <memory>
#include <string>

struct gnutls_session_int;

namespace multihomed::probe {

class Trust {
public:
    virtual ~Trust() = default;

    /// Why the certificate of the session's peer is not one of this target, now and by these
    /// authorities: of its name, or of its address if it has none. Empty if it is.
    virtual std::string objection(gnutls_session_int* session,
                                  const core::ProbeTarget& target) const = 0;
};

/// In the authorities of a PEM file; empty: the system's.
core::Result<std::shared_ptr<const Trust>> trust_in(const std::string& ca_file);

} // namespace multihomed::probe
