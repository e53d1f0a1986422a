/* SPDX-License-Identifier: MIT */
/* logbook: one <Log> at work: its files in, its values out. */
#include "session_log/logbook.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "session_log/logbook_state.h"

/* ---- patterns ---- */

const char *const option_of_kind[LINE_KINDS] = {
    [LINE_RESTART] = "Restart", [LINE_OPENED] = "Opened",
    [LINE_FAILED] = "Failed",   [LINE_CLOSED] = "Closed",
    [LINE_ERROR] = "Error",     [LINE_TIMED_OUT] = "TimedOut",
    [LINE_REPEATED] = "",
};

struct texts {
  struct pattern_span items[SCANNER_TEXTS_MAX];
  size_t len;
};

static int compile(const char *name, const char *text,
                   struct pattern **ret_pattern, struct error *error) {
  int code = text == NULL ? 0 : pattern_new(text, ret_pattern, error);
  if (code != 0) {
    error_prefix(error, "%s", name);
  }
  return code;
}

/* Compiles what makes a line one of KIND, and adds the texts of which it holds
 * one. */
static int add_kind(struct logbook *logbook, enum line_kind kind,
                    const char *text, struct texts *texts,
                    struct error *error) {
  struct pattern **pattern = &logbook->patterns[kind];
  const struct pattern_span *more = NULL;
  size_t more_len = 0;
  int code = compile(option_of_kind[kind], text, pattern, error);
  if (code == 0 && *pattern != NULL) {
    more_len = pattern_literals(*pattern, &more);
  } else if (code == 0 && kind == LINE_ERROR) {
    more_len = level_texts(&more);
  }
  if (more_len > SCANNER_TEXTS_MAX - texts->len) {
    return -EINVAL;
  }
  for (size_t i = 0; i < more_len; i++) {
    logbook->kinds_of_text[texts->len] = KIND_BIT(kind);
    texts->items[texts->len++] = more[i];
  }
  if (more_len > 0 && (*pattern == NULL || !pattern_is_literal(*pattern))) {
    logbook->unsure_kinds |= KIND_BIT(kind);
  }
  return code;
}

static int compile_patterns(struct logbook *logbook, struct error *error) {
  const struct log_options *options = logbook->options;
  const struct {
    enum line_kind kind;
    const char *text;
  } rows[] = {
      {LINE_OPENED, options->opened},   {LINE_CLOSED, options->closed},
      {LINE_FAILED, options->failed},   {LINE_ERROR, options->error},
      {LINE_RESTART, options->restart}, {LINE_TIMED_OUT, options->timed_out},
      {LINE_REPEATED, REPEATED_TEXT},
  };
  struct texts texts = {.len = 0};
  int code = 0;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && code == 0; i++) {
    code = add_kind(logbook, rows[i].kind, rows[i].text, &texts, error);
  }
  if (code == 0) {
    code = compile("Session", options->session, &logbook->session, error);
  }
  if (code == 0) {
    code = compile("Pid", options->pid, &logbook->pid, error);
  }
  return code == 0 ? scanner_new(texts.items, texts.len, &logbook->scanner)
                   : code;
}

/* ---- making ---- */

static int make_sessions(struct logbook *logbook) {
  const struct log_options *options = logbook->options;
  struct sessions_limits limits = {
      .leak_after_s = options->leak_after_s,
      .close_within_s = options->close_within_s,
      .forget_after_s = options->forget_after_s,
      .window_s = options->floor_window_s,
      .windows = (size_t)options->floor_windows,
      .rise = options->floor_rise,
      .rise_ratio = options->floor_ratio,
      .sessions_max = (size_t)options->max_sessions,
  };
  if (getrandom(&limits.seed, sizeof(limits.seed), GRND_NONBLOCK) < 0) {
    limits.seed = (uintptr_t)logbook; /* early in the boot: better than none */
  }
  return sessions_new(&limits, &logbook->sessions);
}

static int make_follower(struct logbook *logbook) {
  const struct log_options *options = logbook->options;
  const struct follower_options follow = {
      .name = options->head.label,
      .patterns = (const char *const *)options->files.items,
      .patterns_len = options->files.len,
      .rotate_wait_ms = options->rotate_wait_s * 1000,
      .starts_at_end = options->start_at == LOG_START_END,
      .limits = {.max_line_bytes = (size_t)options->max_line_bytes,
                 .max_bytes = (uint64_t)options->max_read_bytes},
  };
  return follower_new(&follow, logbook->sinks.report, &logbook->follower);
}

int logbook_renew(struct logbook *logbook) {
  sessions_free(logbook->sessions);
  follower_free(logbook->follower);
  path_ring_fini(&logbook->paths);
  logbook->sessions = NULL;
  logbook->follower = NULL;
  logbook->rate = (struct rate_window){0};
  logbook->line_count = 0;
  logbook->errors = 0;
  logbook->timed_out = 0;
  logbook->given_up = 0;
  int code = make_sessions(logbook);
  return code == 0 ? make_follower(logbook) : code;
}

int logbook_new(const struct log_options *options,
                const struct logbook_sinks *sinks, struct logbook **ret_logbook,
                struct error *error) {
  struct logbook *logbook = calloc(1, sizeof(*logbook));
  if (logbook == NULL) {
    return -ENOMEM;
  }
  logbook->options = options;
  logbook->sinks = *sinks;
  int code = compile_patterns(logbook, error);
  if (code == 0) {
    code = logbook_renew(logbook);
  }
  if (code != 0) {
    logbook_free(logbook);
    return code;
  }
  *ret_logbook = logbook;
  return 0;
}

void logbook_free(struct logbook *logbook) {
  if (logbook == NULL) {
    return;
  }
  for (size_t i = 0; i < LINE_KINDS; i++) {
    pattern_free(logbook->patterns[i]);
  }
  pattern_free(logbook->session);
  pattern_free(logbook->pid);
  scanner_free(logbook->scanner);
  sessions_free(logbook->sessions);
  follower_free(logbook->follower);
  path_ring_fini(&logbook->paths);
  reader_buffer_fini(&logbook->buffer);
  free(logbook);
}

/* ---- polling ---- */

static void say_leak(void *context, const struct session *session,
                     int64_t age_s) {
  struct logbook *logbook = context;
  logbook_notify_leak(logbook, session, age_s);
}

static void say_given_up(struct logbook *logbook, const struct moment *now) {
  if (logbook->given_up_last != NULL &&
      complaint_fail(&logbook->overtaxed, now->mono_ms)) {
    log_write(
        logbook->sinks.report, LOG_LEVEL_WARNING,
        "log \"%s\": %s: the search of a line was stopped, %llu so far: the "
        "pattern backtracks too much; such a line counts as no match",
        logbook->options->head.label, logbook->given_up_last,
        (unsigned long long)logbook->given_up);
  }
  logbook->given_up_last = NULL;
}

int logbook_poll(struct logbook *logbook, const struct moment *now) {
  const struct reader_sink sink = {logbook_take_lines, logbook};
  logbook->now_s = now->wall_ns / NS_PER_S;
  int code = follower_poll(logbook->follower, now, &logbook->buffer, &sink);
  reader_buffer_fini(&logbook->buffer);
  sessions_advance(logbook->sessions, logbook->now_s, say_leak, logbook);
  logbook_notify_timeouts(logbook);
  say_given_up(logbook, now);
  logbook->polled_s = logbook->now_s;
  return code;
}

void logbook_watch(const struct logbook *logbook, struct watcher *watcher,
                   size_t log) {
  follower_watch(logbook->follower, watcher, log);
}
