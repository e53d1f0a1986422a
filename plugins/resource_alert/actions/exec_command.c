/* SPDX-License-Identifier: MIT */
/* exec_command: a command of the configuration: who may run it, whether it can
 * be trusted, and its run. */
#include "resource_alert/actions/exec_command.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/trusted_path.h"
#include "resource_alert/clients/exec_run.h"

/* ---- who ---- */

/* Looks a user up. *ret_uid. Returns 0 or -EINVAL. */
static int find_user(const char *name, uid_t *ret_uid, struct error *error) {
  char strings[4096];
  struct passwd entry;
  struct passwd *found = NULL;
  if (getpwnam_r(name, &entry, strings, sizeof(strings), &found) != 0 ||
      found == NULL) {
    return error_set(error, -EINVAL, "User \"%s\": there is no such user",
                     name);
  }
  *ret_uid = found->pw_uid;
  return 0;
}

/* Writes the name of collectd's own user, or "nobody" for root. */
static int default_user(char *name, size_t bytes, struct error *error) {
  char strings[4096];
  struct passwd entry;
  struct passwd *found = NULL;
  if (geteuid() == 0) {
    (void)snprintf(name, bytes, "nobody");
    return 0;
  }
  if (getpwuid_r(geteuid(), &entry, strings, sizeof(strings), &found) != 0 ||
      found == NULL) {
    return error_set(error, -EINVAL,
                     "collectd's own user has no name; write User");
  }
  (void)snprintf(name, bytes, "%s", found->pw_name);
  return 0;
}

static int check_user(const char *user, struct error *error) {
  char name[128];
  uid_t uid = 0;
  if (user == NULL) {
    return default_user(name, sizeof(name), error);
  }
  int code = find_user(user, &uid, error);
  if (code == 0 && geteuid() != 0 && geteuid() != uid) {
    return error_set(error, -EINVAL,
                     "User \"%s\": collectd does not run as root and cannot "
                     "become another user; leave User out",
                     user);
  }
  return code;
}

/* ---- the command ---- */

static int name_helper(const struct action_deps *deps, char path[PATH_MAX],
                       struct error *error) {
  int length = snprintf(path, PATH_MAX, "%s/%s", deps->helper_dir,
                        "resource-alert-exec");
  return length < PATH_MAX
             ? 0
             : error_set(error, -EINVAL, "HelperDir: path is too long");
}

int exec_command_check_words(const char *option,
                             const struct option_strings *words,
                             struct error *error) {
  struct error reason = {{0}};
  if (words->len == 0 || /* the default alone, or none */
      action_check_absolute(words->items[0], &reason) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "%s \"%s\" %s; write %s \"/usr/local/bin/x\"", option,
                   words->items[0], reason.text, option);
}

int exec_command_check(const char *option, const struct option_strings *words,
                       const char *user, const struct action_deps *deps,
                       struct error *error) {
  char helper[PATH_MAX];
  int code = name_helper(deps, helper, error);
  if (code == 0 && trusted_path_check_program(helper, error) != 0) {
    error_prefix(error, "the helper program (see HelperDir)");
    return -EINVAL;
  }
  if (code == 0 && trusted_path_check_program(words->items[0], error) != 0) {
    error_prefix(error, "%s", option);
    return -EINVAL;
  }
  return code == 0 ? check_user(user, error) : code;
}

int exec_command_init(struct exec_command *command,
                      const struct option_strings *words, const char *user,
                      const struct action_deps *deps, struct error *error) {
  command->words = words;
  command->user = user;
  return name_helper(deps, command->helper, error);
}

int exec_command_run(const struct exec_command *command, const char *input,
                     bool is_check, char *output, size_t output_bytes,
                     const struct action_call *call, struct error *error) {
  char user[128];
  const struct option_strings *words = command->words;
  int code = trusted_path_check_program(words->items[0], error);
  if (code == 0 && command->user == NULL) {
    code = default_user(user, sizeof(user), error);
  }
  if (code != 0) {
    return code;
  }
  const struct exec_job job = {
      .helper = command->helper,
      .user = command->user != NULL ? command->user : user,
      .command = (const char *const *)words->items,
      .command_len = words->len,
      .input = input,
      .input_bytes = strlen(input),
      .is_check = is_check,
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  return exec_run(&job, output, output_bytes, error);
}
