/* SPDX-License-Identifier: MIT */
/* event_dispatch: delivers alert events in the order that survives a kill.
 *
 * An event is in the state file before anybody receives it. A mark follows once
 * the journal has its line and the notification plugins have returned. A kill
 * in between leaves it without a mark: the next start delivers it to those that
 * have none. */
#include "resource_alert/alerts/event_dispatch.h"

#include <errno.h>
#include <stdlib.h>

#include "resource_alert/alerts/notifier.h"
#include "resource_alert/journal.h"

#define LAST_LINE_MS 1000 /* the journal's thread is waited for at the end */
#define MARK_EACH 64 /* events of a storm, so that the outbox stays short */

struct event_dispatch {
  struct event_dispatch_deps deps;
  struct notifier *notifier;
  struct alert_state_file *state_file; /* NULL: nothing is saved */
  unsigned unmarked;                   /* events since the last mark */
  struct alert_event *undelivered;     /* by a kill, oldest first */
  size_t undelivered_len, undelivered_room;
  struct delivery_marks undelivered_marks; /* who has received them */
};

/* ---- delivering ---- */

static void save_event(struct event_dispatch *dispatch,
                       struct alert_event *event) {
  if (dispatch->state_file != NULL) {
    alert_state_file_append(dispatch->state_file, event,
                            dispatch->deps.monotonic_ms());
  }
}

static void journal_event(struct event_dispatch *dispatch,
                          const struct alert_event *event) {
  if (dispatch->deps.journal != NULL) {
    journal_put_alert(dispatch->deps.journal, alert_event_to_json(event),
                      event->number);
  }
}

static void hand_to_responses(struct event_dispatch *dispatch,
                              const struct alert_event *event) {
  const struct alert_event_sink *responses = &dispatch->deps.responses;
  if (responses->take_event != NULL) {
    responses->take_event(responses->context, event);
  }
}

/* An event that came as a notification is not notified again: every plugin has
 * received that one. */
static void log_and_notify(struct event_dispatch *dispatch,
                           const struct alert_event *event) {
  if (!event->change.should_notify) {
    return;
  }
  char text[LOG_LINE_BYTES];
  alert_event_format(event, text, sizeof(text));
  log_write(&dispatch->deps.log,
            event->change.to == ALERT_OKAY ? LOG_LEVEL_NOTICE
                                           : LOG_LEVEL_WARNING,
            "%s", text);
  if (event->rule->notification == NULL &&
      !silences_cover(dispatch->deps.silences, event->rule->name, event->series,
                      dispatch->deps.wall_ms())) {
    notifier_put(dispatch->notifier, event);
  }
}

void event_dispatch(struct event_dispatch *dispatch,
                    struct alert_event *event) {
  event_dispatch_redeliver(dispatch);
  save_event(dispatch, event);
  journal_event(dispatch, event);
  hand_to_responses(dispatch, event); /* before the log, which may block */
  log_and_notify(dispatch, event);
  if (++dispatch->unmarked >= MARK_EACH) {
    event_dispatch_mark(dispatch);
  }
}

void event_dispatch_redeliver(struct event_dispatch *dispatch) {
  const struct delivery_marks *marks = &dispatch->undelivered_marks;
  for (size_t i = 0; i < dispatch->undelivered_len; i++) {
    const struct alert_event *event = &dispatch->undelivered[i];
    if (event->number > marks->journaled) {
      journal_event(dispatch, event);
    }
    if (event->number > marks->notified) {
      log_and_notify(dispatch, event);
    }
  }
  free(dispatch->undelivered);
  dispatch->undelivered = NULL;
  dispatch->undelivered_len = 0;
}

/* ---- marking ---- */

/* wait_ms: for the journal. */
static void mark_delivered(struct event_dispatch *dispatch, int wait_ms) {
  dispatch->unmarked = 0;
  if (dispatch->state_file == NULL || dispatch->undelivered_len > 0) {
    return;
  }
  uint64_t last = alert_state_file_last_number(dispatch->state_file);
  uint64_t oldest = notifier_oldest(dispatch->notifier);
  struct delivery_marks marks = alert_state_file_marks(dispatch->state_file);
  marks.notified = oldest > 0 ? oldest - 1 : last;
  if (dispatch->deps.journal == NULL) {
    marks.journaled = last;
  } else if (marks.journaled < last) { /* else it was before this start */
    marks.journaled =
        journal_wait_for_alert(dispatch->deps.journal, last, wait_ms);
  }
  alert_state_file_mark(dispatch->state_file, &marks,
                        dispatch->deps.monotonic_ms());
}

void event_dispatch_mark(struct event_dispatch *dispatch) {
  mark_delivered(dispatch, 0);
}

/* ---- saving ---- */

void event_dispatch_save_all(struct event_dispatch *dispatch,
                             struct series_table *table, bool is_last) {
  struct alert_state_file *file = dispatch->state_file;
  int64_t now_ms = dispatch->deps.monotonic_ms();
  if (file != NULL &&
      (is_last || alert_state_file_wants_rewrite(file, now_ms))) {
    alert_state_file_rewrite(file, table, now_ms, dispatch->deps.wall_ms());
  }
}

static void keep_undelivered(void *context, const struct alert_event *event) {
  struct event_dispatch *dispatch = context;
  if (dispatch->undelivered_len == dispatch->undelivered_room) {
    size_t room = 2 * dispatch->undelivered_room + 16;
    struct alert_event *more =
        realloc(dispatch->undelivered, room * sizeof(*more));
    if (more == NULL) {
      return;
    }
    dispatch->undelivered = more;
    dispatch->undelivered_room = room;
  }
  dispatch->undelivered[dispatch->undelivered_len++] = *event;
}

static int restore_states(struct event_dispatch *dispatch,
                          struct series_table *table,
                          alert_find_type *find_type) {
  int code = alert_state_file_new(dispatch->deps.state_dir, &dispatch->deps.log,
                                  &dispatch->state_file);
  if (code != 0) {
    return code;
  }
  const struct alert_restore restore = {
      .table = table,
      .find_type = find_type,
      .now_ms = dispatch->deps.monotonic_ms(),
      .wall_ms = dispatch->deps.wall_ms(),
      .take_undelivered = keep_undelivered,
      .context = dispatch,
  };
  alert_state_file_restore(dispatch->state_file, &restore);
  dispatch->undelivered_marks = alert_state_file_marks(dispatch->state_file);
  event_dispatch_save_all(dispatch, table, true);
  return 0;
}

/* ---- life ---- */

static void free_dispatch(struct event_dispatch *dispatch) {
  alert_state_file_free(dispatch->state_file);
  free(dispatch->undelivered);
  free(dispatch);
}

int event_dispatch_new(const struct event_dispatch_deps *deps,
                       struct series_table *table, alert_find_type *find_type,
                       struct event_dispatch **ret, struct error *error) {
  struct event_dispatch *dispatch = calloc(1, sizeof(*dispatch));
  if (dispatch == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  dispatch->deps = *deps;
  int code =
      deps->state_dir == NULL ? 0 : restore_states(dispatch, table, find_type);
  code = code != 0 ? error_set(error, code, "out of memory")
                   : notifier_new(&deps->notifications, deps->queue,
                                  &dispatch->notifier, error);
  if (code != 0) {
    free_dispatch(dispatch);
    return code;
  }
  *ret = dispatch;
  return 0;
}

size_t event_dispatch_waiting(struct event_dispatch *dispatch) {
  return notifier_waiting(dispatch->notifier);
}

uint64_t event_dispatch_dropped(struct event_dispatch *dispatch) {
  return notifier_dropped(dispatch->notifier);
}

bool event_dispatch_stop(struct event_dispatch *dispatch) {
  if (dispatch == NULL) {
    return true;
  }
  bool is_drained = notifier_drain(dispatch->notifier);
  mark_delivered(dispatch, LAST_LINE_MS);
  if (!is_drained) {
    return false;
  }
  notifier_free(dispatch->notifier);
  free_dispatch(dispatch);
  return true;
}
