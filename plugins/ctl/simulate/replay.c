/* SPDX-License-Identifier: MIT */
/* replay: a table and its responses over readings that were kept. */
#include "ctl/simulate/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/text.h"

#define PROGRESS_EVERY 65536
#define BAR_WIDTH 40

struct replaying {
  const struct replay_wish *wish;
  struct tally *tally;
};

static void print_time(int64_t at_ms) {
  time_t at_s = (time_t)(at_ms / 1000);
  struct tm local;
  char text[32];
  (void)localtime_r(&at_s, &local);
  (void)strftime(text, sizeof(text), "%F %T", &local);
  (void)fputs(text, stdout);
}

static void on_alert(void *context, int64_t at_ms,
                     const struct announcement *change) {
  struct replaying *replaying = context;
  tally_alert(replaying->tally, at_ms, change);
  bool is_first = change->from == ALERT_UNKNOWN && change->to == ALERT_OKAY;
  if (!replaying->wish->tells_events || is_first) {
    return;
  }
  char verdict[1024];
  announcement_format_verdict(change, verdict, sizeof(verdict));
  text_blank_controls(verdict);
  print_time(at_ms);
  (void)printf("  %s\n", verdict);
}

static const char *response_name(const struct replaying *replaying,
                                 size_t response) {
  const struct response_options *all =
      replaying->wish->options->responses.responses.items;
  return all[response].head.label;
}

static void on_response(void *context, int64_t at_ms, size_t response,
                        enum response_state from, enum response_state to) {
  struct replaying *replaying = context;
  tally_response_change(replaying->tally, at_ms, response, to);
  if (replaying->wish->tells_events) {
    print_time(at_ms);
    (void)printf("  response \"%s\": %s -> %s\n",
                 response_name(replaying, response), response_state_name(from),
                 response_state_name(to));
  }
}

static void on_action(void *context, int64_t at_ms, size_t response,
                      const char *action, bool is_on) {
  struct replaying *replaying = context;
  tally_action(replaying->tally, at_ms, response, action, is_on);
  if (replaying->wish->tells_events) {
    print_time(at_ms);
    (void)printf("  response \"%s\": %s %s\n",
                 response_name(replaying, response), action,
                 is_on ? "on" : "off");
  }
}

static void show_progress(const struct record *record) {
  struct record_counts counts;
  record_get_counts(record, &counts);
  double share = counts.bytes_all == 0
                     ? 1
                     : (double)counts.bytes / (double)counts.bytes_all;
  share = share > 1 ? 1 : share;
  int full = (int)(share * BAR_WIDTH);
  (void)fprintf(stderr, "\r[%.*s%*s] %3.0f %%", full,
                "########################################", BAR_WIDTH - full,
                "", share * 100);
}

static void play(const struct replay_wish *wish, struct record *record,
                 const struct record_reading *first,
                 struct rehearsal *rehearsal, struct replay_result *result) {
  struct record_reading one = *first;
  uint64_t count = 0;
  do {
    rehearsal_advance(rehearsal, one.at_ms);
    rehearsal_take(rehearsal, &one.reading);
    result->last_ms = one.at_ms;
    if (wish->has_progress && count++ % PROGRESS_EVERY == 0) {
      show_progress(record);
    }
  } while (record_next(record, &one));
  if (wish->has_progress) {
    (void)fprintf(stderr, "\r%*s\r", BAR_WIDTH + 10, "");
  }
}

static int name_rules(const struct rehearsal *rehearsal,
                      struct replay_result *result) {
  size_t len = result->tally.rules_len;
  result->rules = calloc(len + 1, sizeof(*result->rules));
  for (size_t i = 0; result->rules != NULL && i < len; i++) {
    result->rules[i].name = strdup(rehearsal_rule_name(rehearsal, i));
    result->rules[i].series = rehearsal_rule_series(rehearsal, i);
    if (result->rules[i].name == NULL) {
      return -ENOMEM;
    }
  }
  return result->rules == NULL ? -ENOMEM : 0;
}

static int play_record(const struct replay_wish *wish, struct record *record,
                       struct replay_result *result, struct error *error) {
  struct record_reading first;
  if (!record_next(record, &first)) {
    return error_set(error, -ENODATA, "%s has no readings", wish->place.path);
  }
  struct replaying replaying = {wish, &result->tally};
  const struct rehearsal_listener listener = {on_alert, on_response, on_action,
                                              &replaying};
  struct rehearsal *rehearsal = NULL;
  result->first_ms = first.at_ms;
  int code = rehearsal_new(wish->options, first.at_ms - 1000, &listener,
                           &rehearsal, error);
  if (code != 0) {
    return code;
  }
  code = tally_init(&result->tally, rehearsal_rules_len(rehearsal),
                    wish->options->responses.responses.len, wish->short_ms);
  if (code == 0) {
    play(wish, record, &first, rehearsal, result);
    tally_end(&result->tally, result->last_ms);
    code = name_rules(rehearsal, result);
  }
  if (code != 0) {
    (void)error_set(error, code, "out of memory");
  }
  rehearsal_free(rehearsal);
  record_get_counts(record, &result->counts);
  return code;
}

int replay_run(const struct replay_wish *wish, struct replay_result *ret,
               struct error *error) {
  *ret = (struct replay_result){0};
  struct record *record = NULL;
  int code = record_open(&wish->place, &record, error);
  if (code == 0) {
    code = play_record(wish, record, ret, error);
  }
  record_close(record);
  if (code != 0) {
    replay_result_fini(ret);
  }
  return code;
}

void replay_result_fini(struct replay_result *result) {
  for (size_t i = 0; result->rules != NULL && i < result->tally.rules_len;
       i++) {
    free(result->rules[i].name);
  }
  free(result->rules);
  result->rules = NULL;
  tally_fini(&result->tally);
}
