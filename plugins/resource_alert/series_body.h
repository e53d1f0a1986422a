/* SPDX-License-Identifier: MIT */
/* series_body: a series bound to the rows that watch it, once at first sight.
 */
#ifndef RESOURCE_ALERT_SERIES_BODY_H
#define RESOURCE_ALERT_SERIES_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/reading.h"
#include "resource_alert/alert.h"
#include "resource_alert/rows.h"

struct series;

/* A row on one data source of one series. Guarded by the series' lock. */
struct watch {
  struct alert alert;
  struct row *row;
  struct series *series;
  struct watch *next_changed; /* guarded by the lock of struct changes */
  double change_value;        /* what the last change is told by */
  double change_limit;
  int64_t change_held_ms;
  int64_t told_ms;   /* monotonic: when people last heard of it */
  uint8_t source;    /* index among the data sources */
  uint8_t announced; /* enum alert_state: what the announcer last saw */
  uint8_t cause;     /* enum alert_cause of the last change */
  bool is_limit_max;
  bool is_loud;
  bool is_queued;  /* stands in struct changes */
  uint16_t folded; /* changes while it was queued */
};

_Static_assert(sizeof(struct watch) <= 128, "the goal for a row and series");

struct series_source {
  struct reading_source type;
  uint64_t previous; /* raw, for rates */
};

/* What is needed once something happens; all of it in one allocation. */
struct series_body {
  struct reading_names names;
  struct series_source *sources;
  size_t sources_len;
  size_t watches_len;
  struct watch *watches;
  bool has_percentage;
};

/* Binds the series to every row that watches it.
 * Returns 0 with *ret_body yours (series_body_free), or NULL in it if no row
 * does; -ENOMEM. */
int series_body_new(const struct rows *rows, const struct reading *reading,
                    struct series_body **ret_body);

/* The rows' counts of its alerts go down. Accepts NULL. */
void series_body_free(struct series_body *body);

/* "host/plugin-instance/type-instance", with ":source" where the type has more
 * than one. */
void series_format_name(const struct series_body *body, size_t source,
                        char *text, size_t bytes);

#endif
