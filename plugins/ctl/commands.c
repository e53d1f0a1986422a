/* SPDX-License-Identifier: MIT */
/* commands: the list of them, in the order of --help. */
#include "ctl/command.h"

extern const struct command status_command, watch_command, silence_command,
    mode_command, release_command, clear_command, drill_command,
    journal_command, check_command, test_command, replay_command;

const struct command *const commands[] = {
    &status_command,  &watch_command, &silence_command, &mode_command,
    &release_command, &clear_command, &drill_command,   &journal_command,
    &check_command,   &test_command,  &replay_command,
};

const size_t commands_len = sizeof(commands) / sizeof(commands[0]);
