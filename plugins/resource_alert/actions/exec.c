/* SPDX-License-Identifier: MIT */
/* exec: runs a command when the response engages and when it is released. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resource_alert/actions/drivers.h"
#include "resource_alert/actions/exec_run.h"
#include "resource_alert/actions/safe_path.h"
#include "resource_alert/actions/wish.h"
#include "resource_alert/journal.h"

struct exec_options {
  struct action_options common;
  struct option_strings command;
  char *user;
};

struct exec_action {
  const struct exec_options *options;
  char helper[PATH_MAX];
};

static const struct option rows[] = {
    ACTION_OPTION_ROWS("10"),
    {.name = "Command",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct exec_options, command),
     .is_required = true,
     .example = "\"/usr/local/bin/on-degrade\"",
     .help = "The program, with its absolute path, and its arguments. No shell "
             "is involved. It gets a JSON document on its standard input whose "
             "C<event> is C<engage> or C<release>, and it has succeeded when "
             "it exits with 0. It may be run again with the same event, after "
             "a failure or a restart. What it leaves running is killed. It "
             "must belong to root or to collectd's user, and neither it nor "
             "its directories may be writable by others."},
    {.name = "User",
     .kind = OPTION_STRING,
     .offset = offsetof(struct exec_options, user),
     .example = "\"nobody\"",
     .help = "Who runs the command. The default is C<nobody> where collectd "
             "runs as root, and collectd's own user otherwise. C<root> must be "
             "said."},
};

static int check_block(const void *target, struct error *error) {
  const struct exec_options *options = target;
  struct error reason = {{0}};
  if (options->command.len == 0 || /* the default alone */
      action_check_absolute(options->command.items[0], &reason) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "Command \"%s\" %s; write Command "
                   "\"/usr/local/bin/on-degrade\"",
                   options->command.items[0], reason.text);
}

const struct option_block exec_block = {
    .name = "Exec",
    .label = OPTION_LABEL_OPTIONAL,
    .is_repeatable = true,
    .size = sizeof(struct exec_options),
    .help = "Runs a command, once when the response engages and once when it "
            "is released. The name, if there are several, tells them apart in "
            "the journal.",
    .options = rows,
    .options_len = OPTION_COUNT(rows),
    .check_label = action_check_name,
    .check = check_block,
};

static void describe(const void *options, char *text, size_t bytes) {
  const struct exec_options *own = options;
  const char *label = own->common.head.label;
  (void)snprintf(text, bytes, "%s",
                 label != NULL ? label : own->command.items[0]);
}

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

static int check_user(const struct exec_options *options, struct error *error) {
  char name[128];
  uid_t uid = 0;
  if (options->user == NULL) {
    return default_user(name, sizeof(name), error);
  }
  int code = find_user(options->user, &uid, error);
  if (code == 0 && geteuid() != 0 && geteuid() != uid) {
    return error_set(error, -EINVAL,
                     "User \"%s\": collectd does not run as root and cannot "
                     "become another user; leave User out",
                     options->user);
  }
  return code;
}

/* ---- the driver ---- */

static int name_helper(const struct action_site *site, char path[PATH_MAX],
                       struct error *error) {
  int length = snprintf(path, PATH_MAX, "%s/%s", site->helper_dir,
                        "resource-alert-exec");
  return length < PATH_MAX
             ? 0
             : error_set(error, -EINVAL, "HelperDir: path is too long");
}

static int check(const void *options, const struct action_site *site,
                 struct error *error) {
  const struct exec_options *own = options;
  char helper[PATH_MAX];
  int code = name_helper(site, helper, error);
  if (code == 0 && safe_path_check_program(helper, error) != 0) {
    error_prefix(error, "the helper program (see HelperDir)");
    return -EINVAL;
  }
  if (code == 0 && safe_path_check_program(own->command.items[0], error) != 0) {
    error_prefix(error, "Command");
    return -EINVAL;
  }
  return code == 0 ? check_user(own, error) : code;
}

static int create(const void *options, const struct action_site *site,
                  void **ret, struct error *error) {
  struct exec_action *action = calloc(1, sizeof(*action));
  if (action == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  action->options = options;
  int code = name_helper(site, action->helper, error);
  if (code != 0) {
    free(action);
    return code;
  }
  *ret = action;
  return 0;
}

/* Runs the command, or all but it, with TEXT (may be "") to read. */
static int run(const struct exec_action *action, const char *text,
               bool is_check, const struct action_call *call,
               struct error *error) {
  const struct exec_options *options = action->options;
  char user[128];
  char output[EXEC_OUTPUT_BYTES];
  int code = safe_path_check_program(options->command.items[0], error);
  if (code == 0 && options->user == NULL) {
    code = default_user(user, sizeof(user), error);
  }
  if (code != 0) {
    return code;
  }
  const struct exec_job job = {
      .helper = action->helper,
      .user = options->user != NULL ? options->user : user,
      .command = (const char *const *)options->command.items,
      .command_len = options->command.len,
      .input = text,
      .input_bytes = strlen(text),
      .is_check = is_check,
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  code = exec_run(&job, output, error);
  if (code == 0 && output[0] != '\0') {
    call->note(call->context, "output",
               json_pack("{s:o}", "text", journal_text(output)));
  }
  return code;
}

static int set(void *self, const struct action_wish *wish,
               struct action_call *call, struct error *error) {
  json_t *document = wish_to_json(wish);
  char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
  json_decref(document);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = run(self, text, false, call, error);
  free(text);
  return code;
}

static int drill(void *self, struct action_call *call, struct error *error) {
  return run(self, "", true, call, error);
}

const struct action_driver exec_driver = {
    .block = &exec_block,
    .describe = describe,
    .check = check,
    .new = create,
    .set = set,
    .drill = drill,
    .free = free,
};
