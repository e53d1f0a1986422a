/* SPDX-License-Identifier: MIT */
/* control_commands: what the daemon is told: silence, mode, release, clear,
 * drill. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/control/client.h"
#include "ctl/duration.h"

enum { SILENCE_SOCKET, SILENCE_FOR, SILENCE_COMMENT, SILENCE_END };
enum { ORDER_SOCKET };

/* Who gives the order, for the journal: behind sudo the person. */
static const char *who_am_i(void) {
  const char *sudo = getenv("SUDO_USER");
  if (sudo != NULL && sudo[0] != '\0') {
    return sudo;
  }
  const struct passwd *entry = getpwuid(getuid());
  return entry == NULL ? "unknown" : entry->pw_name;
}

/* order: taken. */
static int give(const char *socket, const char *path, json_t *order,
                const char *done) {
  struct error error = {{0}};
  (void)json_object_set_new(order, "who", json_string(who_am_i()));
  json_t *answer = client_ask(socket, path, order, &error);
  json_decref(order);
  if (answer == NULL) {
    return command_fail("%s", error.text);
  }
  json_decref(answer);
  (void)printf("%s\n", done);
  return COMMAND_OKAY;
}

static int run_silence(const struct command_line *line) {
  struct error error = {{0}};
  const char *socket = line->flags[SILENCE_SOCKET];
  const char *name = line->operands[0];
  if (line->flags[SILENCE_END] != NULL) {
    return give(socket, "/unsilence", json_pack("{ss}", "name", name),
                "the silence has ended");
  }
  const char *lasting = line->flags[SILENCE_FOR];
  double for_s = 3600;
  if (lasting != NULL && duration_parse(lasting, &for_s, &error) != 0) {
    return command_fail("silence: --for %s", error.text);
  }
  const char *comment = line->flags[SILENCE_COMMENT];
  json_t *order = json_pack("{ss sf ss}", "name", name, "for_s", for_s,
                            "comment", comment == NULL ? "" : comment);
  return order == NULL ? command_fail("silence: the texts are not UTF-8")
                       : give(socket, "/silence", order, "silenced");
}

/* {"response": NAME} of the operand at INDEX, if it is there. */
static json_t *response_order(const struct command_line *line, int index) {
  json_t *order = json_object();
  if (line->operands_len > index) {
    (void)json_object_set_new(order, "response",
                              json_string(line->operands[index]));
  }
  return order;
}

static int run_mode(const struct command_line *line) {
  json_t *order = response_order(line, 1);
  (void)json_object_set_new(order, "mode", json_string(line->operands[0]));
  return give(line->flags[ORDER_SOCKET], "/mode", order, "ordered");
}

static int run_release(const struct command_line *line) {
  return give(line->flags[ORDER_SOCKET], "/release", response_order(line, 0),
              "ordered: what is engaged is undone");
}

static int run_clear(const struct command_line *line) {
  return give(line->flags[ORDER_SOCKET], "/clear", response_order(line, 0),
              "ordered: the brake is free");
}

static int run_drill(const struct command_line *line) {
  return give(line->flags[ORDER_SOCKET], "/drill", response_order(line, 0),
              "ordered: status shows how each action's rehearsal went");
}

static const struct command_flag silence_flags[] = {
    [SILENCE_SOCKET] = CLIENT_SOCKET_FLAG,
    [SILENCE_FOR] = {"for", "DURATION",
                     "how long: 90s, 15m, 2h, 7d (default: 1h)"},
    [SILENCE_COMMENT] = {"comment", "TEXT", "why, for those who wonder"},
    [SILENCE_END] = {"end", NULL, "end the silence of that name instead"},
};

static const struct command_flag order_flags[] = {
    [ORDER_SOCKET] = CLIENT_SOCKET_FLAG,
};

const struct command silence_command = {
    .name = "silence",
    .operands = "NAME",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "tell nobody of a rule or series for a while",
    .help =
        "I<NAME> is a rule, or a pattern with C<*>, C<?> and C<[a-z]> for "
        "rules or for series such as C<web1/dbpool-*/*>. States are judged, "
        "shown and written to the journal all the same, and responses act; "
        "only notifications are kept back. A silence is kept over a "
        "restart",
    .flags = silence_flags,
    .flags_len = sizeof(silence_flags) / sizeof(silence_flags[0]),
    .run = run_silence,
};

const struct command mode_command = {
    .name = "mode",
    .operands = "MODE [RESPONSE]",
    .words = "auto dryrun off configured",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "let responses act (auto), only decide (dryrun), or rest (off)",
    .help = "In place of the configured modes of the plugin and of "
            "I<RESPONSE>, or of all responses; an action's own stricter "
            "B<Mode> still counts. C<configured> goes back to what the "
            "configuration says. Kept over a restart",
    .flags = order_flags,
    .flags_len = 1,
    .run = run_mode,
};

const struct command release_command = {
    .name = "release",
    .operands = "[RESPONSE]",
    .operands_max = 1,
    .summary = "undo what a response has done, now",
    .help = "Of I<RESPONSE>, or of all. It engages again only after its rules "
            "have been calm",
    .flags = order_flags,
    .flags_len = 1,
    .run = run_release,
};

const struct command clear_command = {
    .name = "clear",
    .operands = "[RESPONSE]",
    .operands_max = 1,
    .summary = "free a response that has acted too often",
    .help =
        "A response that reached its B<MaxActionsPerHour> an hour acts no more "
        "until a person has looked",
    .flags = order_flags,
    .flags_len = 1,
    .run = run_clear,
};

const struct command drill_command = {
    .name = "drill",
    .operands = "[RESPONSE]",
    .operands_max = 1,
    .summary = "rehearse every action without doing it",
    .help = "Each action asks its target as far as that can be done without "
            "changing anything; C<resource-alertctl status --json> and the "
            "status page show what came of it",
    .flags = order_flags,
    .flags_len = 1,
    .run = run_drill,
};
