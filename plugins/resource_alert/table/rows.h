/* SPDX-License-Identifier: MIT */
/* rows: the threshold table, ready for use: which row watches which series,
 * and what it demands. Never changed once made; but for the counts. */
#ifndef RESOURCE_ALERT_TABLE_ROWS_H
#define RESOURCE_ALERT_TABLE_ROWS_H

#include <stdatomic.h>
#include <stddef.h>

#include "core/error.h"
#include "core/notice.h"
#include "core/option.h"
#include "core/reading.h"
#include "resource_alert/table/alert.h"
#include "resource_alert/table/condition.h"
#include "resource_alert/table/notification.h"
#include "resource_alert/table/selector.h"
#include "resource_alert/table/stock_rows.h"

struct row {
  struct alert_rule rule;
  struct condition only_if; /* all zero: none */
  bool is_percentage;
  bool is_persistent;      /* told with every reading that is not okay */
  bool is_okay_persistent; /* told with every reading that is okay */
  bool is_stock;           /* from a block of collectd's threshold plugin: its
                              notifications bear the names of the series */
  const struct notification_options *notification; /* NULL: fed by values */
  const struct stock_scope *scope;                 /* NULL unless is_stock */
  char *owned_name;                                /* likewise; owned */
  const char *name;    /* these three borrowed from the options */
  const char *message; /* NULL: the verdict */
  const char *unit;
  const char *warning_word; /* these two: see Severity */
  const char *failure_word;
  size_t index;                         /* among all rows */
  size_t first_selector, selectors_len; /* in struct rows */
  /* How many of its alerts are in which state. */
  _Atomic uint32_t counts[ALERT_STATES];
};

/* First those of <Threshold> blocks, then those of <Notification> blocks, then
 * stock's. */
struct rows {
  struct row *items;
  size_t len;
  size_t thresholds_len;
  size_t named_len;           /* <Threshold> and <Notification> */
  bool has_conditions;        /* some row has an OnlyIf */
  struct selector *selectors; /* of all rows, in their order */
  size_t selectors_len;
  size_t *owners;             /* owners[i]: index of the row of selectors[i] */
  struct stock_scope *scopes; /* of stock's rows */
};

/* What rows are made of, each NULL if there is none. Borrowed for as long as
 * the rows live. */
struct rows_source {
  const struct option_blocks *thresholds;    /* struct threshold_options */
  const struct option_blocks *notifications; /* struct notification_options */
  const struct stock_options *stock;
};

/* Returns 0, -ENOMEM, or -EINVAL for a Metric that cannot be parsed. */
int rows_init(struct rows *rows, const struct rows_source *source,
              struct error *error);

/* Accepts NULL and all zero rows. */
void rows_fini(struct rows *rows);

/* Finds the rows with a Metric line that matches the series, each once, in
 * their order, and of the stock rows the most special ones. names: of the
 * subject. ret_matched: room for all rows. Returns how many. */
size_t rows_match(const struct rows *rows,
                  const struct selector_subject *subject,
                  const struct reading_names *names, struct row **ret_matched);

/* True if some row's OnlyIf may look at the series. */
bool rows_look_at(const struct rows *rows, const struct reading_names *names);

/* True if ROW watches this data source of the series. */
bool rows_watch_source(const struct rows *rows, const struct row *row,
                       const struct selector_subject *subject,
                       const char *source);

/* True if no series matches the row. Any thread. */
bool row_is_idle(const struct row *row);

/* The worst state over all series of a row, UNKNOWN if it has none. Any
 * thread. */
enum alert_state row_worst(const struct row *row);

#endif
