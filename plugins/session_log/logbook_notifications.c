/* SPDX-License-Identifier: MIT */
/* logbook_notifications: what a log tells others at once, not only as values.
 */
#include "session_log/logbook_state.h"

#include <stdio.h>

#define TIMEOUT_PAUSE_S 60

static void put(struct logbook *logbook, const char *type, const char *instance,
                const char *message, const struct notification_field *fields,
                size_t fields_len) {
  const struct notification notification = {
      .severity = NOTIFICATION_WARNING,
      .host = "",
      .plugin = "",
      .plugin_instance = logbook->options->head.label,
      .type = type,
      .type_instance = instance,
      .message = message,
      .fields = fields,
      .fields_len = fields_len,
  };
  const struct notification_sink *sink = logbook->sinks.notifications;
  if (sink != NULL) {
    sink->put(sink->context, &notification);
  }
}

void logbook_notify_leak(struct logbook *logbook, const struct session *session,
                         int64_t age_s) {
  char message[NOTIFICATION_MESSAGE_BYTES];
  char pid[32] = "";
  const char *file = path_ring_path(&logbook->paths, session->file);
  if (session->pid != 0) {
    (void)snprintf(pid, sizeof(pid), " of process %lld",
                   (long long)session->pid);
  }
  (void)snprintf(
      message, sizeof(message), "log \"%s\": session %s%s is open for %lld s",
      logbook->options->head.label, session->id, pid, (long long)age_s);
  const struct notification_field fields[] = {
      {.name = "session", .text = session->id},
      {.name = "pid", .number = (double)session->pid},
      {.name = "age", .number = (double)age_s},
      {.name = "file", .text = file == NULL ? "" : file},
  };
  put(logbook, "current_sessions", "leaked", message, fields,
      sizeof(fields) / sizeof(fields[0]));
}

void logbook_notify_timeouts(struct logbook *logbook) {
  struct pool_timeout *timeout = &logbook->timeout;
  if (!timeout->is_new ||
      logbook->now_s - logbook->timeout_said_s < TIMEOUT_PAUSE_S) {
    return;
  }
  char message[NOTIFICATION_MESSAGE_BYTES];
  (void)snprintf(message, sizeof(message),
                 "log \"%s\": the connection pool is exhausted: a caller timed "
                 "out",
                 logbook->options->head.label);
  const struct notification_field fields[] = {
      {.name = "pool_size", .number = timeout->pool_size},
      {.name = "max_overflow", .number = timeout->max_overflow},
      {.name = "timeout", .number = timeout->timeout_s},
  };
  put(logbook, "total_sessions", "timed_out", message, fields,
      sizeof(fields) / sizeof(fields[0]));
  timeout->is_new = false;
  logbook->timeout_said_s = logbook->now_s;
}
