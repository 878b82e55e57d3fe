// SPDX-License-Identifier: GPL-2.0-or-later
//
// The lifetime of the daemon's C++ side: prepared as root, created in mh_glue_init(), torn down by
// mh_glue_stop(), gone with mh_glue_fini().
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <string>

#include "daemon.hpp"
#include "glue.h"

namespace multihomed::frr {

namespace {

std::unique_ptr<Daemon>& instance() {
    static std::unique_ptr<Daemon> daemon;
    return daemon;
}

std::string& table_names_path() {
    static std::string path = apply::TableNamesFile::kPath;
    return path;
}

/// One file each for daemons of several pathspaces.
void choose_table_names_path(const char* pathspace) {
    if (!pathspace)
        return;
    std::string& path = table_names_path();
    const std::string suffix = ".conf";
    path.resize(path.size() - suffix.size());
    path += std::string("-") + pathspace + suffix;
}

void prepare(const char* pathspace) {
    choose_table_names_path(pathspace);
    const passwd* user = getpwnam(FRR_USER);
    const group* group = getgrnam(FRR_GROUP);
    if (!user || !group)
        return; // libfrr refuses to start without them
    const auto prepared =
        apply::TableNamesFile::prepare(table_names_path(), user->pw_uid, group->gr_gid);
    if (!prepared)
        fprintf(stderr, "multihomed: %s\n", prepared.error().what.c_str());
}

} // namespace

Daemon* daemon() {
    return instance().get();
}

Commanded* commanded() {
    return daemon();
}

} // namespace multihomed::frr

extern "C" {

using namespace multihomed;

void mh_glue_prepare(const char* pathspace) {
    frr::call_guarded([pathspace] { frr::prepare(pathspace); });
}

void mh_glue_init(mh_loop* loop) {
    frr::call_guarded([loop] {
        frr::instance() = std::make_unique<frr::Daemon>(
            loop, frr::Paths{.snapshot = std::string(frr_vtydir) + "/multihomed.state",
                             .table_names = frr::table_names_path()});
    });
}

void mh_glue_reload(void) {
    frr::call_guarded([] { frr::daemon()->audit(); });
}

void mh_glue_stop(void) {
    frr::call_guarded([] { frr::daemon()->stop(); });
}

void mh_glue_fini(void) {
    frr::call_guarded([] { frr::instance().reset(); });
}

} // extern "C"
