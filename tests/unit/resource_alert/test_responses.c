/* SPDX-License-Identifier: MIT */
/* responses: a whole set at work without a daemon: its own threads, real files
 * and the real clock. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/file_util.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"

/* ---- the clock, which can be moved on ---- */

static _Atomic time_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *now) {
  long code = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_MONOTONIC) {
    now->tv_sec += atomic_load(&ahead_s);
  }
  return (int)code;
}

/* ---- the bed ---- */

struct outer {
  struct option_head head;
  struct responses_options responses;
};

static const struct option outer_rules[] = {
    RESPONSES_OPTION_ROWS(outer, responses),
};

static const struct option_block outer_block = {
    .name = "resource_alert",
    .size = sizeof(struct outer),
    .help = "x",
    OPTION_ROWS(outer_rules),
};

static const char *const rule_names[] = {"pool", "memory"};
static const struct response_rule_names rules = {rule_names, 2};

/* One set in a directory of its own. */
struct bed {
  char directory[64];
  struct outer options;
  struct journal *journal;
  struct responses_deps deps;
  struct notification_sink notifications;
  bool has_commands;
  struct responses *responses;
};

static int make_bed(void **state) {
  struct bed *bed = calloc(1, sizeof(*bed));
  (void)snprintf(bed->directory, sizeof(bed->directory), "/tmp/resp.XXXXXX");
  *state = bed;
  char path[128];
  if (mkdtemp(bed->directory) == NULL) {
    return -1;
  }
  static const struct log_sink quiet;
  (void)snprintf(path, sizeof(path), "%s/journal", bed->directory);
  return journal_open(path, &quiet, &bed->journal, NULL);
}

static void remove_tree(const char *path) {
  DIR *directory = opendir(path);
  const struct dirent *entry;
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    char below[512];
    (void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
    if (entry->d_name[0] != '.' && unlink(below) != 0) {
      remove_tree(below);
    }
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
  (void)rmdir(path);
}

static int remove_bed(void **state) {
  struct bed *bed = *state;
  (void)responses_stop(bed->responses);
  journal_close(bed->journal);
  option_fini(&outer_block, &bed->options);
  remove_tree(bed->directory);
  free(bed);
  return 0;
}

/* Parses TEXT, whose @ stand for the directory. */
static int configure(struct bed *bed, const char *format, struct error *error) {
  static char text[32768];
  char *end = text;
  for (const char *c = format; *c != '\0'; c++) {
    if (*c == '@') {
      end += snprintf(end, sizeof(text) - (size_t)(end - text), "%s",
                      bed->directory);
    } else {
      *end++ = *c;
    }
  }
  struct config_item root = {0};
  assert_int_equal(config_text_parse(text, (size_t)(end - text), &root, error),
                   0);
  assert_int_equal(option_init(&outer_block, &bed->options), 0);
  int code = option_parse(&outer_block, &root, &bed->options, error);
  config_item_fini(&root);
  if (code == 0) {
    code = responses_check(&bed->options.responses, 0, &rules, NULL, error);
  }
  return code;
}

static void start(struct bed *bed, const char *format) {
  struct error error = {{0}};
  if (bed->options.responses.responses.len == 0) {
    if (configure(bed, format, &error) != 0) {
      fail_msg("%s", error.text);
    }
  }
  bed->deps = (struct responses_deps){
      .options = &bed->options.responses,
      .rules = rules,
      .host = "here",
      .state_dir = bed->directory,
      .has_commands = bed->has_commands,
      .journal = bed->journal,
      .notifications = bed->notifications,
  };
  assert_int_equal(responses_start(&bed->deps, &bed->responses, &error), 0);
}

/* The only series of a rule is in that state, beyond its limits. */
static void put_value(const struct bed *bed, size_t index,
                      enum alert_state state, double value) {
  struct rule rule = {.index = index,
                      .worst = {.value = value, .badness = value - 80}};
  rule.counts[state] = 1;
  rule.claims[state == ALERT_WARNING   ? RULE_CLAIM_BEYOND_WARNING
              : state == ALERT_FAILURE ? RULE_CLAIM_BEYOND_FAILURE
                                       : RULE_CLAIM_NONE] = 1;
  const struct alert_event event = {.rule = &rule};
  responses_take_event(bed->responses, &event);
}

static void put_event(const struct bed *bed, size_t index,
                      enum alert_state state) {
  put_value(bed, index, state, 90);
}

static void stop(struct bed *bed) {
  (void)responses_stop(bed->responses);
  bed->responses = NULL;
}

static char *read_below(const struct bed *bed, const char *name) {
  char path[128];
  char *text = NULL;
  size_t bytes;
  (void)snprintf(path, sizeof(path), "%s/%s", bed->directory, name);
  (void)file_read(path, 1 << 20, &text, &bytes, NULL);
  return text; /* NULL: no such file */
}

/* Waits until the file NAME is there (or not), holding TEXT if not NULL. */
static void expect_file(const struct bed *bed, const char *name,
                        const char *holding, bool is_there) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  for (;;) {
    char *text = read_below(bed, name);
    bool is_met =
        (text != NULL) == is_there &&
        (holding == NULL || text == NULL || strstr(text, holding) != NULL);
    free(text);
    if (is_met) {
      return;
    }
    if (clock_monotonic_ms() > deadline_ms) {
      fail_msg("%s: %s%s in 10 s", name, is_there ? "not there" : "still there",
               holding == NULL ? "" : holding);
    }
    (void)poll(NULL, 0, 2);
  }
}

/* True if the last line of the state file holds TEXT. */
static bool is_saved(const struct bed *bed, const char *text) {
  char *lines = read_below(bed, "responses.jsonl");
  const char *last = lines;
  for (char *c = lines; c != NULL && *c != '\0'; c++) {
    last = *c == '\n' && c[1] != '\0' ? c + 1 : last;
  }
  bool is_met = last != NULL && strstr(last, text) != NULL;
  free(lines);
  return is_met;
}

static void expect_saved(const struct bed *bed, const char *text) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  while (!is_saved(bed, text)) {
    if (clock_monotonic_ms() > deadline_ms) {
      fail_msg("%s is not saved in 10 s", text);
    }
    (void)poll(NULL, 0, 2);
  }
}

static const char one_switch[] = "<SwitchStore file>\n"
                                 "Path \"@/switches\"\n"
                                 "</SwitchStore>\n"
                                 "<Response degrade>\n"
                                 "When pool memory\n"
                                 "EngageAfter 0\n"
                                 "ReleaseAfter 0\n"
                                 "<Switch limit_noncore_api>\n"
                                 "</Switch>\n"
                                 "<Switch serve_cached>\n"
                                 "</Switch>\n"
                                 "</Response>\n";

static void a_switch_comes_and_goes(void **state) {
  struct bed *bed = *state;
  start(bed, one_switch);
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "switches/limit_noncore_api", "\"rule\": \"pool\"", true);
  expect_file(bed, "switches/serve_cached", "\"on\": true", true);
  expect_file(bed, "switches/switches.json", "serve_cached", true);
  expect_saved(bed, "\"ENGAGED\"");
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
  expect_saved(bed, "\"OFF\"");
  expect_file(bed, "switches/switches.json", "{}", true);
}

static void a_switch_can_be_read_by_all(void **state) {
  struct bed *bed = *state;
  mode_t before = umask(077);
  start(bed, one_switch);
  put_event(bed, 1, ALERT_FAILURE);
  expect_file(bed, "switches/switches.json", "serve_cached", true);
  (void)umask(before);
  struct stat status;
  char path[128];
  static const struct {
    const char *name;
    mode_t mode;
  } table[] = {{"switches", 0755},
               {"switches/serve_cached", 0644},
               {"switches/switches.json", 0644}};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(path, sizeof(path), "%s/%s", bed->directory, table[i].name);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, table[i].mode);
  }
}

static void an_engaged_response_is_undone_after_a_restart(void **state) {
  struct bed *bed = *state;
  start(bed, one_switch);
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  stop(bed);
  expect_file(bed, "switches/serve_cached", NULL, true);
  start(bed, NULL); /* the rule is not known yet: frozen */
  put_event(bed, 1, ALERT_OKAY);
  expect_file(bed, "switches/serve_cached", NULL, true);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/serve_cached", NULL, false);
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
}

static void write_states(const struct bed *bed, const char *lines) {
  char path[128];
  (void)snprintf(path, sizeof(path), "%s/responses.jsonl", bed->directory);
  assert_int_equal(file_replace(path, lines, strlen(lines), 0644, false, NULL),
                   0);
}

#define SAVED_ON                                                               \
  "{\"format\":\"responses\",\"version\":1}\n{\"response\":\"degrade\","       \
  "\"state\":\"ENGAGED\","                                                     \
  "\"since\":1,\"rules\":[\"pool\"],\"actions\":{\"Switch serve_cached in "    \
  "file\":"                                                                    \
  "{\"on\":true,\"memory\":{}}}}\n"

static void an_unreadable_state_is_set_aside(void **state) {
  struct bed *bed = *state;
  write_states(bed, "{");
  start(bed, one_switch); /* a line without an end is none */
  expect_file(bed, "responses.jsonl.bad", NULL, false);
  stop(bed);
  write_states(bed, "nonsense\n");
  start(bed, NULL);
  expect_file(bed, "responses.jsonl.bad", "nonsense", true);
}

static void the_lines_around_a_bad_line_count(void **state) {
  struct bed *bed = *state;
  write_states(bed, SAVED_ON "{\"response\":\"degr\n");
  start(bed, one_switch);
  expect_file(bed, "responses.jsonl.bad", "degr", true);
  expect_file(bed, "switches/serve_cached", NULL, true);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/serve_cached", NULL, false);
}

static void a_torn_last_line_is_ignored(void **state) {
  struct bed *bed = *state;
  write_states(bed, SAVED_ON "{\"response\":\"degrade\",\"state\":\"OFF\"");
  start(bed, one_switch);
  expect_file(bed, "switches/serve_cached", NULL, true);
  expect_file(bed, "responses.jsonl.bad", NULL, false);
}

static void leftovers_of_killed_writers_are_removed(void **state) {
  struct bed *bed = *state;
  write_states(bed, SAVED_ON);
  static const char left[] = ".resource-alert.responses.jsonl.0";
  char from[128];
  char to[128];
  (void)snprintf(from, sizeof(from), "%s/responses.jsonl", bed->directory);
  (void)snprintf(to, sizeof(to), "%s/%s", bed->directory, left);
  assert_int_equal(rename(from, to), 0);
  start(bed, one_switch);
  expect_file(bed, left, NULL, false);
}

/* How often TEXT stands in the file NAME. */
static size_t count_in(const struct bed *bed, const char *name,
                       const char *text) {
  char *lines = read_below(bed, name);
  size_t count = 0;
  for (const char *at = lines; at != NULL && (at = strstr(at, text)) != NULL;
       at++) {
    count++;
  }
  free(lines);
  return count;
}

static size_t journalled(const struct bed *bed, const char *text) {
  return count_in(bed, "journal", text);
}

/* The journal is written behind. */
static void expect_journalled_once(const struct bed *bed, const char *text) {
  expect_file(bed, "journal", text, true);
  assert_int_equal(journalled(bed, text), 1);
}

static void expect_journalled(const struct bed *bed, const char *text,
                              size_t count) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  while (journalled(bed, text) < count) {
    assert_true(clock_monotonic_ms() < deadline_ms);
    (void)poll(NULL, 0, 2);
  }
}

/* Restarts with two switches; the first one has the mode MODE. */
static void start_with_mode(struct bed *bed, const char *mode) {
  char text[512];
  stop(bed);
  option_fini(&outer_block, &bed->options);
  (void)snprintf(
      text, sizeof(text),
      "<SwitchStore file>\nPath \"@/switches\"\n</SwitchStore>\n"
      "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n"
      "<Switch one>\nMode %s\n</Switch>\n<Switch two>\n</Switch>\n"
      "</Response>\n",
      mode);
  start(bed, text);
}

static void an_action_that_is_off_is_skipped(void **state) {
  struct bed *bed = *state;
  start_with_mode(bed, "off");
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  expect_file(bed, "switches/two", NULL, true);
  expect_file(bed, "switches/one", NULL, false);
  expect_journalled_once(bed, "\"cause\":\"Mode off\"");
  start_with_mode(bed, "off"); /* frozen: no rule is seen yet */
  expect_file(bed, "switches/two", NULL, true);
  put_event(bed, 0, ALERT_OKAY);
  expect_saved(bed, "\"OFF\"");
  expect_file(bed, "switches/two", NULL, false);
  expect_journalled_once(bed, "\"cause\":\"Mode off\"");
}

static void an_action_set_off_while_on_is_undone_later(void **state) {
  struct bed *bed = *state;
  start_with_mode(bed, "auto");
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  start_with_mode(bed, "off");
  put_event(bed, 0, ALERT_OKAY);
  expect_saved(bed, "\"OFF\"");
  expect_file(bed, "switches/two", NULL, false);
  expect_file(bed, "switches/one", NULL, true);
  start_with_mode(bed, "dryrun"); /* only pretends to undo it */
  expect_file(bed, "journal", "\"step\":\"dryrun\"", true);
  expect_file(bed, "switches/one", NULL, true);
  start_with_mode(bed, "auto");
  expect_file(bed, "switches/one", NULL, false);
}

static void a_dry_run_of_one_action_goes_on_after_a_restart(void **state) {
  struct bed *bed = *state;
  start_with_mode(bed, "dryrun");
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  expect_journalled_once(bed, "\"step\":\"dryrun\"");
  start_with_mode(bed, "dryrun");
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "switches/two", NULL, true);
  put_event(bed, 0, ALERT_OKAY);
  expect_saved(bed, "\"OFF\"");
  expect_file(bed, "switches/two", NULL, false);
  expect_file(bed, "switches/one", NULL, false);
}

static void a_restart_does_not_do_what_a_dry_run_pretended(void **state) {
  struct bed *bed = *state;
  start_with_mode(bed, "dryrun");
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  char path[128];
  (void)snprintf(path, sizeof(path), "%s/switches/two", bed->directory);
  assert_int_equal(unlink(path), 0);
  start_with_mode(bed, "auto");
  expect_file(bed, "switches/two", NULL,
              true); /* refreshed after the first one */
  expect_file(bed, "switches/one", NULL, false);
  put_event(bed, 0, ALERT_WARNING); /* but by a rule */
  expect_file(bed, "switches/one", NULL, true);
}

static void the_disable_file_blocks_all_actions(void **state) {
  struct bed *bed = *state;
  char text[1024];
  char path[128];
  (void)snprintf(path, sizeof(path), "%s/off", bed->directory);
  assert_int_equal(file_replace(path, "", 0, 0644, false, NULL), 0);
  (void)snprintf(text, sizeof(text), "DisableFile \"@/off\"\n%s", one_switch);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "journal", "\"DisableFile\"", true);
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
  assert_int_equal(unlink(path), 0);
  expect_file(bed, "switches/limit_noncore_api", NULL, true);
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text == NULL ? "" : text;
}

/* Waits until what the only response shows as KEY begins with VALUE; "":
 * until it shows nothing. */
static void expect_shown(const struct bed *bed, const char *key,
                         const char *value) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  for (;;) {
    json_t *all = responses_to_json(bed->responses);
    const char *text = text_of(json_array_get(all, 0), key);
    bool is_met = value[0] == '\0' ? text[0] == '\0'
                                   : strncmp(text, value, strlen(value)) == 0;
    if (!is_met && clock_monotonic_ms() > deadline_ms) {
      char *shown = json_dumps(all, 0);
      fail_msg("%s is not %s in 10 s: %s", key, value, shown);
    }
    json_decref(all);
    if (is_met) {
      return;
    }
    (void)poll(NULL, 0, 2);
  }
}

static void a_dry_run_only_journals(void **state) {
  struct bed *bed = *state;
  char text[1024];
  (void)snprintf(text, sizeof(text), "Mode dryrun\n%s", one_switch);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "state", "DRYRUN_ENGAGED");
  json_t *all = responses_to_json(bed->responses);
  const json_t *shown = json_array_get(all, 0);
  const json_t *actions = json_object_get(shown, "actions");
  assert_int_equal(json_integer_value(json_object_get(shown, "level")), 0);
  assert_int_equal(json_integer_value(json_object_get(shown, "done")), 0);
  assert_string_equal(text_of(json_array_get(actions, 0), "state"),
                      "would_be_on");
  json_decref(all);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "journal", "\"to\":\"OFF\"", true);
  assert_int_equal(journalled(bed, "\"step\":\"dryrun\""), 4);
  static const char *const untrue[] = {"\"ENGAGED\"", "\"ENGAGING\"", "intent",
                                       "confirmed", "\"done\""};
  for (size_t i = 0; i < sizeof(untrue) / sizeof(untrue[0]); i++) {
    assert_int_equal(journalled(bed, untrue[i]), 0);
  }
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
}

/* Below a file, so that nobody can say whether it is there. */
static void a_disable_file_that_cannot_be_looked_for_blocks(void **state) {
  struct bed *bed = *state;
  char text[1024];
  (void)snprintf(text, sizeof(text), "DisableFile \"/dev/null/off\"\n%s",
                 one_switch);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "journal", "\"DisableFile\"", true);
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
}

/* A second engagement within the hour is one too many. */
static void trip_rate_limit(struct bed *bed) {
  start(bed, "<SwitchStore file>\nPath \"@/switches\"\n</SwitchStore>\n"
             "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n"
             "MaxActionsPerHour 1\n<Switch one>\n</Switch>\n</Response>\n");
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "switches/one", NULL, true);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/one", NULL, false);
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"tripped\":true");
  expect_file(bed, "journal", "\"cause\":\"MaxActionsPerHour\"", true);
  stop(bed);
  start(bed, NULL);
  put_event(bed, 0, ALERT_WARNING);
}

static void a_tripped_rate_limit_is_reset_by_a_command(void **state) {
  struct bed *bed = *state;
  bed->has_commands = true;
  trip_rate_limit(bed); /* which includes a restart */
  expect_journalled(bed, "\"cause\":\"MaxActionsPerHour\"", 2);
  expect_file(bed, "switches/one", NULL, false);
  (void)responses_send_command(bed->responses, "degrade", RESPONSES_RESET,
                               "test", NULL);
  expect_file(bed, "switches/one", NULL, true);
  expect_saved(bed, "\"tripped\":false");
}

/* A crash loop would otherwise have that many actions again each time. */
static void a_restart_does_not_forget_what_was_counted(void **state) {
  struct bed *bed = *state;
  trip_rate_limit(bed); /* nobody can reset it: it is tripped once more */
  expect_journalled(bed, "\"cause\":\"MaxActionsPerHour\"", 2);
  expect_file(bed, "switches/one", NULL, false);
  stop(bed);
  start(bed, NULL);
  put_event(bed, 0, ALERT_WARNING);
  expect_journalled(bed, "\"cause\":\"MaxActionsPerHour\"", 3);
}

/* Nothing can be saved; what is counted in memory still counts. */
static void the_rate_limit_holds_without_its_directory(void **state) {
  struct bed *bed = *state;
  bed->has_commands = true;
  start(bed, "<SwitchStore file>\nPath \"@/switches\"\n</SwitchStore>\n"
             "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n"
             "MaxActionsPerHour 1\n<Switch one>\n</Switch>\n</Response>\n");
  char path[128];
  (void)snprintf(path, sizeof(path), "%s/responses.jsonl", bed->directory);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  for (int i = 0; i < 5; i++) {
    put_event(bed, 0, ALERT_WARNING);
    expect_shown(bed, "state", i == 0 ? "ENGAGED" : "ENGAGING");
    put_event(bed, 0, ALERT_OKAY);
    expect_shown(bed, "state", "OFF");
  }
  expect_journalled(bed, "\"to\":\"OFF\"", 5);
  /* intent, request, confirmed: once */
  assert_int_equal(journalled(bed, "\"on\":true"), 3);
}

/* A server that accepts connections and never answers. */
static int listen_silently(uint16_t *ret_port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
  assert_int_equal(listen(fd, 16), 0);
  (void)getsockname(fd, (struct sockaddr *)&address, &bytes);
  *ret_port = ntohs(address.sin_port);
  return fd;
}

/* "Action in store" has not ended meanwhile. */
static void expect_still_hanging(const struct bed *bed, const char *action) {
  char line[128];
  (void)snprintf(line, sizeof(line), "\"%s\",\"step\":\"failed\"", action);
  assert_int_equal(journalled(bed, line), 0);
}

/* A target that hangs holds up neither another action nor the same switch in
 * another store: to engage, to renew, to release. */
static void a_target_that_hangs_delays_no_other(void **state) {
  struct bed *bed = *state;
  uint16_t port;
  int server = listen_silently(&port);
  char text[1024];
  (void)snprintf(
      text, sizeof(text),
      "<SwitchStore etcd>\nURL \"http://127.0.0.1:%u\"\n</SwitchStore>\n"
      "<SwitchStore file>\nPath \"@/switches\"\nTTL 3\n</SwitchStore>\n"
      "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n"
      "<Webhook hook>\nURL \"http://127.0.0.1:%u/\"\nTimeout 60\n</Webhook>\n"
      "<Switch one>\nTimeout 60\n</Switch>\n</Response>\n",
      port, port);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "switches/one", NULL, true);
  char *before = read_below(bed, "switches/one");
  char *now = read_below(bed, "switches/one");
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  while (now == NULL || strcmp(before, now) == 0) { /* renewed in a second */
    assert_true(clock_monotonic_ms() < deadline_ms);
    (void)poll(NULL, 0, 5);
    free(now);
    now = read_below(bed, "switches/one");
  }
  free(before);
  free(now);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/one", NULL, false);
  expect_still_hanging(bed, "Webhook hook");
  expect_still_hanging(bed, "Switch one in etcd");
  int64_t begun_ms = clock_monotonic_ms();
  stop(bed);
  assert_true(clock_monotonic_ms() - begun_ms < 4000);
  (void)close(server);
}

static atomic_bool is_held;

static void hold_notification(void *unused, const struct notification *one) {
  (void)unused, (void)one;
  while (atomic_load(&is_held)) {
    (void)poll(NULL, 0, 5);
  }
}

/* A mail server that hangs keeps collectd's notification callback for long. */
static void a_notification_that_hangs_delays_no_action(void **state) {
  struct bed *bed = *state;
  atomic_store(&is_held, true);
  bed->notifications.put = hold_notification;
  start(bed, one_switch);
  for (int i = 0; i < 3; i++) {
    put_event(bed, 0, ALERT_WARNING);
    expect_file(bed, "switches/serve_cached", NULL, true);
    put_event(bed, 0, ALERT_OKAY);
    expect_file(bed, "switches/serve_cached", NULL, false);
  }
  atomic_store(&is_held, false);
}

static void a_self_test_that_hangs_delays_no_attempt(void **state) {
  struct bed *bed = *state;
  uint16_t port;
  int server = listen_silently(&port);
  char text[512];
  (void)snprintf(
      text, sizeof(text),
      "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n"
      "<Webhook hook>\nURL \"http://127.0.0.1:%u/\"\nTimeout 60\n</Webhook>\n"
      "</Response>\n",
      port);
  start(bed, text);
  assert_int_equal(responses_send_command(bed->responses, NULL,
                                          RESPONSES_SELF_TEST, "test", NULL),
                   0);
  int peer = accept(server, NULL, NULL);
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "journal", "\"step\":\"request\"", true);
  (void)close(peer);
  (void)close(server);
}

static void a_person_can_send_commands(void **state) {
  struct bed *bed = *state;
  struct error error = {{0}};
  start(bed, one_switch);
  expect_shown(bed, "state", "OFF");
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "state", "ENGAGED");
  assert_int_equal(responses_send_command(bed->responses, "degrade",
                                          RESPONSES_DEACTIVATE, "test", &error),
                   0);
  expect_shown(bed, "next", "deactivated");
  expect_file(bed, "switches/serve_cached", NULL, false);
  put_event(bed, 0, ALERT_OKAY);
  expect_shown(bed, "next", "");
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "state", "ENGAGED");
  assert_int_equal(responses_send_command(bed->responses, "x",
                                          RESPONSES_SELF_TEST, "test", &error),
                   -ENOENT);
  assert_int_equal(responses_send_command(bed->responses, NULL,
                                          RESPONSES_SELF_TEST, "test", &error),
                   0);
  expect_file(bed, "journal", "\"step\":\"self_test\"", true);
}

static void a_commanded_mode_survives_a_restart(void **state) {
  struct bed *bed = *state;
  char text[1024];
  (void)snprintf(text, sizeof(text), "Mode dryrun\n%s", one_switch);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "state", "DRYRUN_ENGAGED");
  expect_file(bed, "switches/serve_cached", NULL, false);
  (void)responses_send_command(bed->responses, NULL, RESPONSES_MODE_AUTO,
                               "test", NULL);
  expect_file(bed, "switches/serve_cached", NULL, true); /* now for real */
  expect_saved(bed, "\"mode\":\"auto\"");
  stop(bed);
  start(bed, NULL);
  expect_shown(bed, "mode", "auto");
  (void)responses_send_command(bed->responses, NULL, RESPONSES_MODE_CONFIGURED,
                               "test", NULL);
  expect_shown(bed, "mode", "dryrun");
  put_event(bed, 0, ALERT_OKAY);
  expect_shown(bed, "state", "OFF");
  /* a dry run undoes nothing, and does not forget what is on */
  expect_file(bed, "switches/serve_cached", NULL, true);
  (void)responses_send_command(bed->responses, NULL, RESPONSES_MODE_AUTO,
                               "test", NULL);
  expect_file(bed, "switches/serve_cached", NULL, false);
}

static void mode_off_lasts_until_a_command(void **state) {
  struct bed *bed = *state;
  char text[1024];
  (void)snprintf(text, sizeof(text), "Mode off\n%s", one_switch);
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "mode", "off");
  expect_shown(bed, "state", "OFF");
  expect_file(bed, "switches/limit_noncore_api", NULL, false);
  (void)responses_send_command(bed->responses, NULL, RESPONSES_MODE_AUTO,
                               "test", NULL);
  expect_shown(bed, "state", "ENGAGED");
  expect_file(bed, "switches/limit_noncore_api", NULL, true);
  assert_int_equal(journalled(bed, "blocked"), 0);
}

/* Moves the clock on and wakes the worker. */
static void let_pass(const struct bed *bed, time_t seconds,
                     enum alert_state pool) {
  atomic_fetch_add(&ahead_s, seconds);
  put_event(bed, 0, pool);
}

/* Until the worker has done all that is due. A command is handled before the
 * rest and saves a line: when the second line is there, the rest is done. */
static void expect_idle(struct bed *bed) {
  int64_t deadline_ms = clock_monotonic_ms() + 10000;
  for (int i = 0; i < 2; i++) {
    size_t before = count_in(bed, "responses.jsonl", "\n");
    (void)responses_send_command(bed->responses, NULL, RESPONSES_RESET, "test",
                                 NULL);
    while (count_in(bed, "responses.jsonl", "\n") == before) {
      assert_true(clock_monotonic_ms() < deadline_ms);
      (void)poll(NULL, 0, 2);
    }
  }
}

static void self_tests_run_periodically_while_off(void **state) {
  struct bed *bed = *state;
  static const char tested[] = "\"step\":\"self_test\"";
  start(bed, one_switch);
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "state", "ENGAGED");
  let_pass(bed, 121, ALERT_WARNING); /* the first is due within 120 s */
  expect_idle(bed);
  let_pass(bed, 0, ALERT_OKAY);
  expect_shown(bed, "state", "OFF");
  expect_file(bed, "journal", tested, true);
  const char *released = "\"to\":\"RELEASING\"";
  char *text = read_below(bed, "journal");
  assert_true(strstr(text, released) < strstr(text, tested));
  free(text);
  expect_journalled(bed, tested, 2); /* two actions */
  expect_idle(bed);                  /* the next one is due in a day */
  let_pass(bed, 86401, ALERT_OKAY);
  expect_journalled(bed, tested, 4);
}

static void the_effect_check_is_journaled(void **state) {
  struct bed *bed = *state;
  start(bed, "<SwitchStore file>\nPath \"@/switches\"\n</SwitchStore>\n"
             "<Response degrade>\nWhen pool\nEngageAfter 0\nReleaseAfter "
             "0\nEffectCheckAfter 1\n<Switch one>\n</Switch>\n"
             "<Switch two>\nAfter 2\n</Switch>\n</Response>\n");
  put_event(bed, 0, ALERT_WARNING);
  expect_file(bed, "switches/one", NULL, true);
  expect_file(bed, "journal", "\"effect\":\"unchanged\"", true);
  expect_file(bed, "journal",
              "\"action\":\"Switch two\",\"step\":\"confirmed\"", true);
  put_value(bed, 0, ALERT_WARNING, 120);
  expect_file(bed, "journal", "\"effect\":\"worse\"", true);
}

static void a_rule_of_unless_is_journaled_once(void **state) {
  struct bed *bed = *state;
  start(bed, "<SwitchStore file>\nPath \"@/switches\"\n</SwitchStore>\n"
             "<Response degrade>\nWhen pool\nUnless memory\nEngageAfter 0\n"
             "ReleaseAfter 0\n<Switch one>\n</Switch>\n</Response>\n");
  put_event(bed, 1, ALERT_WARNING);
  put_event(bed, 0, ALERT_WARNING);
  expect_shown(bed, "next", "forbidden by rule \"memory\"");
  put_event(bed, 1, ALERT_FAILURE);
  put_event(bed, 0, ALERT_FAILURE);
  expect_file(bed, "switches/one", NULL, false);
  put_event(bed, 1, ALERT_OKAY);
  expect_file(bed, "switches/one", NULL, true);
  put_event(bed, 1, ALERT_WARNING);
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "switches/one", NULL, false);
  expect_journalled_once(bed, "\"event\":\"forbidden\"");
}

static void a_removed_switch_is_written_again(void **state) {
  struct bed *bed = *state;
  start(bed, one_switch);
  put_event(bed, 0, ALERT_WARNING);
  expect_saved(bed, "\"ENGAGED\"");
  stop(bed);
  char path[128];
  (void)snprintf(path, sizeof(path), "%s/switches", bed->directory);
  remove_tree(path);
  start(bed, NULL);
  expect_file(bed, "switches/limit_noncore_api", NULL, true);
}

static void a_hundred_responses_at_once(void **state) {
  struct bed *bed = *state;
  static char text[32768];
  char *end = text;
  end +=
      snprintf(end, 256, "<SwitchStore file>\nPath \"@/s\"\n</SwitchStore>\n");
  for (int i = 0; i < 100; i++) {
    end += snprintf(
        end, 256,
        "<Response r%d>\nWhen pool\nEngageAfter 0\nReleaseAfter 0\n<Switch "
        "s%d>\n</Switch>\n</Response>\n",
        i, i);
  }
  start(bed, text);
  put_event(bed, 0, ALERT_WARNING);
  for (int i = 0; i < 100; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "s/s%d", i);
    expect_file(bed, name, NULL, true);
    (void)snprintf(name, sizeof(name), "\"s%d\"", i);
    expect_file(bed, "s/switches.json", name, true);
  }
  put_event(bed, 0, ALERT_OKAY);
  expect_file(bed, "s/switches.json", "{}", true);
}

static void bad_configurations_are_refused(void **state) {
  struct bed *bed = *state;
  static const struct {
    const char *text, *reports;
  } table[] = {
      {"<Response a>\nWhen nothing\n<Switch x>\n</Switch>\n</Response>\n",
       "When \"nothing\": there is no <Threshold \"nothing\"> before it"},
      {"<Response a>\nWhen pool\nUnless x\n<Switch x>\n</Switch>\n"
       "</Response>\n",
       "Unless \"x\": there is no <Threshold \"x\"> before it"},
      {"<Response a>\nWhen pool\nUnless pool\n<Switch x>\n</Switch>\n"
       "</Response>\n",
       "Unless \"pool\": this rule is also in When"},
      {"<Response a>\nWhen pool\n<Switch x>\n</Switch>\n</Response>\n",
       "needs a <SwitchStore> before the <Response>"},
      {"<Response a>\nWhen pool\n</Response>\n", "no action in it"},
      {"<SwitchStore file>\nPath \"/s\"\n</SwitchStore>\n<Response a>\nWhen "
       "pool\n<Switch x>\n</Switch>\n</Response>\n<Response b>\nWhen pool\n"
       "<Switch x>\n</Switch>\n</Response>\n",
       "is also in <Response \"a\">: a switch can be in one response only"},
      {"<Response a>\n<Switch x>\n</Switch>\n</Response>\n", "When is missing"},
      {"<SwitchStore mongodb>\n</SwitchStore>\n",
       "is not a kind of store; allowed:"},
      {"<SwitchStore file>\n</SwitchStore>\n", "Path is missing"},
      {"<Response \"../x\">\nWhen pool\n</Response>\n", "may hold letters"},
      {"<Response a>\nWhen pool\n<Switch \"a/b\">\n</Switch>\n</Response>\n",
       "may hold letters"},
      {"<Response a>\nWhen pool\n<Exec>\nCommand \"x.sh\"\n</Exec>\n"
       "</Response>\n",
       "Command \"x.sh\" is not an absolute path"},
      {"Mode maybe\n", "Mode \"maybe\""},
      {"DisableFile \"off\"\n", "is not an absolute path"},
  };
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    struct error error = {{0}};
    assert_int_equal(configure(bed, table[i].text, &error), -EINVAL);
    if (strstr(error.text, table[i].reports) == NULL) {
      fail_msg("\"%s\" does not contain \"%s\"", error.text, table[i].reports);
    }
    option_fini(&outer_block, &bed->options);
  }
}

/* Names with characters that have a meaning where the name ends up: in a path,
 * a key, a URL, a header, a line of another protocol, a statement. */
static void unsafe_names_are_refused(void **state) {
  struct bed *bed = *state;
  static const char *const places[] = {
      "<Response \"%s\">\nWhen pool\n<Switch x>\n</Switch>\n</Response>\n",
      "<Response a>\nWhen pool\n<Switch \"%s\">\n</Switch>\n</Response>\n",
      "<Response a>\nWhen pool\n<Exec \"%s\">\nCommand \"/bin/true\"\n</Exec>\n"
      "</Response>\n",
      "<Response a>\nWhen pool\n<Scale>\nNamespace \"%s\"\nDeployment api\nMax "
      "2\n"
      "</Scale>\n</Response>\n",
      "<Response a>\nWhen pool\n<Scale>\nNamespace x\nStatefulSet \"%s\"\nMax "
      "2\n"
      "</Scale>\n</Response>\n",
      "<Response a>\nWhen pool\n<SuspendCronJob>\nNamespace x\nName \"%s\"\n"
      "</SuspendCronJob>\n</Response>\n",
      "<Response a>\nWhen pool\n<HAProxy>\nSocket \"/s\"\nBackend \"%s\"\nPort "
      "80\n"
      "Endpoints \"x/y\"\n</HAProxy>\n</Response>\n",
      "<Response a>\nWhen pool\n<HAProxy>\nSocket \"/s\"\nBackend b\nPort 80\n"
      "Endpoints \"x/%s\"\n</HAProxy>\n</Response>\n",
      "<SwitchStore postgresql>\nDatabase x\nTable \"%s\"\n</SwitchStore>\n",
      "<SwitchStore postgresql>\nDatabase x\nChannel \"%s\"\n</SwitchStore>\n",
  };
  static const char *const names[] = {
      "a\nb", "a\rb",  "a b", "a;b",    "a/b",      "../a",       "..",
      ".",    "a%0ab", "a?b", "a\\\"b", "\xc3\xbc", "a'; DROP--",
  };
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
      char text[512];
      char format[512];
      struct error error = {{0}};
      const char *mark = strstr(places[i], "%s");
      (void)snprintf(format, sizeof(format), "%.*s", (int)(mark - places[i]),
                     places[i]);
      (void)snprintf(text, sizeof(text), "%s%s%s", format, names[j], mark + 2);
      (void)configure(bed, text, &error);
      if (strstr(error.text, "may hold") == NULL &&
          strstr(error.text, "is not a Kubernetes name") == NULL &&
          strstr(error.text, "must have 1 to") == NULL) {
        fail_msg("\"%s\" in %s: %s", names[j], places[i], error.text);
      }
      option_fini(&outer_block, &bed->options);
    }
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bed, remove_bed)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_switch_comes_and_goes),
      TEST(a_switch_can_be_read_by_all),
      TEST(an_engaged_response_is_undone_after_a_restart),
      TEST(an_unreadable_state_is_set_aside),
      TEST(the_lines_around_a_bad_line_count),
      TEST(a_torn_last_line_is_ignored),
      TEST(leftovers_of_killed_writers_are_removed),
      TEST(a_dry_run_only_journals),
      TEST(an_action_that_is_off_is_skipped),
      TEST(an_action_set_off_while_on_is_undone_later),
      TEST(a_dry_run_of_one_action_goes_on_after_a_restart),
      TEST(a_restart_does_not_do_what_a_dry_run_pretended),
      TEST(the_disable_file_blocks_all_actions),
      TEST(a_disable_file_that_cannot_be_looked_for_blocks),
      TEST(a_tripped_rate_limit_is_reset_by_a_command),
      TEST(a_restart_does_not_forget_what_was_counted),
      TEST(the_rate_limit_holds_without_its_directory),
      TEST(a_person_can_send_commands),
      TEST(a_commanded_mode_survives_a_restart),
      TEST(mode_off_lasts_until_a_command),
      TEST(self_tests_run_periodically_while_off),
      TEST(the_effect_check_is_journaled),
      TEST(a_rule_of_unless_is_journaled_once),
      TEST(a_removed_switch_is_written_again),
      TEST(a_target_that_hangs_delays_no_other),
      TEST(a_notification_that_hangs_delays_no_action),
      TEST(a_self_test_that_hangs_delays_no_attempt),
      TEST(a_hundred_responses_at_once),
      TEST(bad_configurations_are_refused),
      TEST(unsafe_names_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
