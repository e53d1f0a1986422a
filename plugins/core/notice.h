/* SPDX-License-Identifier: MIT */
/* notice: one notification, on its way to or from collectd's bus. */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include <stdbool.h>
#include <stddef.h>

enum notice_severity {
  NOTICE_FAILURE,
  NOTICE_WARNING,
  NOTICE_OKAY,
};

/* collectd cuts a message behind this many bytes. */
#define NOTICE_MESSAGE_BYTES 256

/* A named detail for those who read notifications by program. */
struct notice_field {
  const char *name;
  const char *text; /* NULL: the number counts */
  double number;
};

/* All strings are borrowed for the call. host, plugin: "" stand for this host
 * and this plugin. The other names: "" where there is none. */
struct notice {
  enum notice_severity severity;
  double time_s; /* since the epoch; 0: now */
  const char *host;
  const char *plugin;
  const char *plugin_instance;
  const char *type;
  const char *type_instance;
  const char *message;
  const struct notice_field *fields;
  size_t fields_len;
};

struct notice_sink {
  void (*put)(void *context, const struct notice *notice);
  void *context;
};

#endif
