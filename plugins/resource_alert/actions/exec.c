/* SPDX-License-Identifier: MIT */
/* exec: runs a command when the response engages and when it is released.
 *
 * collectd may run as root and has many threads, so it neither forks nor
 * changes users itself: the helper program resource-alert-exec does, in a
 * session of its own. The command gets the document of action.h on its standard
 * input. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json_util.h"
#include "core/text.h"
#include "core/trusted_path.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/clients/exec_run.h"

/* How much of a command's output is journaled, with a NUL. */
#define OUTPUT_BYTES 512

/* Room that getpwnam_r() needs for the strings of an entry. */
#define PASSWD_BYTES 4096

struct exec_options {
  struct action_options common;
  struct option_strings command;
  char *user; /* NULL: the default */
};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {OPTION("Command", STRINGS, struct exec_options, command),
     .is_required = true, .example = "\"/usr/local/bin/on-degrade\"",
     .help = "The absolute path of a program, and its arguments. No shell is "
             "used. The program gets a JSON document on its standard input, in "
             "which C<event> is C<engage> or C<release>. Exit status 0 is a "
             "success. The program may run again with the same event after a "
             "failure or a restart. Processes that it leaves behind are "
             "killed. The program, its directories and the links to it must "
             "belong to root or to the user of collectd, and others must not "
             "be able to write to them. As long as this is not so, or the "
             "program is missing, the action fails, which is logged at the "
             "start and by the self-test. A script is started as "
             "F</dev/fd/5/NAME>, where 5 is its directory."},
    {OPTION("User", STRING, struct exec_options, user), .example = "\"nobody\"",
     .help = "The user who runs the command. The default is C<nobody> if "
             "collectd runs as root, and otherwise the user of collectd. To "
             "run the command as root, write C<root>."},
};

/* At the start, so that a mistake is found before the command is needed. */
static int check_exec_block(const void *target, struct error *error) {
  const struct exec_options *options = target;
  struct error reason = {{0}};
  if (options->command.len == 0 || /* the default alone, or none */
      option_check_absolute_path(options->command.items[0], &reason) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "Command \"%s\" %s; write Command \"/usr/local/bin/x\"",
                   options->command.items[0], reason.text);
}

/* Without a label the program tells the actions apart. */
static void format_exec_subject(const void *options, char *text, size_t bytes) {
  const struct exec_options *own = options;
  (void)snprintf(text, bytes, "%s", own->command.items[0]);
}

/* ---- the user ---- */

/* Collectd's own user, or "nobody" for root. */
static int find_default_user(char *name, size_t bytes, struct error *error) {
  char strings[PASSWD_BYTES];
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

/* Only root can become another user. */
static int check_exec_user(const char *user, struct error *error) {
  char strings[PASSWD_BYTES];
  struct passwd entry;
  struct passwd *found = NULL;
  if (user == NULL) {
    return find_default_user(strings, sizeof(strings), error);
  }
  int code = getpwnam_r(user, &entry, strings, sizeof(strings), &found);
  if (found == NULL) {
    return code == 0 ? error_set(error, -EINVAL,
                                 "User \"%s\": there is no such user", user)
                     : error_set(error, -EIO, "User \"%s\": cannot look up: %s",
                                 user, strerror(code));
  }
  if (geteuid() != 0 && geteuid() != found->pw_uid) {
    return error_set(error, -EINVAL,
                     "User \"%s\": collectd does not run as root and cannot "
                     "become another user; leave User out",
                     user);
  }
  return 0;
}

/* ---- the driver ---- */

/* collectd runs no command itself: the helper changes the user, limits the time
 * and kills what is left behind. */
static int format_helper_path(const struct action_deps *deps,
                              char path[PATH_MAX], struct error *error) {
  int length = snprintf(path, PATH_MAX, "%s/%s", deps->helper_dir,
                        "resource-alert-exec");
  return length < PATH_MAX
             ? 0
             : error_set(error, -EINVAL, "HelperDir: path is too long");
}

/* A program that is missing, or that others can write to, breaks this action
 * and nothing else; exec_run() checks it again. */
static int check_exec(const void *options, const struct action_deps *deps,
                      struct error *error) {
  const struct exec_options *own = options;
  char helper[PATH_MAX];
  int code = check_exec_user(own->user, error);
  if (code == 0) {
    code = format_helper_path(deps, helper, error);
  }
  if (code == 0) {
    code = trusted_path_find_program(helper, NULL, error);
    if (code != 0) {
      error_prefix(error, "the helper program (see HelperDir)");
      return code;
    }
    code = trusted_path_find_program(own->command.items[0], NULL, error);
  }
  return code;
}

/* Runs it, or with is_check does all but that, with INPUT to read. */
static int run_exec_command(const struct action *action, const char *input,
                            bool is_check, char output[OUTPUT_BYTES],
                            const struct action_call *call) {
  char default_user[128];
  const struct exec_options *options = action->options;
  char helper[PATH_MAX];
  int code = format_helper_path(action->deps, helper, call->error);
  if (code == 0 && options->user == NULL) {
    code = find_default_user(default_user, sizeof(default_user), call->error);
  }
  if (code != 0) {
    return code;
  }
  const struct exec_job job = {
      .helper = helper,
      .user = options->user != NULL ? options->user : default_user,
      .command = (const char *const *)options->command.items,
      .command_len = options->command.len,
      .input = input,
      .input_bytes = strlen(input),
      .is_check = is_check,
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  return exec_run(&job, output, OUTPUT_BYTES, call->error);
}

/* The command reads the payload from its standard input. */
static int set_exec(void *self, const struct action_request *request,
                    struct action_call *call) {
  const struct action *action = self;
  const struct exec_options *options = action->options;
  char output[OUTPUT_BYTES];
  json_t *payload = action_payload_new(request);
  char *text = payload == NULL ? NULL : json_util_dump(payload, JSON_COMPACT);
  json_decref(payload);
  if (text == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  call->note(call->context, "request",
             json_pack("{s:o}", "command",
                       json_util_from_text(options->command.items[0])));
  int code = run_exec_command(action, text, false, output, call);
  free(text);
  if (code == 0) {
    text_chomp(output);
    text_blank_controls(output);
    call->note(call->context, "response",
               json_pack("{s:o}", "output", json_util_from_text(output)));
  }
  return code;
}

/* The helper does everything up to the execve(): the user, the descriptors, the
 * permissions. */
static int self_test_exec(void *self, struct action_call *call) {
  char output[OUTPUT_BYTES];
  return run_exec_command(self, "", true, output, call);
}

const struct action_driver action_exec_driver = {
    .block =
        {
            .name = "Exec",
            .label = OPTION_LABEL_OPTIONAL,
            .is_repeatable = true,
            .size = sizeof(struct exec_options),
            .help =
                "Runs a command once when the response engages and once when "
                "it is released. NAME identifies the command in the journal.",
            OPTION_ROWS(option_rows),
            .check_label = option_check_name,
            .check = check_exec_block,
        },
    .size = sizeof(struct action),
    .format_subject = format_exec_subject,
    .check = check_exec,
    .set = set_exec,
    .self_test = self_test_exec,
};
