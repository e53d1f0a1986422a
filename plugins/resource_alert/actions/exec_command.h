/* SPDX-License-Identifier: MIT */
/* exec_command: a command of the configuration: who may run it, whether it can
 * be trusted, and its run. */
#ifndef RESOURCE_ALERT_ACTIONS_EXEC_COMMAND_H
#define RESOURCE_ALERT_ACTIONS_EXEC_COMMAND_H

#include <limits.h>

#include "core/option.h"
#include "resource_alert/actions/action.h"

#define EXEC_COMMAND_USER_HELP                                                 \
  "Who runs the command. The default is C<nobody> where collectd runs as "     \
  "root, and collectd's own user otherwise. C<root> must be said."

struct exec_command {
  const struct option_strings *words; /* borrowed, as is user */
  const char *user;                   /* NULL: the default */
  char helper[PATH_MAX];
};

/* The check of a block: an absolute path. option: its name, for the error.
 * Returns 0 or -EINVAL. */
int exec_command_check_words(const char *option,
                             const struct option_strings *words,
                             struct error *error);

/* The check at start: that program and helper belong to nobody else, that the
 * user is there. Returns 0 or -EINVAL. */
int exec_command_check(const char *option, const struct option_strings *words,
                       const char *user, const struct action_deps *deps,
                       struct error *error);

/* Returns 0 or -EINVAL. */
int exec_command_init(struct exec_command *command,
                      const struct option_strings *words, const char *user,
                      const struct action_deps *deps, struct error *error);

/* Runs it, or, with is_check, all but it, with INPUT to read.
 * output: as of exec_run(), whose codes it returns, and those of
 * trusted_path_check_program(). */
int exec_command_run(const struct exec_command *command, const char *input,
                     bool is_check, char *output, size_t output_bytes,
                     const struct action_call *call, struct error *error);

#endif
