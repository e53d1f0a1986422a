/* SPDX-License-Identifier: MIT */
/* notices: notifications out, from a trade to collectd's bus. */
#include "glue/notices.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

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
  (void)plugin_dispatch_notification(&out);
  (void)plugin_notification_meta_free(out.meta);
}

struct notice_sink glue_notice_sink(const char *plugin) {
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct notice_sink){.put = put, .context = borrowed.context};
}
