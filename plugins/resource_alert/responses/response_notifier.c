/* SPDX-License-Identifier: MIT */
/* response_notifier: sends the notifications of all responses on a thread of
 * its own. */
#include "resource_alert/responses/response_notifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/option.h"
#include "core/worker_thread.h"

#define QUEUE_MAX 256

struct response_notifier {
  struct notification_sink sink;
  const struct log_sink *log;
  struct worker_thread *thread;
};

struct queued_notification {
  enum notification_severity severity;
  char name[OPTION_NAME_LENGTH_MAX + 1];
  char message[NOTIFICATION_MESSAGE_BYTES];
  const char *state;
  double level;
};

/* For worker_thread. */
static void send_notification(void *context, void *item) {
  const struct response_notifier *notifier = context;
  const struct queued_notification *queued = item;
  const struct notification_field fields[] = {
      {.name = "state", .text = queued->state},
      {.name = "level", .number = queued->level},
  };
  const struct notification notification = {
      .severity = queued->severity,
      .host = "",
      .plugin = "",
      .plugin_instance = queued->name,
      .type = "degradation_level",
      .type_instance = "",
      .message = queued->message,
      .fields = fields,
      .fields_len = sizeof(fields) / sizeof(fields[0]),
  };
  if (notifier->sink.put != NULL) {
    notifier->sink.put(notifier->sink.context, &notification);
  }
}

int response_notifier_new(const struct notification_sink *sink,
                          const struct log_sink *log,
                          struct response_notifier **ret, struct error *error) {
  struct response_notifier *notifier = calloc(1, sizeof(*notifier));
  if (notifier == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  notifier->sink = *sink;
  notifier->log = log;
  const struct worker_thread_options options = {
      .work = send_notification,
      .free_item = free,
      .free_context = free,
      .context = notifier,
      .items_max = QUEUE_MAX,
  };
  int code = worker_thread_new(&options, &notifier->thread, error);
  if (code != 0) {
    free(notifier);
    return code;
  }
  *ret = notifier;
  return 0;
}

void response_notifier_stop(struct response_notifier *notifier, int wait_ms) {
  if (notifier != NULL && worker_thread_stop(notifier->thread, wait_ms)) {
    free(notifier);
  }
}

void response_notifier_put(struct response_notifier *notifier,
                           enum notification_severity severity,
                           const char *name, const char *message,
                           const char *state, double level) {
  struct queued_notification *queued = malloc(sizeof(*queued));
  if (queued == NULL) {
    return;
  }
  *queued = (struct queued_notification){
      .severity = severity, .state = state, .level = level};
  (void)snprintf(queued->name, sizeof(queued->name), "%s", name);
  (void)snprintf(queued->message, sizeof(queued->message), "%s", message);
  if (!worker_thread_put(notifier->thread, queued)) {
    log_write(notifier->log, LOG_LEVEL_WARNING,
              "response \"%s\": a notification was dropped: the plugins that "
              "send notifications do not return",
              name);
  }
}
