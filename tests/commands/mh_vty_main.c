/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands behind FRR's own parser, on a fake daemon. Reads lines, executes each in the node
 * that the ones before have led to, and answers with what was printed and a line
 * "\x1e<result> <node>", numbers of enum cmd_return_code and enum node_type. A line "!turn" is the
 * end of a turn of the event loop, "!config" the beginning: configure terminal, from anywhere.
 */
#include "frr_compat.h"

#include "lib/lib_vty.h"
#include "lib/northbound.h"

#include "multihome_vty.h"

void mh_fake_daemon_start(void);
void mh_fake_daemon_end_turn(void);

static struct vty* new_vty(void) {
    struct vty* vty = vty_new();

    vty->type = VTY_SHELL_SERV;
    vty_config_enter(vty, false, false);
    return vty;
}

static void answer(struct vty* vty, int result) {
    char* text = buffer_getstr(vty->obuf);

    printf("%s\x1e%d %d\n", text, result, (int)vty->node);
    fflush(stdout);
    XFREE(MTYPE_TMP, text);
    buffer_reset(vty->obuf);
}

static void begin(struct vty* vty) {
    if (!vty->config)
        vty_config_enter(vty, false, false);
    vty->node = CONFIG_NODE;
    vty->xpath_index = 0;
}

int main(void) {
    static char line[65536];
    mh_loop* loop = mh_loop_create(NULL);
    struct vty* vty;

    cmd_init(1);
    nb_init(loop, NULL, 0, false);
    vty_init(loop, false);
    lib_cmd_init();
    mh_vty_init();
    mh_fake_daemon_start();
    vty = new_vty();
    while (fgets(line, sizeof(line), stdin)) {
        int result = CMD_SUCCESS;

        line[strcspn(line, "\n")] = '\0';
        if (!strcmp(line, "!turn"))
            mh_fake_daemon_end_turn();
        else if (!strcmp(line, "!config"))
            begin(vty);
        else
            result = cmd_execute(vty, line, NULL, 0);
        answer(vty, result);
    }
    return 0;
}
