/* SPDX-License-Identifier: MIT */
/* logbook_store: all that a log must know after a restart, as one record. */
#include "session_log/logbook_store.h"

#include <errno.h>
#include <string.h>

#include "session_log/follow/follower_store.h"
#include "session_log/hash.h"
#include "session_log/logbook_state.h"
#include "session_log/sessions/sessions_store.h"

#define MAGIC "session_log state"
#define VERSION 1

/* Only seconds with errors: an idle log's record stays the same. */
static void put_rate(struct record_writer *writer,
                     const struct rate_window *rate) {
  for (int64_t s = rate->newest_s - RATE_WINDOW_S + 1; s <= rate->newest_s;
       s++) {
    uint32_t count = s < 0 ? 0 : rate->counts[(uint64_t)s % RATE_WINDOW_S];
    if (count > 0) {
      record_put(writer, count);
      record_put_signed(writer, s);
    }
  }
  record_put(writer, 0);
}

static void get_rate(struct record_reader *reader, struct rate_window *rate) {
  uint64_t count;
  while ((count = record_get_up_to(reader, UINT32_MAX)) > 0) {
    rate_window_add_many(rate, record_get_signed(reader), (uint32_t)count);
  }
  rate->peak = 0; /* was read before */
  rate->read_s = rate->newest_s;
}

void logbook_save(const struct logbook *logbook, int64_t now_ms,
                  struct record_writer *writer) {
  record_put_text(writer, MAGIC, sizeof(MAGIC) - 1);
  record_put(writer, VERSION);
  record_put(writer, logbook->line_count);
  record_put(writer, logbook->errors);
  record_put(writer, logbook->timed_out);
  record_put(writer, logbook->given_up);
  put_rate(writer, &logbook->rate);
  path_ring_save(&logbook->paths, writer);
  sessions_save(logbook->sessions, writer);
  follower_save(logbook->follower, now_ms, writer);
  record_put(writer, writer->is_failed
                         ? 0
                         : hash_bytes(writer->data, writer->bytes, VERSION));
}

static int load_parts(struct logbook *logbook, int64_t now_ms,
                      struct record_reader *reader) {
  logbook->line_count = record_get(reader);
  logbook->errors = record_get(reader);
  logbook->timed_out = record_get(reader);
  logbook->given_up = record_get(reader);
  get_rate(reader, &logbook->rate);
  int code = path_ring_load(&logbook->paths, reader);
  if (code == 0) {
    code = sessions_load(logbook->sessions, reader);
  }
  if (code == 0) {
    code = follower_load(logbook->follower, now_ms, reader);
  }
  if (code == 0) {
    size_t bytes = (size_t)(reader->at - logbook->record_start);
    uint64_t sum = hash_bytes(logbook->record_start, bytes, VERSION);
    code = record_get(reader) == sum && !reader->is_failed &&
                   reader->at == reader->end
               ? 0
               : -EINVAL;
  }
  return code;
}

int logbook_load(struct logbook *logbook, int64_t now_ms, const char *data,
                 size_t bytes) {
  struct record_reader reader = {.at = data, .end = data + bytes};
  const char *magic = NULL;
  size_t magic_bytes = record_get_text(&reader, sizeof(MAGIC), &magic);
  if (magic_bytes != sizeof(MAGIC) - 1 ||
      memcmp(magic, MAGIC, sizeof(MAGIC) - 1) != 0 ||
      record_get(&reader) != VERSION) {
    return -EINVAL;
  }
  logbook->record_start = data;
  int code = load_parts(logbook, now_ms, &reader);
  logbook->record_start = NULL;
  if (code != 0) {
    int renewed = logbook_renew(logbook);
    code = renewed != 0 ? renewed : code;
  }
  return code;
}
