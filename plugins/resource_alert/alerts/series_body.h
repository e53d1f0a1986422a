/* SPDX-License-Identifier: MIT */
/* series_body: a series bound to the rules that watch it, once at first sight.
 */
#ifndef RESOURCE_ALERT_ALERTS_SERIES_BODY_H
#define RESOURCE_ALERT_ALERTS_SERIES_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/alerts/companion.h"
#include "resource_alert/alerts/fingerprint.h"
#include "resource_alert/alerts/names.h"
#include "resource_alert/alerts/series_type.h"
#include "resource_alert/rules/rule.h"

struct series;

/* A rule on one data source of one series. Guarded by the series' lock. */
struct watch {
  struct rule *rule;
  struct alert alert;
  struct series *series;
  struct watch *next_changed; /* guarded by the lock of struct changes */
  struct alert_change change; /* the last one; while it is queued, its "from"
                                 is the state that was dispatched last */
  int64_t notified_ms;        /* monotonic: when it was last notified */
  uint8_t source;             /* index among the data sources */
  bool is_queued : 1;         /* stands in struct changes */
  bool was_notified : 1;      /* alert.is_notified as dispatched last */
  uint16_t coalesced;         /* further changes while it was queued */
};

_Static_assert(sizeof(struct watch) <= 128, "the goal for a rule and series");

/* The state that was dispatched last, or needs no dispatching. */
static inline enum alert_state watch_dispatched(const struct watch *watch) {
  return watch->is_queued ? watch->change.from
                          : (enum alert_state)watch->alert.state;
}

/* What is needed once something happens. Guarded by the series' lock; what
 * never changes may be read by whoever holds the body. */
struct series_body {
  struct series_names { /* shared among series */
    const char *host, *plugin, *plugin_instance, *type, *type_instance;
  } names;
  const struct series_type *type;
  uint64_t *previous; /* raw values, for rates; NULL: all are levels */
  struct companion **companions; /* of each watch, NULL where its rule has no
                                    OnlyIf; NULL: none has */
  struct series_kept {           /* what rules of other series look at */
    struct companion *companion;
    size_t source;
  } * kept;
  int64_t time_ns;  /* of the last value judged; 0: none yet */
  int64_t clock_ms; /* see struct alert_time */
  uint16_t kept_len;
  uint16_t watches_len;
  struct watch watches[];
};

/* What all bodies of a table share. Guarded by its owner's lock. */
struct series_store {
  struct names names;
  struct companions companions;
  struct fingerprint_key key;
};

/* What a series is bound by. All borrowed for the call. */
struct series_binding {
  const struct rules *rules;
  const struct series_type *type;
  const struct reading_names *names;
  struct fingerprint id;
  struct selector_subject subject; /* of the names */
  struct rule **matched;           /* by rules_match() */
  size_t matched_len;
  bool is_heard; /* of notifications, not of values */
};

/* Binds the series to every data source that a matching rule watches, and to
 * the rules whose OnlyIf looks at it.
 * Returns 0 with *ret_body yours (series_body_free), or NULL in it if there is
 * none; -ENOMEM. */
int series_body_new(struct series_store *store,
                    const struct series_binding *binding,
                    struct series_body **ret_body);

/* The rules' counts of its alerts go down. Accepts NULL. */
void series_body_free(struct series_store *store, struct series_body *body);

/* "host/plugin-instance/type-instance", with ":source" where the type has more
 * than one. */
void series_format_name(const struct series_body *body, size_t source,
                        char *text, size_t bytes);

void series_copy_names(const struct series_body *body,
                       struct reading_names *ret_names);

const char *series_source_name(const struct series_body *body, size_t source);

#endif
