/* SPDX-License-Identifier: MIT */
/* sessions: what the lines of a log say about database sessions. */
#include "session_log/sessions/sessions.h"

#include <errno.h>
#include <stdlib.h>

#include "session_log/sessions/floor.h"
#include "session_log/sessions/sessions_state.h"

/* Of one line: a name is repeated by an error of the log, if at all. */
#define REPEATED_NAMES_MAX 100

int sessions_new(const struct sessions_limits *limits,
                 struct sessions **ret_sessions) {
  struct sessions *sessions = calloc(1, sizeof(*sessions));
  if (sessions == NULL) {
    return -ENOMEM;
  }
  sessions->limits = *limits;
  session_table_init(&sessions->table, limits->sessions_max, limits->seed);
  *ret_sessions = sessions;
  return 0;
}

void sessions_free(struct sessions *sessions) {
  if (sessions != NULL) {
    session_table_fini(&sessions->table);
    free(sessions);
  }
}

/* ---- errors that nobody can name: only their number counts ---- */

static void drop_oldest(struct unnamed_failures *failures) {
  failures->pending_len--;
  for (size_t i = 0; i < failures->pending_len; i++) {
    failures->pending[i] = failures->pending[i + 1];
  }
}

static void expire_failures(struct unnamed_failures *failures, int64_t at_s,
                            int64_t close_within_s) {
  while (failures->pending_len > 0 &&
         at_s - failures->pending[0].at_s > close_within_s) {
    failures->unclosed += failures->pending[0].count;
    failures->opened_since = 0;
    drop_oldest(failures);
  }
}

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

/* Takes up to COUNT off *from. Returns what is left of COUNT. */
static int64_t take_off(int64_t *from, int64_t count) {
  int64_t taken = count < *from ? count : *from;
  *from -= taken;
  return count - taken;
}

/* A close may belong to the oldest failure: then that one is no proof. */
static void excuse_failures(struct unnamed_failures *failures, int64_t count) {
  while (count > 0 && failures->pending_len > 0) {
    count = take_off(&failures->pending[0].count, count);
    if (failures->pending[0].count == 0) {
      drop_oldest(failures);
    }
  }
  /* Rather those of sessions opened since. */
  count = take_off(&failures->opened_since, count);
  (void)take_off(&failures->unclosed, count);
}

/* ---- sessions by name ---- */

static void forget(struct sessions *sessions, uint32_t index) {
  const struct session *session = &sessions->table.sessions[index];
  sessions->named_open -= session->depth;
  sessions->leaked -= session->is_leaked;
  sessions->unclosed -= session->is_unclosed;
  sessions->failed_open -= session->failed_s != 0;
  session_table_remove(&sessions->table, index);
}

static void open_named(struct sessions *sessions,
                       const struct session_line *line, int64_t at_s) {
  struct session_table *table = &sessions->table;
  uint64_t key = session_table_key(table, line->pid, line->id, line->id_bytes);
  uint32_t index = session_table_find(table, key);
  if (index != SESSION_NONE) {
    table->sessions[index].depth++;
    sessions->named_open++;
    return;
  }
  index =
      session_table_add(table, key, line->pid, line->id, line->id_bytes, at_s);
  if (index == SESSION_NONE) {
    sessions->view.untracked++;
    return;
  }
  table->sessions[index].file = line->file;
  sessions->named_open++;
}

static void close_named(struct sessions *sessions,
                        const struct session_line *line) {
  struct session_table *table = &sessions->table;
  uint64_t key = session_table_key(table, line->pid, line->id, line->id_bytes);
  uint32_t index = session_table_find(table, key);
  if (index == SESSION_NONE) {
    sessions->view.orphan_closed++;
    return;
  }
  struct session *session = &table->sessions[index];
  sessions->view.late_closed += session->is_leaked;
  if (session->failed_s != 0) {
    sessions->view.recovered++;
    sessions->failed_open--;
    sessions->unclosed -= session->is_unclosed;
    session->failed_s = 0;
    session->is_unclosed = false;
  } else {
    sessions->view.paired++;
  }
  if (session->depth > 1) {
    session->depth--;
    sessions->named_open--;
  } else {
    forget(sessions, index);
  }
}

static void fail_named(struct sessions *sessions,
                       const struct session_line *line, int64_t at_s) {
  struct session_table *table = &sessions->table;
  uint64_t key = session_table_key(table, line->pid, line->id, line->id_bytes);
  uint32_t index = session_table_find(table, key);
  if (index != SESSION_NONE && table->sessions[index].failed_s == 0) {
    table->sessions[index].failed_s = at_s;
    sessions->failed_open++;
  }
}

static void restart(struct sessions *sessions, int64_t pid) {
  struct session_table *table = &sessions->table;
  for (uint32_t i = table->oldest; i != SESSION_NONE;) {
    uint32_t newer = table->sessions[i].newer;
    if (pid == 0 || table->sessions[i].pid == pid) {
      sessions->view.dropped++;
      floor_count(&sessions->floor, -(int64_t)table->sessions[i].depth);
      forget(sessions, i);
    }
    i = newer;
  }
  if (pid == 0) {
    floor_restart(&sessions->floor);
    sessions->unnamed = (struct unnamed_failures){0};
  }
}

/* ---- taking lines ---- */

static void count_unnamed(struct sessions *sessions,
                          const struct session_line *line, int64_t at_s,
                          uint32_t times) {
  struct unnamed_failures *unnamed = &sessions->unnamed;
  switch (line->event) {
  case SESSION_OPENED:
    sessions->unnamed_opened += times;
    unnamed->opened_since += unnamed->unclosed > 0 ? times : 0;
    break;
  case SESSION_CLOSED:
    excuse_failures(unnamed, times);
    break;
  case SESSION_FAILED:
    add_failures(unnamed, at_s, times);
    break;
  case SESSION_RESTARTED:
    break;
  }
}

static void count_named(struct sessions *sessions,
                        const struct session_line *line, int64_t at_s,
                        uint32_t times) {
  sessions->has_names = true;
  if (line->event == SESSION_FAILED) {
    fail_named(sessions, line, at_s);
    return;
  }
  for (uint32_t i = 0; i < times && i < REPEATED_NAMES_MAX; i++) {
    if (line->event == SESSION_OPENED) {
      open_named(sessions, line, at_s);
    } else {
      close_named(sessions, line);
    }
  }
}

static void pass_time(struct sessions *sessions, int64_t at_s) {
  const struct sessions_limits *limits = &sessions->limits;
  if (at_s > sessions->latest_s) {
    const struct floor_limits floor_limits = {
        .window_s = limits->window_s,
        .windows = limits->windows,
        .rise = limits->rise,
        .rise_ratio = limits->rise_ratio,
    };
    sessions->latest_s = at_s;
    floor_advance(&sessions->floor, &floor_limits, at_s);
    expire_failures(&sessions->unnamed, at_s, limits->close_within_s);
  }
}

void sessions_take(struct sessions *sessions, const struct session_line *line) {
  uint32_t times = line->times == 0 ? 1 : line->times;
  pass_time(sessions, line->at_s);
  int64_t at_s = sessions->latest_s;
  switch (line->event) {
  case SESSION_OPENED:
    sessions->view.opened += times;
    floor_count(&sessions->floor, times);
    break;
  case SESSION_CLOSED:
    sessions->view.closed += times;
    floor_count(&sessions->floor, -(int64_t)times);
    break;
  case SESSION_FAILED:
    sessions->view.failed += times;
    break;
  case SESSION_RESTARTED:
    restart(sessions, line->pid);
    return;
  }
  if (line->id_bytes > 0) {
    count_named(sessions, line, at_s, times);
  } else {
    count_unnamed(sessions, line, at_s, times);
  }
}

/* ---- judging ---- */

static void find_leaks(struct sessions *sessions, int64_t now_s,
                       void (*on_leak)(void *context,
                                       const struct session *session,
                                       int64_t age_s),
                       void *context) {
  const struct sessions_limits *limits = &sessions->limits;
  struct session_table *table = &sessions->table;
  for (uint32_t i = table->oldest; i != SESSION_NONE;) {
    struct session *session = &table->sessions[i];
    uint32_t newer = session->newer;
    int64_t age_s = now_s - session->opened_s;
    if (age_s > limits->forget_after_s) {
      sessions->view.dropped++;
      forget(sessions, i);
    } else if (limits->leak_after_s == 0 || age_s <= limits->leak_after_s) {
      return; /* what follows is younger */
    } else if (!session->is_leaked) {
      session->is_leaked = true;
      sessions->leaked++;
      if (on_leak != NULL) {
        on_leak(context, session, age_s);
      }
    }
    i = newer;
  }
}

static void find_unclosed(struct sessions *sessions, int64_t now_s) {
  struct session_table *table = &sessions->table;
  if (sessions->failed_open <= sessions->unclosed) {
    return; /* no error waits for its close */
  }
  for (uint32_t i = table->oldest; i != SESSION_NONE;
       i = table->sessions[i].newer) {
    struct session *session = &table->sessions[i];
    if (session->failed_s != 0 && !session->is_unclosed &&
        now_s - session->failed_s > sessions->limits.close_within_s) {
      session->is_unclosed = true;
      sessions->unclosed++;
    }
  }
}

void sessions_advance(struct sessions *sessions, int64_t now_s,
                      void (*on_leak)(void *context,
                                      const struct session *session,
                                      int64_t age_s),
                      void *context) {
  pass_time(sessions, now_s);
  find_leaks(sessions, sessions->latest_s, on_leak, context);
  find_unclosed(sessions, sessions->latest_s);
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

void sessions_view(const struct sessions *sessions,
                   struct sessions_view *ret_view) {
  const struct unnamed_failures *unnamed = &sessions->unnamed;
  struct sessions_view view = sessions->view;
  int64_t bound = sessions->floor.net - sessions->floor.lowest;
  view.is_exact = sessions->has_names && sessions->unnamed_opened == 0 &&
                  view.untracked == 0;
  view.open = view.is_exact ? sessions->named_open
                            : larger(bound, sessions->named_open);
  view.leaked = larger(sessions->leaked, sessions->floor.leaked);
  view.unclosed_after_error = sessions->unclosed + unnamed->unclosed;
  view.is_one_sided = view.failed > 0 && view.opened == 0 && view.closed == 0;
  if (!sessions->has_names) { /* as far as counts can tell */
    int64_t recovered = (int64_t)view.failed - view.unclosed_after_error;
    for (size_t i = 0; i < unnamed->pending_len; i++) {
      recovered -= unnamed->pending[i].count;
    }
    view.recovered = (uint64_t)larger(recovered, 0);
    view.paired =
        (uint64_t)larger((int64_t)view.closed - (int64_t)view.recovered, 0);
  }
  *ret_view = view;
}
