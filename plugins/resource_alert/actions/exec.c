/* SPDX-License-Identifier: MIT */
/* exec: runs a command when the response engages and when it is released. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json_util.h"
#include "core/text.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/action_payload.h"
#include "resource_alert/actions/exec_command.h"
#include "resource_alert/journal.h"

/* What of a command's output stands in the journal, with a NUL. */
#define OUTPUT_BYTES 512

struct exec_options {
  struct action_options common;
  struct option_strings command;
  char *user;
};

struct exec_action {
  struct exec_command command;
};

static const struct option option_rows[] = {
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
     .help = EXEC_COMMAND_USER_HELP},
};

static int check_block(const void *target, struct error *error) {
  const struct exec_options *options = target;
  return exec_command_check_words("Command", &options->command, error);
}

const struct option_block action_exec_block = {
    .name = "Exec",
    .label = OPTION_LABEL_OPTIONAL,
    .is_repeatable = true,
    .size = sizeof(struct exec_options),
    .help = "Runs a command, once when the response engages and once when it "
            "is released. The name, if there are several, tells them apart in "
            "the journal.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check_label = action_check_name,
    .check = check_block,
};

static void describe(const void *options, char *text, size_t bytes) {
  const struct exec_options *own = options;
  const char *label = own->common.head.label;
  (void)snprintf(text, bytes, "%s",
                 label != NULL ? label : own->command.items[0]);
}

/* ---- the driver ---- */

static int check(const void *options, const struct action_deps *deps,
                 struct error *error) {
  const struct exec_options *own = options;
  return exec_command_check("Command", &own->command, own->user, deps, error);
}

static int create(const void *options, const struct action_deps *deps,
                  void **ret, struct error *error) {
  const struct exec_options *own = options;
  struct exec_action *action = calloc(1, sizeof(*action));
  if (action == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = exec_command_init(&action->command, &own->command, own->user, deps,
                               error);
  if (code != 0) {
    free(action);
    return code;
  }
  *ret = action;
  return 0;
}

static int run(const struct exec_action *action, const char *text,
               const struct action_call *call, struct error *error) {
  char output[OUTPUT_BYTES];
  call->note(call->context, "request",
             json_pack("{s:o}", "command",
                       json_util_text(action->command.words->items[0])));
  int code = exec_command_run(&action->command, text, false, output,
                              sizeof(output), call, error);
  if (code == 0) {
    text_chomp(output);
    text_blank_controls(output);
    call->note(call->context, "response",
               json_pack("{s:o}", "output", json_util_text(output)));
  }
  return code;
}

static int set(void *self, const struct action_request *request,
               struct action_call *call, struct error *error) {
  json_t *document = action_payload_new(request);
  char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
  json_decref(document);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = run(self, text, call, error);
  free(text);
  return code;
}

static int drill(void *self, struct action_call *call, struct error *error) {
  const struct exec_action *action = self;
  char output[OUTPUT_BYTES];
  return exec_command_run(&action->command, "", true, output, sizeof(output),
                          call, error);
}

const struct action_driver action_exec_driver = {
    .block = &action_exec_block,
    .describe = describe,
    .check = check,
    .new = create,
    .set = set,
    .self_test = drill,
    .free = free,
};
