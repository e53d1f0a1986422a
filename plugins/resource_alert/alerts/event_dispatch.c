/* SPDX-License-Identifier: MIT */
/* event_dispatch: delivers alert events in the order that survives a kill.
 *
 * An event is in the state file before anybody receives it. A mark follows once
 * the journal has its line and the notification plugins have returned. A kill
 * in between leaves it without a mark: the next start delivers it to those that
 * have none. */
#include "resource_alert/alerts/event_dispatch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/worker_thread.h"
#include "resource_alert/alerts/change_queue.h"
#include "resource_alert/alerts/engine.h"

/* Notifications that wait for a slow plugin; further ones are dropped. */
#define WAITING_MAX 1024
#define DRAIN_MS 1500 /* the notification plugins are waited for at the end */
#define LAST_LINE_MS 500 /* the journal's thread is waited for at the end */
#define OWED_MS 1000     /* between two looks at what silences hid */
#define MARK_EACH 64     /* events of a storm, so that the outbox stays short */
#define STUCK_MS 10000

struct event_dispatch {
  struct engine_deps deps;
  struct series_table *table;
  struct change_queue *queue; /* woken after each notification */
  /* Dispatches notifications, since a thread that does so waits for every
   * notification plugin of the daemon. */
  struct worker_thread *notifier;
  _Atomic uint64_t dropped;            /* notifications without memory */
  uint64_t queued_number;              /* of the last event in its queue */
  _Atomic uint64_t done_number;        /* of the last event it has done */
  struct alert_state_file *state_file; /* NULL: nothing is saved */
  unsigned unmarked;                   /* events since the last mark */
  struct removed_list removed; /* to be closed with the first delivery */
  bool has_redelivered;        /* what was left before the restart */
  bool has_owed;               /* a silence may have hidden a state */
  int64_t owed_ms;             /* monotonic: when these were looked at */
};

/* ---- delivering ---- */

static void journal_event(struct event_dispatch *dispatch,
                          const struct alert_event *event) {
  if (dispatch->deps.journal != NULL) {
    journal_put_alert(dispatch->deps.journal, alert_event_to_json(event),
                      event->number);
  }
}

/* Wakes the workers of the responses; never waits for them. */
static void hand_to_responses(struct event_dispatch *dispatch,
                              const struct alert_event *event) {
  const struct alert_event_sink *responses = &dispatch->deps.responses;
  bool has_rule = event->change.cause != ALERT_CAUSE_REMOVED;
  if (responses->take_event != NULL && has_rule) {
    responses->take_event(responses->context, event);
  }
}

/* On the notifier's thread. */
static void notify_event(void *context, void *item) {
  struct event_dispatch *dispatch = context;
  const struct alert_event *event = item;
  alert_event_notify(event, &dispatch->deps.notifications);
  atomic_store(&dispatch->done_number, event->number);
  change_queue_wake(dispatch->queue); /* so that it is marked */
}

/* A full queue drops it: the log has it, and the journal. */
static void hand_to_notifier(struct event_dispatch *dispatch,
                             const struct alert_event *event) {
  struct alert_event *copy = malloc(sizeof(*copy));
  if (copy == NULL) {
    dispatch->dropped++;
    return;
  }
  *copy = *event;
  if (worker_thread_put(dispatch->notifier, copy)) {
    dispatch->queued_number = event->number;
  }
}

/* An event that came as a notification is not notified again: every plugin has
 * received that one. */
static void log_and_queue_notification(struct event_dispatch *dispatch,
                                       const struct alert_event *event) {
  if (!event->change.should_notify) {
    return;
  }
  char text[LOG_LINE_BYTES];
  alert_event_format(event, text, sizeof(text));
  log_write(&dispatch->deps.log,
            event->change.to == ALERT_OKAY ||
                    alert_cause_is_end(event->change.cause)
                ? LOG_LEVEL_NOTICE
                : LOG_LEVEL_WARNING,
            "%s", text);
  if (event->rule->notification == NULL && !event->is_silenced) {
    hand_to_notifier(dispatch, event);
  }
}

void event_dispatch_deliver(struct event_dispatch *dispatch,
                            struct alert_event *event) {
  event_dispatch_redeliver(dispatch);
  if (dispatch->state_file != NULL) {
    alert_state_file_append_event(dispatch->state_file, event);
  }
  journal_event(dispatch, event);
  hand_to_responses(dispatch, event); /* before the log, which may block */
  log_and_queue_notification(dispatch, event);
  dispatch->has_owed = dispatch->has_owed || event->is_silenced;
  if (++dispatch->unmarked >= MARK_EACH) {
    event_dispatch_mark_delivered(dispatch);
  }
}

/* Makes the event of the first alert of the series that is owed. Under its
 * lock. Further ones are for the next look. */
static bool take_owed_of_series(struct event_dispatch *dispatch,
                                struct series *series,
                                struct alert_event *ret_event) {
  for (size_t i = 0; i < series->alerts_len; i++) {
    if (alert_event_is_owed(&series->alerts[i])) {
      dispatch->has_owed = true;
      if (alert_event_take_owed(&series->alerts[i], dispatch->deps.silences,
                                dispatch->deps.clock->wall_ms(), ret_event)) {
        return true;
      }
    }
  }
  return false;
}

void event_dispatch_deliver_owed(struct event_dispatch *dispatch) {
  int64_t now_ms = dispatch->deps.clock->monotonic_ms();
  if (!dispatch->has_owed || now_ms - dispatch->owed_ms < OWED_MS) {
    return;
  }
  dispatch->has_owed = false;
  dispatch->owed_ms = now_ms;
  struct series *series;
  struct series_cursor cursor = {0};
  while ((series = series_table_lock_next(dispatch->table, &cursor)) != NULL) {
    struct alert_event event;
    bool is_owed = take_owed_of_series(dispatch, series, &event);
    series_unlock(series);
    if (is_owed) {
      event_dispatch_deliver(dispatch, &event);
    }
  }
}

/* An event of before the restart, to those who have not received it. */
static void redeliver_event(void *context, const struct alert_event *event) {
  struct event_dispatch *dispatch = context;
  struct delivery_marks marks = alert_state_file_marks(dispatch->state_file);
  if (event->number > marks.journaled) {
    journal_event(dispatch, event);
  }
  if (event->number > marks.notified) {
    log_and_queue_notification(dispatch, event);
  }
}

static void close_removed_alert(void *context, struct alert_event *event) {
  event_dispatch_deliver(context, event);
}

void event_dispatch_redeliver(struct event_dispatch *dispatch) {
  if (dispatch->has_redelivered) {
    return;
  }
  dispatch->has_redelivered = true;
  if (dispatch->state_file != NULL) {
    alert_state_file_redeliver(dispatch->state_file, redeliver_event, dispatch);
    removed_alerts_close(&dispatch->removed, dispatch->deps.clock->wall_ms(),
                         close_removed_alert, dispatch);
  }
}

/* ---- marking ---- */

/* wait_ms: for the journal. */
static void mark_delivered(struct event_dispatch *dispatch, int wait_ms) {
  dispatch->unmarked = 0;
  if (dispatch->state_file == NULL || !dispatch->has_redelivered) {
    return;
  }
  uint64_t last = alert_state_file_last_number(dispatch->state_file);
  struct delivery_marks marks = alert_state_file_marks(dispatch->state_file);
  uint64_t done = atomic_load(&dispatch->done_number);
  marks.notified = done == dispatch->queued_number ? last : done;
  if (dispatch->deps.journal == NULL) {
    marks.journaled = last;
  } else if (marks.journaled < last) { /* else it was before this start */
    marks.journaled =
        journal_wait_for_alert(dispatch->deps.journal, last, wait_ms);
  }
  alert_state_file_mark_delivered(dispatch->state_file, &marks);
}

void event_dispatch_mark_delivered(struct event_dispatch *dispatch) {
  mark_delivered(dispatch, 0);
}

/* ---- saving ---- */

void event_dispatch_rewrite_if_grown(struct event_dispatch *dispatch,
                                     bool is_last) {
  if (dispatch->state_file != NULL) {
    alert_state_file_rewrite_if_grown(
        dispatch->state_file, dispatch->table, is_last,
        dispatch->deps.clock->monotonic_ms(), dispatch->deps.clock->wall_ms());
  }
}

/* ---- life ---- */

static int restore_states(struct event_dispatch *dispatch,
                          struct error *error) {
  const struct engine_deps *deps = &dispatch->deps;
  const char *directory = deps->options->state_dir;
  const struct alert_restore restore = {
      .table = dispatch->table,
      .find_type = deps->find_type,
      .now_ms = deps->clock->monotonic_ms(),
      .wall_ms = deps->clock->wall_ms(),
      .removed = &dispatch->removed,
  };
  return directory == NULL
             ? 0
             : alert_state_file_open(directory, &deps->log, &restore,
                                     &dispatch->state_file, error);
}

static void free_dispatch(struct event_dispatch *dispatch) {
  alert_state_file_close(dispatch->state_file);
  removed_alerts_fini(&dispatch->removed);
  free(dispatch);
}

static int start_notifier(struct event_dispatch *dispatch,
                          struct error *error) {
  const struct worker_thread_options options = {
      .work = notify_event,
      .free_item = free,
      .context = dispatch,
      .items_max = WAITING_MAX,
  };
  return worker_thread_new(&options, &dispatch->notifier, error);
}

int event_dispatch_open(const struct engine_deps *deps,
                        struct series_table *table, struct change_queue *queue,
                        struct event_dispatch **ret, struct error *error) {
  struct event_dispatch *dispatch = calloc(1, sizeof(*dispatch));
  if (dispatch == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  dispatch->deps = *deps;
  dispatch->table = table;
  dispatch->queue = queue;
  dispatch->has_owed = true; /* perhaps, before the restart */
  int code = restore_states(dispatch, error);
  code = code != 0 ? code : start_notifier(dispatch, error);
  if (code != 0) {
    free_dispatch(dispatch);
    return code;
  }
  *ret = dispatch;
  return 0;
}

size_t event_dispatch_count_waiting(struct event_dispatch *dispatch) {
  return worker_thread_count_open(dispatch->notifier);
}

uint64_t event_dispatch_count_dropped(struct event_dispatch *dispatch) {
  return worker_thread_count_dropped(dispatch->notifier) +
         atomic_load(&dispatch->dropped);
}

void event_dispatch_report_problems(struct event_dispatch *dispatch,
                                    const struct log_sink *sink) {
  int64_t busy_ms = worker_thread_busy_ms(dispatch->notifier);
  if (busy_ms > STUCK_MS) {
    log_write(sink, LOG_LEVEL_ERROR,
              "notifications: a notification plugin has hung for %lld s",
              (long long)busy_ms / 1000);
  }
  if (dispatch->state_file != NULL &&
      !alert_state_file_is_saving(dispatch->state_file)) {
    log_write(sink, LOG_LEVEL_WARNING, "alert states: cannot be saved");
  }
}

bool event_dispatch_stop(struct event_dispatch *dispatch) {
  if (dispatch == NULL) {
    return true;
  }
  bool is_ended = worker_thread_stop(dispatch->notifier, DRAIN_MS);
  mark_delivered(dispatch, LAST_LINE_MS);
  if (is_ended) {
    free_dispatch(dispatch);
  }
  return is_ended;
}
