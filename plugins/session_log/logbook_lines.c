/* SPDX-License-Identifier: MIT */
/* logbook_lines: what one line of a log means. */
#include "session_log/logbook_state.h"

#include <stdlib.h>
#include <string.h>

/* A time in a line that was written just now may be this far off; further, and
 * its zone is not ours. */
#define FRESH_SLACK_S 60
#define REPEATED_MAX 1000000
#define NUMBER_BYTES_MAX 32

/* Searches the line; notes where OPTION's pattern was stopped. *ret_part: as
 * pattern_match() has it. */
static bool matches(struct logbook *logbook, struct pattern *pattern,
                    const char *option, const struct scanner_line *line,
                    struct pattern_span *ret_part) {
  int found = pattern_match(pattern, line->text, line->bytes, ret_part);
  if (found < 0) {
    logbook->given_up++;
    logbook->given_up_last = option;
  }
  return found == 1;
}

/* For a line that holds a text of KIND: what its regex or its level says. */
static bool is_confirmed(struct logbook *logbook, unsigned kind,
                         const struct scanner_line *line) {
  struct pattern *pattern = logbook->patterns[kind];
  if (pattern == NULL) {
    return level_is_error(line->text, line->bytes);
  }
  return matches(logbook, pattern, option_of_kind[kind], line, NULL);
}

/* Takes the lowest of *bits out of them; there is one. */
static unsigned take_bit(unsigned *bits) {
  unsigned bit = (unsigned)__builtin_ctz(*bits);
  *bits &= *bits - 1;
  return bit;
}

static unsigned kinds_of(struct logbook *logbook,
                         const struct scanner_line *line) {
  unsigned kinds = 0;
  for (uint64_t texts = line->texts; texts != 0; texts &= texts - 1) {
    kinds |= logbook->kinds_of_text[__builtin_ctzll(texts)];
  }
  for (unsigned unsure = kinds & logbook->unsure_kinds; unsure != 0;) {
    unsigned kind = take_bit(&unsure);
    if (!is_confirmed(logbook, kind, line)) {
      kinds &= ~KIND_BIT(kind);
    }
  }
  return kinds;
}

static int64_t time_of(struct logbook *logbook,
                       const struct scanner_line *line) {
  int64_t at_s = 0;
  int64_t now_s = logbook->now_s;
  if (timestamp_read(&logbook->times, line->text, line->bytes, now_s, &at_s) !=
      0) {
    return now_s;
  }
  bool is_off =
      at_s < logbook->polled_s - FRESH_SLACK_S || at_s > now_s + FRESH_SLACK_S;
  if (logbook->is_fresh && is_off) {
    return now_s;
  }
  return at_s < now_s ? at_s : now_s;
}

/* The decimal number at AT, 0 for none. */
static double number_at(const char *at, const char *end) {
  char text[NUMBER_BYTES_MAX];
  size_t len = 0;
  while (at < end && len + 1 < sizeof(text) &&
         strchr("0123456789.", *at) != NULL && *at != '\0') {
    text[len++] = *at++;
  }
  text[len] = '\0';
  return strtod(text, NULL);
}

/* The number behind TEXT in the line, 0 for none. */
static double number_after(const struct scanner_line *line, const char *text) {
  size_t bytes = strlen(text);
  const char *found = memmem(line->text, line->bytes, text, bytes);
  return found == NULL ? 0 : number_at(found + bytes, line->text + line->bytes);
}

static uint32_t times_of(const struct scanner_line *line) {
  double times = number_after(line, REPEATED_TEXT);
  return times >= 1 && times <= REPEATED_MAX ? (uint32_t)times : 1;
}

static void note_timeout(struct logbook *logbook,
                         const struct scanner_line *line) {
  logbook->timeout = (struct pool_timeout){
      .is_new = true,
      .pool_size = number_after(line, "QueuePool limit of size "),
      .max_overflow = number_after(line, " overflow "),
      .timeout_s = number_after(line, ", timeout "),
  };
}

static void take_session(struct logbook *logbook, enum session_event event,
                         const struct scanner_line *line, int64_t at_s,
                         uint32_t times) {
  struct session_line session = {
      .event = event, .at_s = at_s, .times = times, .file = logbook->file};
  struct pattern_span part = {0};
  if (logbook->session != NULL &&
      matches(logbook, logbook->session, "Session", line, &part)) {
    session.id = part.text;
    session.id_bytes = part.bytes;
  }
  if (logbook->pid != NULL &&
      matches(logbook, logbook->pid, "Pid", line, &part)) {
    double pid = number_at(part.text, part.text + part.bytes);
    session.pid = pid <= INT32_MAX ? (int64_t)pid : 0;
  }
  sessions_take(logbook->sessions, &session);
}

static void take_line(void *context, const struct scanner_line *line) {
  static const enum session_event events[] = {
      [LINE_RESTART] = SESSION_RESTARTED,
      [LINE_OPENED] = SESSION_OPENED,
      [LINE_FAILED] = SESSION_FAILED,
      [LINE_CLOSED] = SESSION_CLOSED,
  };
  struct logbook *logbook = context;
  unsigned kinds = kinds_of(logbook, line);
  bool is_error = (kinds & KIND_BIT(LINE_ERROR)) != 0;
  uint32_t times = (kinds & KIND_BIT(LINE_REPEATED)) != 0 ? times_of(line) : 1;
  unsigned session = kinds & SESSION_KINDS;
  int64_t at_s = session != 0 || is_error ? time_of(logbook, line) : 0;
  while (session != 0) {
    take_session(logbook, events[take_bit(&session)], line, at_s, times);
  }
  if (is_error) {
    logbook->errors += times;
    rate_window_add(&logbook->rate, at_s, logbook->now_s, times);
  }
  if ((kinds & KIND_BIT(LINE_TIMED_OUT)) != 0) {
    logbook->timed_out += times;
    note_timeout(logbook, line);
  }
}

void logbook_take_lines(void *context, const struct tracked *file,
                        const char *data, size_t bytes) {
  struct logbook *logbook = context;
  logbook->file = path_ring_number(&logbook->paths, file->home);
  logbook->is_fresh = file->was_drained && logbook->polled_s != 0;
  logbook->line_count +=
      scanner_run(logbook->scanner, data, bytes, take_line, logbook);
}
