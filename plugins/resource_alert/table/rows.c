/* SPDX-License-Identifier: MIT */
/* rows: the threshold table, ready for use. */
#include "resource_alert/table/rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/table/threshold_options.h"

static int64_t to_ms(double seconds) { return (int64_t)(seconds * 1000); }

static int row_init(struct row *row, const struct threshold_options *options,
                    struct error *error) {
  row->rule = (struct alert_rule){
      .warning_min = options->warning_min,
      .warning_max = options->warning_max,
      .failure_min = options->failure_min,
      .failure_max = options->failure_max,
      .hysteresis = options->hysteresis,
      .for_ms = to_ms(options->for_s),
      .recover_ms = to_ms(options->recover_s),
      .repeat_ms = to_ms(options->repeat_s),
      .flap_window_ms = to_ms(options->flap_window_s),
      .flap_limit = (uint32_t)options->flap_limit,
      .hits = (uint32_t)options->hits,
      .missing = (enum alert_missing)options->missing,
      .is_inverted = options->is_inverted,
  };
  row->is_percentage = options->is_percentage;
  row->is_persistent = options->is_persistent;
  row->is_okay_persistent = options->is_okay_persistent;
  row->name = options->head.label;
  row->message = options->message;
  row->unit = options->unit;
  if (options->severities.len == 2) {
    row->warning_word = options->severities.items[0];
    row->failure_word = options->severities.items[1];
  }
  return options->only_if.len == 0
             ? 0
             : condition_parse(options->only_if.items[0],
                               options->only_if.items[1], &row->only_if, error);
}

static int add_selectors(struct rows *rows, size_t row,
                         const struct option_strings *metrics,
                         struct error *error) {
  rows->items[row].first_selector = rows->selectors_len;
  rows->items[row].selectors_len = metrics->len;
  for (size_t i = 0; i < metrics->len; i++) {
    struct selector *selector = &rows->selectors[rows->selectors_len];
    int code = selector_parse(metrics->items[i], selector, error);
    if (code != 0) {
      return code;
    }
    rows->owners[rows->selectors_len++] = row;
  }
  return 0;
}

/* warning and failure are 1 and 2; a time that is up is all that is missed. */
static void notification_init(struct row *row,
                              const struct notification_options *options) {
  row->rule = (struct alert_rule){
      .warning_min = (double)NAN,
      .warning_max = 0.5,
      .failure_min = (double)NAN,
      .failure_max = 1.5,
      .missing = ALERT_MISSING_OKAY,
  };
  row->notification = options;
  row->name = options->head.label;
  row->unit = "";
}

static size_t blocks_len(const struct option_blocks *blocks) {
  return blocks == NULL ? 0 : blocks->len;
}

static int allocate(struct rows *rows, const struct rows_source *source) {
  size_t stock_len =
      source->stock == NULL ? 0 : stock_rows_count(source->stock);
  size_t thresholds_len = blocks_len(source->thresholds);
  size_t named_len = thresholds_len + blocks_len(source->notifications);
  size_t selectors = 0;
  for (size_t i = 0; i < thresholds_len; i++) {
    const struct threshold_options *options = source->thresholds->items;
    selectors += options[i].metrics.len;
  }
  *rows = (struct rows){
      .items = calloc(named_len + stock_len + 1, sizeof(*rows->items)),
      .selectors = calloc(selectors + 1, sizeof(*rows->selectors)),
      .owners = calloc(selectors + 1, sizeof(*rows->owners)),
      .scopes = calloc(stock_len + 1, sizeof(*rows->scopes)),
      .len = named_len + stock_len,
      .thresholds_len = thresholds_len,
      .named_len = named_len,
  };
  bool is_there = rows->items != NULL && rows->selectors != NULL &&
                  rows->owners != NULL && rows->scopes != NULL;
  if (!is_there) {
    rows->len = 0;
  }
  return is_there ? 0 : -ENOMEM;
}

static int fill_thresholds(struct rows *rows,
                           const struct option_blocks *thresholds,
                           struct error *error) {
  int code = 0;
  for (size_t i = 0; i < rows->thresholds_len && code == 0; i++) {
    const struct threshold_options *options = thresholds->items;
    code = row_init(&rows->items[i], &options[i], error);
    rows->has_conditions =
        rows->has_conditions || rows->items[i].only_if.text != NULL;
    if (code == 0) {
      code = add_selectors(rows, i, &options[i].metrics, error);
    }
  }
  return code;
}

static int fill(struct rows *rows, const struct rows_source *source,
                struct error *error) {
  int code = fill_thresholds(rows, source->thresholds, error);
  for (size_t i = rows->thresholds_len; i < rows->named_len; i++) {
    const struct notification_options *options = source->notifications->items;
    notification_init(&rows->items[i], &options[i - rows->thresholds_len]);
  }
  if (code == 0 && source->stock != NULL) {
    code = stock_rows_fill(source->stock, rows->items + rows->named_len,
                           rows->scopes);
  }
  for (size_t i = 0; i < rows->len; i++) {
    struct row *row = &rows->items[i];
    row->index = i;
    row->warning_word =
        row->warning_word == NULL ? "warning" : row->warning_word;
    row->failure_word =
        row->failure_word == NULL ? "failure" : row->failure_word;
  }
  return code;
}

int rows_init(struct rows *rows, const struct rows_source *source,
              struct error *error) {
  int code = allocate(rows, source);
  if (code == 0) {
    code = fill(rows, source, error);
  }
  if (code == -ENOMEM) {
    (void)error_set(error, code, "out of memory");
  }
  if (code != 0) {
    rows_fini(rows);
  }
  return code;
}

void rows_fini(struct rows *rows) {
  if (rows == NULL) {
    return;
  }
  for (size_t i = 0; i < rows->selectors_len; i++) {
    selector_fini(&rows->selectors[i]);
  }
  for (size_t i = 0; i < rows->len; i++) {
    condition_fini(&rows->items[i].only_if);
    free(rows->items[i].owned_name);
  }
  free(rows->scopes);
  free(rows->selectors);
  free(rows->owners);
  free(rows->items);
  memset(rows, 0, sizeof(*rows));
}

/* The most special stock rows that fit. Returns how many. */
static size_t match_stock(const struct rows *rows,
                          const struct reading_names *names,
                          struct row **ret_matched) {
  int best = -1;
  size_t len = 0;
  for (size_t i = rows->named_len; i < rows->len; i++) {
    struct row *row = &rows->items[i];
    int rank = stock_scope_rank(row->scope, names);
    if (rank > best) {
      best = rank;
      len = 0;
    }
    if (rank >= 0 && rank == best) {
      ret_matched[len++] = row;
    }
  }
  return len;
}

size_t rows_match(const struct rows *rows,
                  const struct selector_subject *subject,
                  const struct reading_names *names, struct row **ret_matched) {
  size_t len = 0;
  for (size_t i = 0; i < rows->selectors_len; i++) {
    if (selector_matches(&rows->selectors[i], subject)) {
      struct row *row = &rows->items[rows->owners[i]];
      ret_matched[len++] = row;
      i = row->first_selector + row->selectors_len - 1; /* the next row */
    }
  }
  return len + match_stock(rows, names, ret_matched + len);
}

bool rows_look_at(const struct rows *rows, const struct reading_names *names) {
  for (size_t i = 0; rows->has_conditions && i < rows->thresholds_len; i++) {
    const struct condition *condition = &rows->items[i].only_if;
    if (condition->text != NULL && condition_may_mean(condition, names)) {
      return true;
    }
  }
  return false;
}

bool rows_watch_source(const struct rows *rows, const struct row *row,
                       const struct selector_subject *subject,
                       const char *source) {
  if (row->notification != NULL) {
    return true;
  }
  if (row->is_stock) {
    return row->scope->source == NULL ||
           strcmp(row->scope->source, source) == 0;
  }
  for (size_t i = 0; i < row->selectors_len; i++) {
    const struct selector *selector = &rows->selectors[row->first_selector + i];
    if (selector_matches_source(selector, source) &&
        selector_matches(selector, subject)) {
      return true;
    }
  }
  return false;
}

enum alert_state row_worst(const struct row *row) {
  enum alert_state worst = ALERT_UNKNOWN;
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&row->counts[state], memory_order_relaxed) > 0) {
      worst = alert_state_worse(worst, (enum alert_state)state);
    }
  }
  return worst;
}

bool row_is_idle(const struct row *row) {
  for (int state = 0; state < ALERT_STATES; state++) {
    if (atomic_load_explicit(&row->counts[state], memory_order_relaxed) > 0) {
      return false;
    }
  }
  return true;
}
