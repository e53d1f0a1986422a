/* SPDX-License-Identifier: MIT */
/* notification: one notification, on its way to or from collectd's bus. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum notification_severity {
  NOTIFICATION_FAILURE,
  NOTIFICATION_WARNING,
  NOTIFICATION_OKAY,
};

/* collectd cuts a message behind this many bytes. */
#define NOTIFICATION_MESSAGE_BYTES 256

/* A named detail for those who read notifications by program. */
struct notification_field {
  const char *name;
  const char *text; /* NULL: the number counts */
  double number;
};

/* All strings are borrowed for the call. host, plugin: "" mean this host
 * and this plugin. The other names: "" where there is none. */
struct notification {
  enum notification_severity severity;
  double time_s; /* since the epoch; 0: now */
  const char *host;
  const char *plugin;
  const char *plugin_instance;
  const char *type;
  const char *type_instance;
  const char *message;
  const struct notification_field *fields;
  size_t fields_len;
};

struct notification_sink {
  void (*put)(void *context, const struct notification *notification);
  void *context;
};
