// SPDX-License-Identifier: GPL-2.0-or-later
//
// The lifetime of the daemon's C++ side: created in mh_glue_init(), torn down by mh_glue_stop().
#include "glue.h"

extern "C" {

void mh_glue_prepare(const char*) {}

void mh_glue_init(mh_loop*) {}

void mh_glue_reload(void) {}

void mh_glue_stop(void) {
    mh_main_stopped();
}

void mh_glue_fini(void) {}

} // extern "C"
