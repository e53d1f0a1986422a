/* SPDX-License-Identifier: MIT */
/* names_command: prints the names of the daemon's rules or responses, for
 * completions and scripts. */
#include <stdio.h>
#include <string.h>

#include "core/json_util.h"
#include "ctl/command.h"
#include "ctl/control/client.h"

enum { FLAG_SOCKET };

static int run_names(const struct command_line *line) {
  const char *kind = line->operands[0];
  if (strcmp(kind, "rules") != 0 && strcmp(kind, "responses") != 0) {
    return command_fail("names: \"%s\" is neither rules nor responses", kind);
  }
  struct error error = {{0}};
  json_t *status =
      client_send_request(line->flags[FLAG_SOCKET], "/status", NULL, &error);
  if (status == NULL) {
    return command_fail("%s", error.text);
  }
  size_t i;
  json_t *one;
  char name[512];
  json_array_foreach(json_object_get(status, kind), i, one) {
    (void)printf("%s\n", json_util_copy_text(one, "name", name, sizeof(name)));
  }
  json_decref(status);
  return COMMAND_OKAY;
}

const struct command names_command = {
    .name = "names",
    .operands = "KIND",
    .words = "rules responses",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "print the names of the rules or responses",
    .help =
        "I<KIND> is C<rules> or C<responses>. Prints one name per line, for "
        "scripts and for the completion of the shell.",
    .flags = {[FLAG_SOCKET] = CLIENT_SOCKET_FLAG},
    .run = run_names,
};
