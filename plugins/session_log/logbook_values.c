/* SPDX-License-Identifier: MIT */
/* logbook_values: what a log is told as. */
#include "session_log/logbook_state.h"

static void say_one_sided(struct logbook *logbook,
                          const struct sessions_view *view) {
  if (view->is_one_sided && !logbook->has_said_one_sided) {
    log_write(
        logbook->sinks.report, LOG_LEVEL_NOTICE,
        "log \"%s\": errors of sessions, but no session opened or closed: "
        "does the log level hide them?; open sessions are not told",
        logbook->options->head.label);
  }
  logbook->has_said_one_sided = view->is_one_sided;
}

static void publish_sessions(struct logbook *logbook,
                             const struct sample_sink *sink) {
  const char *name = logbook->options->head.label;
  struct sessions_view view;
  sessions_view(logbook->sessions, &view);
  say_one_sided(logbook, &view);
  const struct {
    const char *instance;
    uint64_t count;
  } totals[] = {
      {"opened", view.opened},           {"closed", view.closed},
      {"failed", view.failed},           {"paired", view.paired},
      {"recovered", view.recovered},     {"orphan_closed", view.orphan_closed},
      {"late_closed", view.late_closed}, {"untracked", view.untracked},
      {"dropped", view.dropped},         {"timed_out", logbook->timed_out},
  };
  for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
    sample_put_derive(sink, name, "total_sessions", totals[i].instance,
                      (int64_t)totals[i].count);
  }
  if (!view.is_one_sided) {
    sample_put_gauge(sink, name, "current_sessions", "open", (double)view.open);
  }
}

static void publish_follower(struct logbook *logbook,
                             const struct sample_sink *sink) {
  const char *name = logbook->options->head.label;
  struct follower_view view;
  follower_view(logbook->follower, &view);
  const struct {
    const char *type, *instance;
    uint64_t count;
  } counts[] = {
      {"total_bytes", "read", view.read.bytes},
      {"derive", "lines", logbook->line_count},
      {"derive", "long_lines", view.read.long_lines},
      {"derive", "rotated", view.rotated},
      {"derive", "truncated", view.truncated},
      {"derive", "lost_files", view.lost_files},
      {"derive", "given_up", logbook->given_up},
      {"errors", "", logbook->errors},
  };
  for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
    sample_put_derive(sink, name, counts[i].type, counts[i].instance,
                      (int64_t)counts[i].count);
  }
  sample_put_gauge(sink, name, "files", "followed", (double)view.files);
  sample_put_gauge(sink, name, "log_rate", "errors_now",
                   (double)rate_window_now(&logbook->rate, logbook->now_s));
  sample_put_gauge(sink, name, "gauge", "lag_bytes", (double)view.lag_bytes);
}

void logbook_publish(struct logbook *logbook, const struct sample_sink *sink) {
  publish_sessions(logbook, sink);
  publish_follower(logbook, sink);
}

void logbook_publish_alarms(struct logbook *logbook, const struct moment *now,
                            const struct sample_sink *sink) {
  const char *name = logbook->options->head.label;
  struct sessions_view view;
  sessions_view(logbook->sessions, &view);
  uint64_t peak =
      rate_window_read_peak(&logbook->rate, now->wall_ns / NS_PER_S);
  sample_put_gauge(sink, name, "current_sessions", "leaked",
                   (double)view.leaked);
  sample_put_gauge(sink, name, "current_sessions", "unclosed_after_error",
                   (double)view.unclosed_after_error);
  sample_put_gauge(sink, name, "log_rate", "errors", (double)peak);
  logbook->told = (struct alarms){.leaked = view.leaked,
                                  .unclosed = view.unclosed_after_error,
                                  .errors = logbook->errors};
}

bool logbook_has_alarm(const struct logbook *logbook) {
  struct sessions_view view;
  sessions_view(logbook->sessions, &view);
  return view.leaked > logbook->told.leaked ||
         view.unclosed_after_error > logbook->told.unclosed ||
         logbook->errors > logbook->told.errors;
}
