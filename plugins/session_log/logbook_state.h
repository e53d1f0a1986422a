/* SPDX-License-Identifier: MIT */
/* logbook_state: the inside of logbook, for those who take its lines, speak for
 * it, and keep it over a restart. */
#ifndef SESSION_LOG_LOGBOOK_STATE_H
#define SESSION_LOG_LOGBOOK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/log.h"
#include "session_log/logbook.h"
#include "session_log/path_ring.h"
#include "session_log/scan/level.h"
#include "session_log/scan/pattern.h"
#include "session_log/scan/scanner.h"
#include "session_log/scan/timestamp.h"
#include "session_log/sessions/rate_window.h"
#include "session_log/sessions/sessions.h"

#define NS_PER_S INT64_C(1000000000)

/* A line may be of several kinds; those of sessions come first, in the order in
 * which they are taken. */
enum line_kind {
  LINE_RESTART,
  LINE_OPENED,
  LINE_FAILED,
  LINE_CLOSED,
  LINE_ERROR, /* without a pattern: by the line's level */
  LINE_TIMED_OUT,
  LINE_REPEATED, /* syslog's "message repeated 5 times: [ ... ]" */
  LINE_KINDS,
};

#define KIND_BIT(kind) (1U << (kind))
#define SESSION_KINDS (KIND_BIT(LINE_CLOSED + 1) - 1)
#define REPEATED_TEXT "message repeated "

/* The option that says what makes such a line; "": none. */
extern const char *const option_of_kind[LINE_KINDS];

/* What the last line about an exhausted pool said; 0 where it did not. */
struct pool_timeout {
  bool is_new; /* since the last notification */
  double pool_size, max_overflow, timeout_s;
};

/* What was handed over last. */
struct alarms {
  int64_t leaked;
  int64_t unclosed;
  uint64_t errors;
};

struct logbook {
  const struct log_options *options; /* borrowed */
  struct logbook_sinks sinks;
  struct pattern *patterns[LINE_KINDS]; /* owned; NULL: none */
  unsigned unsure_kinds; /* a text alone does not make such a line */
  unsigned kinds_of_text[SCANNER_TEXTS_MAX]; /* that a text may make */
  struct pattern *session, *pid;             /* owned; NULL: none */
  struct scanner *scanner;
  struct follower *follower;
  struct sessions *sessions;
  struct path_ring paths; /* that sessions were opened in */
  struct reader_buffer buffer;
  struct rate_window rate;
  struct timestamp_cache times;
  uint64_t line_count;
  uint64_t errors;
  uint64_t timed_out;
  uint64_t given_up;          /* searches of a line that were stopped */
  const char *given_up_last;  /* the option of the last one; NULL: none */
  struct complaint overtaxed; /* about them */
  struct pool_timeout timeout;
  int64_t timeout_said_s;
  int64_t polled_s; /* the last poll, since the epoch; 0: none */
  int64_t now_s;    /* of the poll that is running */
  uint32_t file;    /* of the lines that are being taken: its number in paths */
  struct complaint unsaved;
  uint64_t saved_sum;       /* of the record written last; 0: none */
  const char *record_start; /* of the one being loaded; borrowed */
  struct alarms told;
  bool has_said_one_sided;
  bool is_fresh; /* the lines being taken were written since the last poll */
};

/* Forgets all that was counted and read. Returns 0 or -ENOMEM. */
int logbook_renew(struct logbook *logbook);

/* A reader_sink's lines(): counts the lines. context: the logbook. */
void logbook_take_lines(void *context, const struct tracked *file,
                        const char *data, size_t bytes);

/* Tells of a session that has just become a leak. */
void logbook_notify_leak(struct logbook *logbook, const struct session *session,
                         int64_t age_s);

/* Tells of an exhausted pool, at most once a minute. */
void logbook_notify_timeouts(struct logbook *logbook);

#endif
