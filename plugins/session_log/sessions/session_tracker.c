/* SPDX-License-Identifier: MIT */
/* session_tracker: counts the database sessions that a log reports. */
#include "session_log/sessions/session_tracker.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of one line: syslog repeats a line with a name only by mistake. */
#define REPEATED_NAMES_MAX 100
#define UNNAMED_FAILURES_MAX 64
/* A clock that is corrected by less is waited for. */
#define CLOCK_SLACK_S 60
#define SESSIONS_MAX ((size_t)1 << 24) /* in a file; as MaxSessions */

/* Errors of sessions without a name that no close has followed so far. */
struct unnamed_failures {
  struct {
    int64_t at_s;
    int64_t count;
  } pending[UNNAMED_FAILURES_MAX]; /* oldest first */
  size_t pending_len;
  int64_t unclosed;     /* waited for longer than CloseWithin */
  int64_t opened_since; /* the next closes are theirs */
};

struct session_tracker {
  const struct session_tracker_limits *limits; /* borrowed */
  struct session_tracker_stats stats; /* its counters; levels are computed */
  struct leak_trend trend;
  struct hash_map sessions; /* by key; owns the entries */
  struct session_tracker_entry *oldest, *newest;
  uint64_t seed; /* of the keys; saved with them, so that they can be loaded */
  struct unnamed_failures unnamed;
  int64_t latest_s;
  int64_t named_open;
  int64_t leaked;      /* marked in the table */
  int64_t unclosed;    /* marked in the table */
  int64_t failed_open; /* in the table, with an error */
  uint64_t unnamed_opened;
  bool has_names;
};

int session_tracker_new(const struct session_tracker_limits *limits,
                        struct session_tracker **ret_tracker) {
  struct session_tracker *tracker = calloc(1, sizeof(*tracker));
  if (tracker == NULL) {
    return -ENOMEM;
  }
  /* Against names chosen so that their keys collide. */
  if (getrandom(&tracker->seed, sizeof(tracker->seed), GRND_NONBLOCK) < 0) {
    tracker->seed = (uintptr_t)tracker; /* early in the boot */
  }
  tracker->limits = limits;
  *ret_tracker = tracker;
  return 0;
}

/* ---- the table of sessions with a name, oldest first ---- */

static struct session_tracker_entry *
find_session(const struct session_tracker *tracker, uint64_t key) {
  return HASH_MAP_OWNER(
      hash_map_find_hashed(&tracker->sessions, key, &key, sizeof(key)),
      struct session_tracker_entry, node);
}

/* Adds a copy of the session *WANTED that is not there, as the newest. file:
 * may be NULL. Returns NULL when MaxSessions are open or memory is short. */
static struct session_tracker_entry *
add_session(struct session_tracker *tracker,
            const struct session_tracker_entry *wanted, const char *file) {
  struct session_tracker_entry *session =
      tracker->sessions.len < (size_t)tracker->limits->sessions_max
          ? malloc(sizeof(*session))
          : NULL;
  if (session == NULL) {
    return NULL;
  }
  *session = *wanted;
  if (hash_map_insert_hashed(&tracker->sessions, &session->node, session->key,
                             &session->key, sizeof(session->key)) != 0) {
    free(session);
    return NULL;
  }
  session->file = file == NULL ? NULL : strdup(file);
  session->older = tracker->newest;
  *(tracker->newest == NULL ? &tracker->oldest : &tracker->newest->newer) =
      session;
  tracker->newest = session;
  tracker->named_open += session->depth;
  tracker->leaked += session->is_leaked;
  tracker->unclosed += session->is_unclosed;
  tracker->failed_open += session->failed_s != 0;
  return session;
}

/* Takes back what add_session() and later events have added to the levels. */
static void forget_session(struct session_tracker *tracker,
                           struct session_tracker_entry *session) {
  struct session_tracker_entry *older = session->older;
  struct session_tracker_entry *newer = session->newer;
  tracker->named_open -= session->depth;
  tracker->leaked -= session->is_leaked;
  tracker->unclosed -= session->is_unclosed;
  tracker->failed_open -= session->failed_s != 0;
  hash_map_remove(&tracker->sessions, &session->node);
  *(older == NULL ? &tracker->oldest : &older->newer) = newer;
  *(newer == NULL ? &tracker->newest : &newer->older) = older;
  free(session->file);
  free(session);
}

void session_tracker_free(struct session_tracker *tracker) {
  if (tracker != NULL) {
    while (tracker->oldest != NULL) {
      forget_session(tracker, tracker->oldest);
    }
    hash_map_fini(&tracker->sessions);
    free(tracker);
  }
}

/* ---- errors of sessions without a name: only their number is known ---- */

static void drop_oldest_failure(struct unnamed_failures *failures) {
  failures->pending_len--;
  memmove(failures->pending, failures->pending + 1,
          failures->pending_len * sizeof(failures->pending[0]));
}

/* The oldest failures come first, so the first one that is young enough ends
 * the search. */
static void expire_failures(struct unnamed_failures *failures, int64_t at_s,
                            int64_t close_within_s) {
  while (failures->pending_len > 0 &&
         at_s - failures->pending[0].at_s > close_within_s) {
    failures->unclosed += failures->pending[0].count;
    failures->opened_since = 0;
    drop_oldest_failure(failures);
  }
}

/* Failures of one second share an entry; when all are used, the last one takes
 * what comes. */
static void add_failures(struct unnamed_failures *failures, int64_t at_s,
                         int64_t count) {
  size_t len = failures->pending_len;
  bool is_full = len == UNNAMED_FAILURES_MAX;
  if (len > 0 && (is_full || failures->pending[len - 1].at_s == at_s)) {
    failures->pending[len - 1].at_s = at_s;
    failures->pending[len - 1].count += count;
    return;
  }
  failures->pending[len].at_s = at_s;
  failures->pending[len].count = count;
  failures->pending_len++;
}

/* Subtracts up to COUNT from *from. Returns the rest of COUNT. */
static int64_t subtract_up_to(int64_t *from, int64_t count) {
  int64_t taken = count < *from ? count : *from;
  *from -= taken;
  return count - taken;
}

/* COUNT closes: each may belong to the oldest failure, which is then no proof
 * of a session that was not closed. */
static void match_closes_to_failures(struct unnamed_failures *failures,
                                     int64_t count) {
  while (count > 0 && failures->pending_len > 0) {
    count = subtract_up_to(&failures->pending[0].count, count);
    if (failures->pending[0].count == 0) {
      drop_oldest_failure(failures);
    }
  }
  /* Then to sessions that were opened since, then to those given as unclosed.
   */
  count = subtract_up_to(&failures->opened_since, count);
  (void)subtract_up_to(&failures->unclosed, count);
}

/* ---- sessions by name ---- */

/* A name that is opened once more before it is closed becomes deeper; this
 * happens with nested sessions and with names that are used again. */
static void open_named_session(struct session_tracker *tracker,
                               const struct session_tracker_line *line,
                               uint64_t key, int64_t at_s) {
  struct session_tracker_entry *known = find_session(tracker, key);
  if (known != NULL) {
    known->depth++;
    tracker->named_open++;
    return;
  }
  struct session_tracker_entry session = {
      .key = key, .opened_s = at_s, .pid = line->pid, .depth = 1};
  size_t shown = line->id_bytes < sizeof(session.id) ? line->id_bytes
                                                     : sizeof(session.id) - 1;
  memcpy(session.id, line->id, shown);
  tracker->stats.untracked +=
      add_session(tracker, &session, line->file) == NULL;
}

/* A close ends the session, or one level of it where it was opened several
 * times under one name. */
static void close_named_session(struct session_tracker *tracker, uint64_t key) {
  struct session_tracker_entry *session = find_session(tracker, key);
  if (session == NULL) {
    tracker->stats.orphan_closed++;
    return;
  }
  tracker->stats.late_closed += session->is_leaked;
  if (session->failed_s != 0) {
    tracker->stats.recovered++;
    tracker->failed_open--;
    tracker->unclosed -= session->is_unclosed;
    session->failed_s = 0;
    session->is_unclosed = false;
  } else {
    tracker->stats.paired++;
  }
  if (session->depth > 1) {
    session->depth--;
    tracker->named_open--;
  } else {
    forget_session(tracker, session);
  }
}

/* Only the first error of a session counts: CloseWithin begins there. */
static void fail_named_session(struct session_tracker *tracker, uint64_t key,
                               int64_t at_s) {
  struct session_tracker_entry *session = find_session(tracker, key);
  if (session != NULL && session->failed_s == 0) {
    session->failed_s = at_s;
    tracker->failed_open++;
  }
}

/* Ends the sessions of the worker PID, or with 0 all sessions. */
static void end_worker_sessions(struct session_tracker *tracker, int64_t pid) {
  for (struct session_tracker_entry *newer, *session = tracker->oldest;
       session != NULL; session = newer) {
    newer = session->newer;
    if (pid == 0 || session->pid == pid) {
      tracker->stats.dropped++;
      leak_trend_add_change(&tracker->trend, -(int64_t)session->depth);
      forget_session(tracker, session);
    }
  }
  if (pid == 0) {
    leak_trend_restart(&tracker->trend);
    tracker->unnamed = (struct unnamed_failures){0};
  }
}

/* ---- lines ---- */

/* A line without a name: only how many failures have a close can be counted. */
static void count_unnamed_event(struct session_tracker *tracker,
                                const struct session_tracker_line *line,
                                int64_t at_s, uint32_t times) {
  struct unnamed_failures *unnamed = &tracker->unnamed;
  switch (line->event) {
  case SESSION_OPENED:
    tracker->unnamed_opened += times;
    unnamed->opened_since += unnamed->unclosed > 0 ? times : 0;
    break;
  case SESSION_CLOSED:
    match_closes_to_failures(unnamed, times);
    break;
  case SESSION_FAILED:
    add_failures(unnamed, at_s, times);
    break;
  case SESSION_RESTARTED:
    break;
  }
}

/* Each repetition of an opened or closed line changes the depth of the
 * session; an error is one error however often it is repeated. */
static void count_named_event(struct session_tracker *tracker,
                              const struct session_tracker_line *line,
                              int64_t at_s, uint32_t times) {
  uint64_t key = hash_map_hash_seeded(
      line->id, line->id_bytes,
      hash_map_hash_seeded(&line->pid, sizeof(line->pid), tracker->seed));
  tracker->has_names = true;
  if (line->event == SESSION_FAILED) {
    fail_named_session(tracker, key, at_s);
    return;
  }
  for (uint32_t i = 0; i < times && i < REPEATED_NAMES_MAX; i++) {
    if (line->event == SESSION_OPENED) {
      open_named_session(tracker, line, key, at_s);
    } else {
      close_named_session(tracker, key);
    }
  }
}

/* Lines of several files may be out of order: time does not run backwards. */
static void advance_time(struct session_tracker *tracker, int64_t at_s) {
  if (at_s > tracker->latest_s) {
    tracker->latest_s = at_s;
    leak_trend_advance(&tracker->trend, &tracker->limits->trend, at_s);
    expire_failures(&tracker->unnamed, at_s, tracker->limits->close_within_s);
  }
}

void session_tracker_add_event(struct session_tracker *tracker,
                               const struct session_tracker_line *line) {
  uint32_t times = line->times == 0 ? 1 : line->times;
  advance_time(tracker, line->at_s);
  int64_t at_s = tracker->latest_s;
  switch (line->event) {
  case SESSION_OPENED:
    tracker->stats.opened += times;
    leak_trend_add_change(&tracker->trend, times);
    break;
  case SESSION_CLOSED:
    tracker->stats.closed += times;
    leak_trend_add_change(&tracker->trend, -(int64_t)times);
    break;
  case SESSION_FAILED:
    tracker->stats.failed += times;
    break;
  case SESSION_RESTARTED:
    end_worker_sessions(tracker, line->pid);
    return;
  }
  if (line->id_bytes > 0) {
    count_named_event(tracker, line, at_s, times);
  } else {
    count_unnamed_event(tracker, line, at_s, times);
  }
}

/* ---- time ---- */

/* From the oldest session on; most polls look at one only. */
static void mark_leaked_sessions(struct session_tracker *tracker, int64_t now_s,
                                 session_tracker_on_leak *on_leak,
                                 void *context) {
  const struct session_tracker_limits *limits = tracker->limits;
  for (struct session_tracker_entry *newer, *session = tracker->oldest;
       session != NULL; session = newer) {
    newer = session->newer;
    int64_t age_s = now_s - session->opened_s;
    if (age_s > limits->forget_after_s) {
      tracker->stats.dropped++;
      forget_session(tracker, session);
    } else if (limits->leak_after_s == 0 || age_s <= limits->leak_after_s) {
      return; /* the others are younger */
    } else if (!session->is_leaked) {
      session->is_leaked = true;
      tracker->leaked++;
      if (on_leak != NULL) {
        on_leak(context, session, age_s);
      }
    }
  }
}

/* Looks at all sessions: errors are not in the order of the openings. */
static void mark_unclosed_sessions(struct session_tracker *tracker,
                                   int64_t now_s) {
  if (tracker->failed_open <= tracker->unclosed) {
    return; /* no error waits for its close */
  }
  for (struct session_tracker_entry *session = tracker->oldest; session != NULL;
       session = session->newer) {
    if (session->failed_s != 0 && !session->is_unclosed &&
        now_s - session->failed_s > tracker->limits->close_within_s) {
      session->is_unclosed = true;
      tracker->unclosed++;
    }
  }
}

void session_tracker_shift_times(struct session_tracker *tracker,
                                 int64_t seconds) {
  struct unnamed_failures *unnamed = &tracker->unnamed;
  for (struct session_tracker_entry *session = tracker->oldest; session != NULL;
       session = session->newer) {
    session->opened_s += seconds;
    session->failed_s += session->failed_s == 0 ? 0 : seconds;
  }
  for (size_t i = 0; i < unnamed->pending_len; i++) {
    unnamed->pending[i].at_s += seconds;
  }
  tracker->trend.window_from_s +=
      tracker->trend.window_from_s == 0 ? 0 : seconds;
  tracker->latest_s += tracker->latest_s == 0 ? 0 : seconds;
}

void session_tracker_advance(struct session_tracker *tracker, int64_t now_s,
                             session_tracker_on_leak *on_leak, void *context) {
  if (tracker->latest_s - now_s > CLOCK_SLACK_S) {
    session_tracker_shift_times(tracker, now_s - tracker->latest_s);
  }
  advance_time(tracker, now_s);
  mark_leaked_sessions(tracker, tracker->latest_s, on_leak, context);
  mark_unclosed_sessions(tracker, tracker->latest_s);
}

static int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }

void session_tracker_get_stats(const struct session_tracker *tracker,
                               struct session_tracker_stats *ret_stats) {
  const struct unnamed_failures *unnamed = &tracker->unnamed;
  struct session_tracker_stats stats = tracker->stats;
  int64_t bound = tracker->trend.net - tracker->trend.lowest;
  stats.is_exact = tracker->has_names && tracker->unnamed_opened == 0 &&
                   stats.untracked == 0;
  stats.open = stats.is_exact ? tracker->named_open
                              : larger_of(bound, tracker->named_open);
  stats.leaked = larger_of(tracker->leaked, tracker->trend.leaked);
  stats.unclosed_after_error = tracker->unclosed + unnamed->unclosed;
  stats.is_one_sided =
      stats.failed > 0 && stats.opened == 0 && stats.closed == 0;
  if (!tracker->has_names) { /* estimated from the totals */
    int64_t recovered = (int64_t)stats.failed - stats.unclosed_after_error;
    for (size_t i = 0; i < unnamed->pending_len; i++) {
      recovered -= unnamed->pending[i].count;
    }
    stats.recovered = (uint64_t)larger_of(recovered, 0);
    stats.paired = (uint64_t)larger_of(
        (int64_t)stats.closed - (int64_t)stats.recovered, 0);
  }
  *ret_stats = stats;
}

/* ---- saving and loading ---- */

/* Also the windows that are over: without them a leak would be found only
 * after LeakWindows more windows. */
static void transfer_trend(struct state_file_record *record,
                           struct leak_trend *trend) {
  state_file_transfer_signed(record, &trend->net);
  state_file_transfer_signed(record, &trend->lowest);
  state_file_transfer_signed(record, &trend->window_from_s);
  state_file_transfer_signed(record, &trend->window.lowest);
  state_file_transfer_signed(record, &trend->window.opened);
  state_file_transfer_flag(record, &trend->is_leaking);
  state_file_transfer_signed(record, &trend->base);
  state_file_transfer_signed(record, &trend->leaked);
  state_file_transfer_size(record, &trend->steady_windows, INT32_MAX);
  state_file_transfer_size(record, &trend->past_len, LEAK_TREND_WINDOWS_MAX);
  for (size_t i = 0; i < trend->past_len; i++) {
    state_file_transfer_signed(record, &trend->past[i].lowest);
    state_file_transfer_signed(record, &trend->past[i].opened);
  }
}

static void transfer_failures(struct state_file_record *record,
                              struct unnamed_failures *unnamed) {
  state_file_transfer_signed(record, &unnamed->unclosed);
  state_file_transfer_signed(record, &unnamed->opened_since);
  state_file_transfer_size(record, &unnamed->pending_len, UNNAMED_FAILURES_MAX);
  for (size_t i = 0; i < unnamed->pending_len; i++) {
    state_file_transfer_signed(record, &unnamed->pending[i].at_s);
    state_file_transfer_signed(record, &unnamed->pending[i].count);
  }
}

/* file: PATH_MAX bytes when loading. */
static void transfer_session(struct state_file_record *record,
                             struct session_tracker_entry *session,
                             char *file) {
  state_file_transfer_number(record, &session->key);
  state_file_transfer_signed(record, &session->opened_s);
  state_file_transfer_signed(record, &session->failed_s);
  state_file_transfer_signed(record, &session->pid);
  state_file_transfer_count(record, &session->depth);
  state_file_transfer_flag(record, &session->is_leaked);
  state_file_transfer_flag(record, &session->is_unclosed);
  state_file_transfer_text(record, session->id, sizeof(session->id));
  state_file_transfer_text(record, file, PATH_MAX);
}

/* Loads one session and checks what the code relies on: its depth is not 0,
 * and no two have the same key. */
static int load_session(struct session_tracker *tracker,
                        struct state_file_record *record) {
  char file[PATH_MAX];
  struct session_tracker_entry session = {.key = 0};
  transfer_session(record, &session, file);
  if (record->is_failed || session.depth == 0 ||
      (session.is_unclosed && session.failed_s == 0) ||
      find_session(tracker, session.key) != NULL) {
    return -EINVAL;
  }
  if (tracker->sessions.len >= (size_t)tracker->limits->sessions_max) {
    tracker->stats.untracked++; /* MaxSessions was lowered */
    return 0;
  }
  return add_session(tracker, &session, file) == NULL ? -ENOMEM : 0;
}

/* The oldest session is saved first, so that loading restores the order. */
static int transfer_sessions(struct session_tracker *tracker,
                             struct state_file_record *record) {
  size_t len = tracker->sessions.len;
  int code = 0;
  state_file_transfer_number(record, &tracker->seed);
  state_file_transfer_size(record, &len, SESSIONS_MAX);
  for (size_t i = 0; record->is_loading && i < len && code == 0; i++) {
    code = load_session(tracker, record);
  }
  for (struct session_tracker_entry *session = tracker->oldest;
       !record->is_loading && session != NULL; session = session->newer) {
    char none[PATH_MAX] = "";
    transfer_session(record, session,
                     session->file == NULL ? none : session->file);
  }
  return code;
}

int session_tracker_transfer(struct session_tracker *tracker,
                             struct state_file_record *record) {
  struct session_tracker_stats *stats = &tracker->stats;
  uint64_t *const counters[] = {&stats->opened,      &stats->closed,
                                &stats->failed,      &stats->orphan_closed,
                                &stats->late_closed, &stats->paired,
                                &stats->recovered,   &stats->untracked,
                                &stats->dropped,     &tracker->unnamed_opened};
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
    state_file_transfer_number(record, counters[i]);
  }
  state_file_transfer_flag(record, &tracker->has_names);
  transfer_trend(record, &tracker->trend);
  transfer_failures(record, &tracker->unnamed);
  int code = transfer_sessions(tracker, record);
  if (record->is_loading) {
    /* latest_s is not saved: it would change the file at every poll. */
    tracker->latest_s =
        larger_of(tracker->trend.window_from_s,
                  tracker->newest == NULL ? 0 : tracker->newest->opened_s);
  }
  return code == 0 && record->is_loading && record->is_failed ? -EINVAL : code;
}
