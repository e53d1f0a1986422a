/* SPDX-License-Identifier: MIT */
/* sessions_store: what is known of sessions, over a restart. */
#include "session_log/sessions/sessions_store.h"

#include <errno.h>
#include <string.h>

#include "session_log/sessions/sessions_state.h"

#define SESSIONS_MAX (UINT64_C(1) << 24)

static void put_floor(struct record_writer *writer, const struct floor *floor) {
  record_put_signed(writer, floor->net);
  record_put_signed(writer, floor->lowest);
  record_put_signed(writer, floor->window_from_s);
  record_put_signed(writer, floor->window.lowest);
  record_put_signed(writer, floor->window.opened);
  record_put(writer, floor->is_leaking);
  record_put_signed(writer, floor->base);
  record_put_signed(writer, floor->leaked);
  record_put(writer, floor->calm_windows);
  record_put(writer, floor->past_len);
  for (size_t i = 0; i < floor->past_len; i++) {
    record_put_signed(writer, floor->past[i].lowest);
    record_put_signed(writer, floor->past[i].opened);
  }
}

static void get_floor(struct record_reader *reader, struct floor *floor) {
  floor->net = record_get_signed(reader);
  floor->lowest = record_get_signed(reader);
  floor->window_from_s = record_get_signed(reader);
  floor->window.lowest = record_get_signed(reader);
  floor->window.opened = record_get_signed(reader);
  floor->is_leaking = record_get_flag(reader);
  floor->base = record_get_signed(reader);
  floor->leaked = record_get_signed(reader);
  floor->calm_windows = (size_t)record_get_up_to(reader, INT32_MAX);
  floor->past_len = (size_t)record_get_up_to(reader, FLOOR_WINDOWS_MAX);
  for (size_t i = 0; i < floor->past_len; i++) {
    floor->past[i].lowest = record_get_signed(reader);
    floor->past[i].opened = record_get_signed(reader);
  }
}

static void put_unnamed(struct record_writer *writer,
                        const struct unnamed_failures *unnamed) {
  record_put_signed(writer, unnamed->unclosed);
  record_put_signed(writer, unnamed->opened_since);
  record_put(writer, unnamed->pending_len);
  for (size_t i = 0; i < unnamed->pending_len; i++) {
    record_put_signed(writer, unnamed->pending[i].at_s);
    record_put_signed(writer, unnamed->pending[i].count);
  }
}

static void get_unnamed(struct record_reader *reader,
                        struct unnamed_failures *unnamed) {
  unnamed->unclosed = record_get_signed(reader);
  unnamed->opened_since = record_get_signed(reader);
  unnamed->pending_len = (size_t)record_get_up_to(reader, UNNAMED_FAILURES_MAX);
  for (size_t i = 0; i < unnamed->pending_len; i++) {
    unnamed->pending[i].at_s = record_get_signed(reader);
    unnamed->pending[i].count = record_get_signed(reader);
  }
}

static void put_table(struct record_writer *writer,
                      const struct session_table *table) {
  record_put(writer, table->seed);
  record_put(writer, table->len);
  for (uint32_t i = table->oldest; i != SESSION_NONE;
       i = table->sessions[i].newer) {
    const struct session *session = &table->sessions[i];
    record_put(writer, session->key);
    record_put_signed(writer, session->opened_s);
    record_put_signed(writer, session->failed_s);
    record_put_signed(writer, session->pid);
    record_put(writer, session->file);
    record_put(writer, session->depth);
    record_put(writer, session->is_leaked);
    record_put(writer, session->is_unclosed);
    record_put_text(writer, session->id, strlen(session->id));
  }
}

static int get_session(struct record_reader *reader,
                       struct sessions *sessions) {
  const char *id = NULL;
  struct session read = {.key = record_get(reader)};
  read.opened_s = record_get_signed(reader);
  read.failed_s = record_get_signed(reader);
  read.pid = record_get_signed(reader);
  read.file = (uint32_t)record_get_up_to(reader, UINT32_MAX);
  read.depth = (uint32_t)record_get_up_to(reader, INT32_MAX);
  read.is_leaked = record_get_flag(reader);
  read.is_unclosed = record_get_flag(reader) && read.failed_s != 0;
  size_t id_bytes = record_get_text(reader, SESSION_ID_BYTES - 1, &id);
  struct session_table *table = &sessions->table;
  if (reader->is_failed || read.depth == 0 ||
      session_table_find(table, read.key) != SESSION_NONE) {
    return -EINVAL;
  }
  if (table->len == table->len_max) {
    sessions->view.untracked++; /* MaxSessions was lowered */
    return 0;
  }
  uint32_t index =
      session_table_add(table, read.key, read.pid, id, id_bytes, read.opened_s);
  if (index == SESSION_NONE) {
    return -ENOMEM;
  }
  struct session *session = &table->sessions[index];
  session->failed_s = read.failed_s;
  session->file = read.file;
  session->depth = read.depth;
  session->is_leaked = read.is_leaked;
  session->is_unclosed = read.is_unclosed;
  sessions->named_open += read.depth;
  sessions->leaked += read.is_leaked;
  sessions->unclosed += read.is_unclosed;
  sessions->failed_open += read.failed_s != 0;
  return 0;
}

static int get_table(struct record_reader *reader, struct sessions *sessions) {
  sessions->table.seed = record_get(reader);
  size_t len = (size_t)record_get_up_to(reader, SESSIONS_MAX);
  int code = 0;
  for (size_t i = 0; i < len && code == 0; i++) {
    code = get_session(reader, sessions);
  }
  return code;
}

void sessions_save(const struct sessions *sessions,
                   struct record_writer *writer) {
  const struct sessions_view *view = &sessions->view;
  const uint64_t counters[] = {view->opened,      view->closed,
                               view->failed,      view->orphan_closed,
                               view->late_closed, view->paired,
                               view->recovered,   view->untracked,
                               view->dropped,     sessions->unnamed_opened};
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
    record_put(writer, counters[i]);
  }
  record_put(writer, sessions->has_names);
  put_floor(writer, &sessions->floor);
  put_unnamed(writer, &sessions->unnamed);
  put_table(writer, &sessions->table);
}

int sessions_load(struct sessions *sessions, struct record_reader *reader) {
  struct sessions_view *view = &sessions->view;
  uint64_t *const counters[] = {&view->opened,      &view->closed,
                                &view->failed,      &view->orphan_closed,
                                &view->late_closed, &view->paired,
                                &view->recovered,   &view->untracked,
                                &view->dropped,     &sessions->unnamed_opened};
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
    *counters[i] = record_get(reader);
  }
  sessions->has_names = record_get_flag(reader);
  get_floor(reader, &sessions->floor);
  get_unnamed(reader, &sessions->unnamed);
  int code = get_table(reader, sessions);
  /* Saved by every poll, the time itself would make every poll a change. */
  sessions->latest_s = sessions->floor.window_from_s;
  return code != 0 ? code : reader->is_failed ? -EINVAL : 0;
}
