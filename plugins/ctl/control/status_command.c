/* SPDX-License-Identifier: MIT */
/* status_command: status and watch. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/command.h"
#include "ctl/control/client.h"
#include "ctl/control/status_text.h"
#include "ctl/duration.h"

enum { STATUS_SOCKET, STATUS_JSON };
enum { WATCH_SOCKET, WATCH_EVERY, WATCH_COUNT };

static int run_status(const struct command_line *line) {
  struct error error = {{0}};
  json_t *status =
      client_ask(line->flags[STATUS_SOCKET], "/status", NULL, &error);
  if (status == NULL) {
    return command_fail("%s", error.text);
  }
  if (line->flags[STATUS_JSON] != NULL) {
    (void)json_dumpf(status, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
  } else {
    status_text_print(status);
  }
  int result = status_text_result(status);
  json_decref(status);
  return result;
}

static int run_watch(const struct command_line *line) {
  struct error error = {{0}};
  double every_s = 2;
  long count = 0;
  if (line->flags[WATCH_EVERY] != NULL &&
      duration_parse(line->flags[WATCH_EVERY], &every_s, &error) != 0) {
    return command_fail("watch: --every %s", error.text);
  }
  if (line->flags[WATCH_COUNT] != NULL) {
    count = strtol(line->flags[WATCH_COUNT], NULL, 10);
  }
  int result = COMMAND_UNKNOWN;
  for (long i = 0; count <= 0 || i < count; i++) {
    if (i > 0) {
      (void)poll(NULL, 0, (int)(every_s * 1000));
    }
    json_t *status =
        client_ask(line->flags[WATCH_SOCKET], "/status", NULL, &error);
    (void)fputs("\033[H\033[2J", stdout);
    if (status == NULL) {
      (void)printf("%s\n", error.text);
      result = COMMAND_UNKNOWN;
    } else {
      status_text_print(status);
      result = status_text_result(status);
    }
    (void)fflush(stdout);
    json_decref(status);
  }
  return result;
}

static const struct command_flag status_flags[] = {
    [STATUS_SOCKET] = CLIENT_SOCKET_FLAG,
    [STATUS_JSON] = {"json", NULL, "all of it, as JSON"},
};

static const struct command_flag watch_flags[] = {
    [WATCH_SOCKET] = CLIENT_SOCKET_FLAG,
    [WATCH_EVERY] = {"every", "DURATION", "how often to look (default: 2s)"},
    [WATCH_COUNT] = {"count", "N", "look so many times, then end"},
};

const struct command status_command = {
    .name = "status",
    .operands = "",
    .summary = "what the threshold table thinks and what is done about it",
    .help = "Rows with state, value, limits and since when, responses with "
            "their next step, silences. The exit code is that of a monitoring "
            "plugin: 0 where every rule is OKAY, 1 with a rule in WARNING or "
            "MISSING, 2 with one in FAILURE, 3 where nothing is known yet or "
            "the daemon does not answer",
    .flags = status_flags,
    .flags_len = sizeof(status_flags) / sizeof(status_flags[0]),
    .run = run_status,
};

const struct command watch_command = {
    .name = "watch",
    .operands = "",
    .summary = "status, again and again",
    .help = "Clears the screen before each look; ends with Ctrl-C. A daemon "
            "that goes away is waited for",
    .flags = watch_flags,
    .flags_len = sizeof(watch_flags) / sizeof(watch_flags[0]),
    .run = run_watch,
};
