// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/thread_privileges.hpp"

#include <array>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace multihomed::apply {

void keep_only_net_admin() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (syscall(SYS_capget, &header, sets.data()) != 0)
        return;
    const auto kept = sets[CAP_TO_INDEX(CAP_NET_ADMIN)].permitted & CAP_TO_MASK(CAP_NET_ADMIN);
    sets = {};
    sets[CAP_TO_INDEX(CAP_NET_ADMIN)] = {kept, kept, 0};
    (void)syscall(SYS_capset, &header, sets.data());
}

} // namespace multihomed::apply
