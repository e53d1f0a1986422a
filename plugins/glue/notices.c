/* SPDX-License-Identifier: MIT */
/* notices: notifications out, from a trade to collectd's bus, and in. */
#include "glue/notices.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

static _Thread_local bool is_dispatching;

static int collectd_severity(enum notice_severity severity) {
  switch (severity) {
  case NOTICE_FAILURE:
    return NOTIF_FAILURE;
  case NOTICE_WARNING:
    return NOTIF_WARNING;
  case NOTICE_OKAY:
    return NOTIF_OKAY;
  }
  return NOTIF_FAILURE;
}

static void put(void *context, const struct notice *notice) {
  const char *plugin = notice->plugin[0] != '\0' ? notice->plugin : context;
  notification_t out = {
      .severity = collectd_severity(notice->severity),
      .time =
          notice->time_s > 0 ? DOUBLE_TO_CDTIME_T(notice->time_s) : cdtime(),
  };
  sstrncpy(out.message, notice->message, sizeof(out.message));
  sstrncpy(out.host, notice->host[0] != '\0' ? notice->host : hostname_g,
           sizeof(out.host));
  sstrncpy(out.plugin, plugin, sizeof(out.plugin));
  sstrncpy(out.plugin_instance, notice->plugin_instance,
           sizeof(out.plugin_instance));
  sstrncpy(out.type, notice->type, sizeof(out.type));
  sstrncpy(out.type_instance, notice->type_instance, sizeof(out.type_instance));
  for (size_t i = 0; i < notice->fields_len; i++) {
    const struct notice_field *field = &notice->fields[i];
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

struct notice_sink glue_notice_sink(const char *plugin) {
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct notice_sink){.put = put, .context = borrowed.context};
}

static enum notice_severity severity_of(int severity) {
  switch (severity) {
  case NOTIF_OKAY:
    return NOTICE_OKAY;
  case NOTIF_WARNING:
    return NOTICE_WARNING;
  default:
    return NOTICE_FAILURE;
  }
}

struct notice glue_notice(const struct notification_s *notification) {
  return (struct notice){
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

bool glue_notice_is_own(const struct notification_s *notification,
                        const char *plugin) {
  return is_dispatching || strcmp(notification->plugin, plugin) == 0;
}
