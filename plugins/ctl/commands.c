/* SPDX-License-Identifier: MIT */
/* commands: the list of them, in the order of --help. */
#include "ctl/command.h"

extern const struct command check_command;

const struct command *const commands[] = {
    &check_command,
};

const size_t commands_len = sizeof(commands) / sizeof(commands[0]);
