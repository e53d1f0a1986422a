/* SPDX-License-Identifier: MIT */
/* notifications: notifications out, from a trade to collectd's bus, and in. */
#include "glue/notifications.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

static _Thread_local bool is_dispatching;

static int collectd_severity(enum notification_severity severity) {
  switch (severity) {
  case NOTIFICATION_FAILURE:
    return NOTIF_FAILURE;
  case NOTIFICATION_WARNING:
    return NOTIF_WARNING;
  case NOTIFICATION_OKAY:
    return NOTIF_OKAY;
  }
  return NOTIF_FAILURE;
}

static void put(void *context, const struct notification *notification) {
  const char *plugin =
      notification->plugin[0] != '\0' ? notification->plugin : context;
  notification_t out = {
      .severity = collectd_severity(notification->severity),
      .time = notification->time_s > 0
                  ? DOUBLE_TO_CDTIME_T(notification->time_s)
                  : cdtime(),
  };
  sstrncpy(out.message, notification->message, sizeof(out.message));
  sstrncpy(out.host,
           notification->host[0] != '\0' ? notification->host : hostname_g,
           sizeof(out.host));
  sstrncpy(out.plugin, plugin, sizeof(out.plugin));
  sstrncpy(out.plugin_instance, notification->plugin_instance,
           sizeof(out.plugin_instance));
  sstrncpy(out.type, notification->type, sizeof(out.type));
  sstrncpy(out.type_instance, notification->type_instance,
           sizeof(out.type_instance));
  for (size_t i = 0; i < notification->fields_len; i++) {
    const struct notification_field *field = &notification->fields[i];
    if (field->text != NULL) {
      (void)plugin_notification_meta_add_string(&out, field->name, field->text);
    } else {
      (void)plugin_notification_meta_add_double(&out, field->name,
                                                field->number);
    }
  }
  is_dispatching = true; /* callbacks run before it returns */
  (void)plugin_dispatch_notification(&out);
  is_dispatching = false;
  (void)plugin_notification_meta_free(out.meta);
}

struct notification_sink glue_notification_sink(const char *plugin) {
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct notification_sink){.put = put, .context = borrowed.context};
}

static enum notification_severity severity_of(int severity) {
  switch (severity) {
  case NOTIF_OKAY:
    return NOTIFICATION_OKAY;
  case NOTIF_WARNING:
    return NOTIFICATION_WARNING;
  default:
    return NOTIFICATION_FAILURE;
  }
}

struct notification
glue_notification(const struct notification_s *notification) {
  return (struct notification){
      .severity = severity_of(notification->severity),
      .time_s = CDTIME_T_TO_DOUBLE(notification->time),
      .host = notification->host,
      .plugin = notification->plugin,
      .plugin_instance = notification->plugin_instance,
      .type = notification->type,
      .type_instance = notification->type_instance,
      .message = notification->message,
  };
}

bool glue_notification_is_own(const struct notification_s *notification,
                              const char *plugin) {
  return is_dispatching || strcmp(notification->plugin, plugin) == 0;
}
