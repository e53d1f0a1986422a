/* SPDX-License-Identifier: MIT */
/* scenario: a test of a threshold table: readings by time, states expected. */
#include "ctl/simulate/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/duration.h"
#include "ctl/simulate/identity.h"
#include "ctl/simulate/notation.h"
#include "ctl/simulate/simulator.h"

#define START_MS (INT64_C(1600000000) * 1000) /* any time will do */
#define LENGTH_S_MAX (10 * 365 * 86400.0)

struct running_series {
  struct reading_names names;
  struct notation notation;
  const char *source;
};

struct running {
  const struct scenario *scenario;
  const struct resource_alert_options *options;
  struct rehearsal *rehearsal;
  struct running_series *series;
  FILE *file;
  int unmet;
};

static void describe(const void *handle, size_t index,
                     struct reading_source *ret_source) {
  (void)index;
  *ret_source = (struct reading_source){.kind = READING_GAUGE,
                                        .min = (double)__builtin_nan(""),
                                        .max = (double)__builtin_nan("")};
  (void)snprintf(ret_source->name, sizeof(ret_source->name), "%s",
                 (const char *)handle);
}

static void put(struct running *running, const struct running_series *series,
                int64_t at_ms, double value) {
  const struct reading reading = {
      .names = &series->names,
      .type = {.handle = series->source, .describe = describe},
      .time_ns = at_ms * 1000000,
      .interval_ns = (int64_t)(running->scenario->interval_s * 1e9),
      .values_len = 1,
      .values = &value,
  };
  rehearsal_take(running->rehearsal, &reading);
}

/* ---- moments ---- */

static double moment_s(const struct scenario_moment *moment) {
  double seconds = 0;
  (void)duration_parse(moment->head.label, &seconds, NULL);
  return seconds;
}

static void complain(struct running *running,
                     const struct scenario_moment *moment, const char *what,
                     const char *name, const char *wanted, const char *found) {
  running->unmet++;
  (void)fprintf(running->file, "  at %s: %s \"%s\": %s expected, %s found\n",
                moment->head.label, what, name, wanted, found);
}

static void check_rule(struct running *running,
                       const struct scenario_moment *moment, const char *name,
                       const char *wanted) {
  for (size_t i = 0; i < rehearsal_rules_len(running->rehearsal); i++) {
    if (strcmp(rehearsal_rule_name(running->rehearsal, i), name) == 0) {
      const char *found =
          alert_state_name(rehearsal_rule(running->rehearsal, i));
      if (strcmp(found, wanted) != 0) {
        complain(running, moment, "rule", name, wanted, found);
      }
      return;
    }
  }
  complain(running, moment, "rule", name, wanted, "no such rule");
}

static void check_response(struct running *running,
                           const struct scenario_moment *moment,
                           const char *name, const char *wanted) {
  const struct option_blocks *blocks = &running->options->responses.responses;
  const struct response_options *responses = blocks->items;
  for (size_t i = 0; i < blocks->len; i++) {
    if (strcmp(responses[i].head.label, name) == 0) {
      const char *found =
          response_state_name(rehearsal_response(running->rehearsal, i));
      if (strcmp(found, wanted) != 0) {
        complain(running, moment, "response", name, wanted, found);
      }
      return;
    }
  }
  complain(running, moment, "response", name, wanted, "no such response");
}

static void hear(struct running *running, char *const *words) {
  struct reading_names names = {.host = ""};
  struct notification notification = {.message = words[2]};
  (void)scenario_parse_severity(words[0], &notification.severity, NULL);
  (void)identity_parse_speaker(words[1], &names, NULL);
  notification.host = names.host;
  notification.plugin = names.plugin;
  notification.plugin_instance = names.plugin_instance;
  notification.type = names.type;
  notification.type_instance = names.type_instance;
  rehearsal_hear(running->rehearsal, &notification);
}

static void live_moment(struct running *running,
                        const struct scenario_moment *moment) {
  const struct option_strings *notifications = &moment->notifications;
  for (size_t i = 0; i < notifications->len; i += SCENARIO_NOTICE_WORDS) {
    hear(running, notifications->items + i);
  }
  for (size_t i = 0; i + 1 < moment->rules.len; i += 2) {
    check_rule(running, moment, moment->rules.items[i],
               moment->rules.items[i + 1]);
  }
  for (size_t i = 0; i + 1 < moment->responses.len; i += 2) {
    check_response(running, moment, moment->responses.items[i],
                   moment->responses.items[i + 1]);
  }
}

/* Those from FROM_MS on and before UNTIL_MS; they may stand in any order. */
static void live_moments(struct running *running, int64_t from_ms,
                         int64_t until_ms) {
  const struct scenario_moment *moments = running->scenario->moments.items;
  int64_t next_ms = from_ms;
  while (next_ms < until_ms) {
    int64_t this_ms = until_ms;
    for (size_t i = 0; i < running->scenario->moments.len; i++) {
      int64_t at_ms = (int64_t)(moment_s(&moments[i]) * 1000);
      this_ms = at_ms >= next_ms && at_ms < this_ms ? at_ms : this_ms;
    }
    for (size_t i = 0; this_ms < until_ms && i < running->scenario->moments.len;
         i++) {
      if ((int64_t)(moment_s(&moments[i]) * 1000) == this_ms) {
        rehearsal_advance(running->rehearsal, START_MS + this_ms);
        live_moment(running, &moments[i]);
      }
    }
    next_ms = this_ms < until_ms ? this_ms + 1 : until_ms;
  }
}

/* ---- running ---- */

/* The readings of the longest series. */
static size_t longest_of(const struct running *running) {
  size_t longest = 1;
  for (size_t i = 0; i < running->scenario->series.len; i++) {
    size_t len = running->series[i].notation.len;
    longest = len > longest ? len : longest;
  }
  return longest;
}

static void play(struct running *running) {
  size_t longest = longest_of(running);
  double interval_ms = running->scenario->interval_s * 1000;
  for (size_t step = 0; step < longest; step++) {
    int64_t at_ms = (int64_t)((double)step * interval_ms);
    rehearsal_advance(running->rehearsal, START_MS + at_ms);
    for (size_t i = 0; i < running->scenario->series.len; i++) {
      const struct running_series *series = &running->series[i];
      if (step < series->notation.len &&
          series->notation.points[step].is_there) {
        put(running, series, START_MS + at_ms,
            series->notation.points[step].value);
      }
    }
    bool is_last = step + 1 == longest;
    live_moments(running, at_ms,
                 is_last ? INT64_MAX
                         : (int64_t)((double)(step + 1) * interval_ms));
  }
}

static int prepare(struct running *running, struct error *error) {
  const struct scenario_series *series = running->scenario->series.items;
  running->series =
      calloc(running->scenario->series.len + 1, sizeof(*running->series));
  int code = 0;
  if (running->series == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < running->scenario->series.len && code == 0; i++) {
    running->series[i].source = series[i].source;
    code =
        identity_parse(series[i].head.label, &running->series[i].names, error);
    for (size_t j = 0; j < series[i].values.len && code == 0; j++) {
      code = notation_parse(series[i].values.items[j],
                            &running->series[i].notation, error);
    }
  }
  if (code == 0 && (double)longest_of(running) * running->scenario->interval_s >
                       LENGTH_S_MAX) {
    code = error_set(error, -EINVAL, "the test lasts more than ten years");
  }
  return code;
}

int scenario_run(const struct scenario *scenario,
                 const struct resource_alert_options *options, FILE *file,
                 struct error *error) {
  struct running running = {
      .scenario = scenario, .options = options, .file = file};
  const struct rehearsal_listener listener = {0};
  int code = prepare(&running, error);
  if (code == 0) {
    code = rehearsal_new(options, START_MS - 1000, &listener,
                         &running.rehearsal, error);
  }
  if (code == 0) {
    play(&running);
  }
  rehearsal_free(running.rehearsal);
  for (size_t i = 0; running.series != NULL && i < scenario->series.len; i++) {
    notation_fini(&running.series[i].notation);
  }
  free(running.series);
  return code == 0 ? running.unmet : code;
}
