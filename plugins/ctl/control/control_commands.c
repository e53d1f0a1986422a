/* SPDX-License-Identifier: MIT */
/* control_commands: the commands that change what the daemon does. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/glob.h"
#include "ctl/command.h"
#include "ctl/control/client.h"

#define SILENCE_DEFAULT_S 3600

/* All of these commands have the first one, silence has all. */
enum { FLAG_SOCKET, SILENCE_FOR, SILENCE_COMMENT, SILENCE_END };

/* Who sends the command, for the journal: the person behind sudo. */
static const char *find_user_name(void) {
  const char *sudo = getenv("SUDO_USER");
  if (sudo != NULL && sudo[0] != '\0') {
    return sudo;
  }
  const struct passwd *entry = getpwuid(getuid());
  return entry == NULL ? "unknown" : entry->pw_name;
}

/* Sends the request and prints DONE, unless NULL, when the daemon accepted it.
 * request: taken. */
static int send_command(const struct command_line *line, const char *path,
                        json_t *request, const char *done) {
  struct error error = {{0}};
  (void)json_object_set_new(request, "who", json_string(find_user_name()));
  json_t *response =
      client_send_request(line->flags[FLAG_SOCKET], path, request, &error);
  json_decref(request);
  if (response == NULL) {
    return command_fail("%s", error.text);
  }
  json_decref(response);
  if (done != NULL) {
    (void)printf("%s\n", done);
  }
  return COMMAND_OKAY;
}

/* {"response": NAME} of the operand at INDEX; {} for all responses. */
static json_t *make_response_request(const struct command_line *line,
                                     int index) {
  json_t *request = json_object();
  if (line->operands_len > index) {
    (void)json_object_set_new(request, "response",
                              json_string(line->operands[index]));
  }
  return request;
}

/* Counts the rules that PATTERN covers, by their names or by a series of
 * theirs. The daemon sends the worst 20 series of each. */
static size_t count_covered_rules(const json_t *status, const char *pattern) {
  size_t covered = 0;
  size_t i, j;
  json_t *rule, *series;
  json_array_foreach(json_object_get(status, "rules"), i, rule) {
    const char *name = json_string_value(json_object_get(rule, "name"));
    bool has = name != NULL && glob_matches(pattern, name);
    json_array_foreach(json_object_get(rule, "series"), j, series) {
      name = json_string_value(json_object_get(series, "name"));
      has |= name != NULL && glob_matches(pattern, name);
    }
    covered += has;
  }
  return covered;
}

/* Says until when, and what the silence covers now: a misspelt name covers
 * nothing. */
static void print_silence_effect(const struct command_line *line,
                                 double for_s) {
  const char *pattern = line->operands[0];
  char until[32] = "";
  struct tm parts;
  time_t end_s = time(NULL) + (time_t)for_s;
  if (localtime_r(&end_s, &parts) != NULL) {
    (void)strftime(until, sizeof(until), "%Y-%m-%d %H:%M:%S", &parts);
  }
  json_t *status =
      client_send_request(line->flags[FLAG_SOCKET], "/status", NULL, NULL);
  size_t covered = count_covered_rules(status, pattern);
  if (status != NULL && covered == 0) {
    (void)printf(
        "silenced until %s; no rule and no series matches \"%s\" now\n", until,
        pattern);
  } else if (status != NULL) {
    (void)printf("silenced until %s; covers %zu rule%s or their series now\n",
                 until, covered, covered == 1 ? "" : "s");
  } else {
    (void)printf("silenced until %s\n", until);
  }
  json_decref(status);
}

/* A name that matches nothing is accepted, because its rule may come later. */
static int run_silence(const struct command_line *line) {
  const char *name = line->operands[0];
  if (line->flags[SILENCE_END] != NULL) {
    return send_command(line, "/unsilence", json_pack("{ss}", "name", name),
                        "the silence has ended");
  }
  double for_s = SILENCE_DEFAULT_S;
  if (!command_parse_duration_flag(line, SILENCE_FOR, &for_s)) {
    return COMMAND_UNKNOWN;
  }
  const char *comment = line->flags[SILENCE_COMMENT];
  json_t *request = json_pack("{ss sf ss}", "name", name, "for_s", for_s,
                              "comment", comment == NULL ? "" : comment);
  if (request == NULL) {
    return command_fail("silence: the texts are not UTF-8");
  }
  int result = send_command(line, "/silence", request, NULL);
  if (result == COMMAND_OKAY) {
    print_silence_effect(line, for_s);
  }
  return result;
}

static int run_forget(const struct command_line *line) {
  struct error error = {{0}};
  json_t *request =
      json_pack("{ss ss}", "name", line->operands[0], "who", find_user_name());
  if (request == NULL) {
    return command_fail("forget: the name is not UTF-8");
  }
  json_t *response =
      client_send_request(line->flags[FLAG_SOCKET], "/forget", request, &error);
  json_decref(request);
  if (response == NULL) {
    return command_fail("%s", error.text);
  }
  size_t i;
  json_t *name;
  json_array_foreach(json_object_get(response, "series"), i, name) {
    (void)printf("forgot %s\n", json_string_value(name));
  }
  json_int_t all = json_integer_value(json_object_get(response, "forgotten"));
  if (all > (json_int_t)i) {
    (void)printf("and %lld more\n", (long long)all - (long long)i);
  }
  json_decref(response);
  return COMMAND_OKAY;
}

static int run_mode(const struct command_line *line) {
  json_t *request = make_response_request(line, 1);
  (void)json_object_set_new(request, "mode", json_string(line->operands[0]));
  return send_command(line, "/mode", request, "mode change requested");
}

static int run_deactivate(const struct command_line *line) {
  return send_command(line, "/deactivate", make_response_request(line, 0),
                      "deactivation requested");
}

static int run_reset(const struct command_line *line) {
  return send_command(line, "/reset", make_response_request(line, 0),
                      "rate limit reset requested");
}

static int run_self_test(const struct command_line *line) {
  return send_command(line, "/self-test", make_response_request(line, 0),
                      "self-test requested; status shows each action's result");
}

const struct command control_commands_silence = {
    .name = "silence",
    .operands = "NAME",
    .names = "rules",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "suppress the notifications of a rule or series for a while",
    .help =
        "I<NAME> is the name of a rule, or a pattern with C<*>, C<?> and "
        "C<[a-z]> for rules or for series such as C<web1/dbpool-*/*>. Only "
        "notifications are suppressed. The rules are still evaluated, shown "
        "and journaled, and responses still take actions. A silence is kept "
        "over a restart.",
    .flags = {[FLAG_SOCKET] = CLIENT_SOCKET_FLAG,
              [SILENCE_FOR] =
                  {"for", "DURATION",
                   "duration of the silence: 90s, 15m, 2h, 7d (default: 1h)"},
              [SILENCE_COMMENT] = {"comment", "TEXT",
                                   "the reason, shown with the silence"},
              [SILENCE_END] = {"end", NULL, "end the silence with this name"}},
    .run = run_silence,
};

const struct command control_commands_forget = {
    .name = "forget",
    .operands = "SERIES",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "forget a series that does not come back, and end its alerts",
    .help =
        "I<SERIES> is the name of a series as B<status> shows it, or a pattern "
        "with C<*>, C<?> and C<[a-z]>. The states of its alerts are removed, "
        "also from the state file. An alert that was notified is closed with a "
        "last notification of the severity OKAY; the journal has the cause "
        "C<forgotten> and who asked. Use it for a log, a pool or a file system "
        "that was removed or renamed. A series that still sends values is new "
        "with its next value.",
    .flags = {CLIENT_SOCKET_FLAG},
    .run = run_forget,
};

const struct command control_commands_mode = {
    .name = "mode",
    .operands = "MODE [RESPONSE]",
    .words = "auto dryrun off configured",
    .names = "responses",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "set the mode of responses: auto, dryrun, off or configured",
    .help =
        "C<auto> takes actions, C<dryrun> only journals them, and C<off> does "
        "nothing. Overrides the configured B<Mode> of the plugin and of "
        "I<RESPONSE>, or of all responses. A stricter B<Mode> of an action "
        "still applies. C<configured> returns to the configured mode. The "
        "override is kept over a restart.",
    .flags = {CLIENT_SOCKET_FLAG},
    .run = run_mode,
};

const struct command control_commands_deactivate = {
    .name = "deactivate",
    .operands = "[RESPONSE]",
    .names = "responses",
    .operands_max = 1,
    .summary = "undo the actions of a response now",
    .help =
        "Undoes the actions of I<RESPONSE>, or of all responses. A response "
        "engages again only after all of its rules have been within their "
        "limits.",
    .flags = {CLIENT_SOCKET_FLAG},
    .run = run_deactivate,
};

const struct command control_commands_reset = {
    .name = "reset",
    .operands = "[RESPONSE]",
    .names = "responses",
    .operands_max = 1,
    .summary = "reset a tripped rate limit",
    .help = "A response that has taken B<MaxActionsPerHour> actions within one "
            "hour takes no further action until a person resets it.",
    .flags = {CLIENT_SOCKET_FLAG},
    .run = run_reset,
};

const struct command control_commands_self_test = {
    .name = "self-test",
    .operands = "[RESPONSE]",
    .names = "responses",
    .operands_max = 1,
    .summary = "test the target of every action without changing it",
    .help = "Each action contacts its target and checks whether it could be "
            "taken, without changing anything. "
            "C<resource-alertctl status --json> and the status page show the "
            "results.",
    .flags = {CLIENT_SOCKET_FLAG},
    .run = run_self_test,
};
