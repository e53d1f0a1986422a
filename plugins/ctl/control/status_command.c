/* SPDX-License-Identifier: MIT */
/* status_command: prints the daemon's status as a table, once or repeatedly.
 *
 * The exit code is that of a monitoring plugin. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/json_util.h"
#include "ctl/command.h"
#include "ctl/control/client.h"
#include "resource_alert/status/status_text.h"

/* Returns the enum command_result for the worst rule. */
static int get_status_result(const json_t *status) {
  const char *worst = json_string_value(json_object_get(status, "worst"));
  if (worst == NULL) {
    return COMMAND_UNKNOWN;
  }
  if (strcmp(worst, "FAILURE") == 0) {
    return COMMAND_FAILURE;
  }
  if (strcmp(worst, "UNKNOWN") == 0) {
    return COMMAND_UNKNOWN;
  }
  return strcmp(worst, "OKAY") == 0 ? COMMAND_OKAY : COMMAND_WARNING;
}

/* ---- the terminal ---- */

/* https://no-color.org: NO_COLOR switches it off. */
static bool has_colour(void) {
  const char *no_colour = getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 &&
         (no_colour == NULL || no_colour[0] == '\0');
}

/* The window; 0 x 0 where standard output is none: then nothing is cut. */
static struct winsize get_window(void) {
  struct winsize size = {0};
  if (isatty(STDOUT_FILENO) != 1) {
    return size;
  }
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
      size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

/* is_watched: it must fit the window's height, too. */
static void print_status(const json_t *status, bool is_watched) {
  struct winsize window = get_window();
  const struct status_text_target to = {.file = stdout,
                                        .columns = window.ws_col,
                                        .rows = is_watched ? window.ws_row : 0,
                                        .has_colour = has_colour()};
  status_text_print(status, &to);
}

/* ---- the commands ---- */

enum { STATUS_SOCKET, STATUS_JSON };
enum { WATCH_SOCKET, WATCH_EVERY, WATCH_COUNT };

/* The exit code is that of a monitoring plugin, also with --json. */
static int run_status(const struct command_line *line) {
  struct error error = {{0}};
  json_t *status =
      client_send_request(line->flags[STATUS_SOCKET], "/status", NULL, &error);
  if (status == NULL) {
    return command_fail("%s", error.text);
  }
  if (line->flags[STATUS_JSON] != NULL) {
    char *text = json_util_dump(status, JSON_INDENT(2));
    (void)fputs(text == NULL ? "" : text, stdout);
    free(text);
    (void)fputc('\n', stdout);
  } else {
    print_status(status, false);
  }
  int result = get_status_result(status);
  json_decref(status);
  return result;
}

/* A daemon that does not respond is shown, not fatal: it may be restarting. */
static int run_watch(const struct command_line *line) {
  struct error error = {{0}};
  double every_s = 2;
  long count = 0;
  if (!command_parse_duration_flag(line, WATCH_EVERY, &every_s)) {
    return COMMAND_UNKNOWN;
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
        client_send_request(line->flags[WATCH_SOCKET], "/status", NULL, &error);
    if (isatty(STDOUT_FILENO) == 1) {
      (void)fputs("\033[H\033[2J", stdout);
    }
    if (status == NULL) {
      (void)printf("%s\n", error.text);
      result = COMMAND_UNKNOWN;
    } else {
      print_status(status, true);
      result = get_status_result(status);
    }
    (void)fflush(stdout);
    json_decref(status);
  }
  return result;
}

const struct command status_command = {
    .name = "status",
    .operands = "",
    .summary = "show the rules and the responses",
    .help =
        "Shows each rule with its state, the time of the last change, the "
        "value and the limits, the worst rules first, and when the state is "
        "about to change. Also shows each response with its next step and the "
        "results of its self-tests, and the silences. Lines are cut at the "
        "edge "
        "of a terminal; without a terminal nothing is cut. The exit code is "
        "that of a monitoring plugin: 0 if "
        "every rule is OKAY, 1 if a rule is in WARNING or MISSING, 2 if a rule "
        "is in FAILURE, 3 if nothing is known yet or the daemon does not "
        "respond.",
    .flags = {[STATUS_SOCKET] = CLIENT_SOCKET_FLAG,
              [STATUS_JSON] = {"json", NULL, "print everything as JSON"}},
    .run = run_status,
};

const struct command status_command_watch = {
    .name = "watch",
    .operands = "",
    .summary = "show the status repeatedly",
    .help =
        "Clears the screen before each update, and shows as many rules as fit, "
        "the worst first. Ctrl-C ends it. If the "
        "daemon does not respond, the command shows this and tries again.",
    .flags = {[WATCH_SOCKET] = CLIENT_SOCKET_FLAG,
              [WATCH_EVERY] = {"every", "DURATION",
                               "the time between two updates (default: 2s)"},
              [WATCH_COUNT] = {"count", "N", "end after N times"}},
    .run = run_watch,
};
