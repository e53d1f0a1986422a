/* SPDX-License-Identifier: MIT */
/* glue: the daemon's configuration, log, values and notifications as ours. */
#include "glue/glue.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include "core/text.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The context of a sink is a void * for all; here it is a name, which nobody
 * writes to. */
static void *borrow_name_as_context(const char *plugin) {
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return borrowed.context;
}

/* ---- configuration ---- */

/* collectd has three kinds of values; a number is the default case. */
static int copy_config_value(const oconfig_value_t *from,
                             struct config_item *item) {
  struct config_value *value = config_item_add_value(item);
  if (value == NULL) {
    return -ENOMEM;
  }
  switch (from->type) {
  case OCONFIG_TYPE_STRING:
    *value = (struct config_value){CONFIG_STRING,
                                   .string = strdup(from->value.string)};
    return value->string == NULL ? -ENOMEM : 0;
  case OCONFIG_TYPE_BOOLEAN:
    *value = (struct config_value){CONFIG_BOOLEAN,
                                   .boolean = from->value.boolean != 0};
    return 0;
  default:
    *value = (struct config_value){CONFIG_NUMBER, .number = from->value.number};
    return 0;
  }
}

/* Copies a statement with its children. On failure the copy is incomplete;
 * the caller frees it. */
static int copy_config_item(const oconfig_item_t *from,
                            struct config_item *to) {
  to->key = strdup(from->key);
  if (to->key == NULL) {
    return -ENOMEM;
  }
  for (int i = 0; i < from->values_num; i++) {
    int code = copy_config_value(&from->values[i], to);
    if (code != 0) {
      return code;
    }
  }
  for (int i = 0; i < from->children_num; i++) {
    struct config_item *child = config_item_add_child(to);
    int code =
        child == NULL ? -ENOMEM : copy_config_item(&from->children[i], child);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

int glue_configure(const struct option_block *plugin,
                   const struct oconfig_item_s *item, void *target) {
  struct config_item copy = {0};
  struct error error = {{0}};
  int code = copy_config_item(item, &copy);
  if (code != 0) {
    (void)error_set(&error, code, "out of memory");
  } else {
    code = option_parse(plugin, &copy, target, &error);
  }
  config_item_fini(&copy);
  if (code != 0) {
    plugin_log(LOG_ERR, "%s: %s", plugin->name, error.text);
  }
  return code == 0 ? 0 : -1;
}

/* ---- log ---- */

static const int collectd_levels[] = {
    [LOG_LEVEL_ERROR] = LOG_ERR,     [LOG_LEVEL_WARNING] = LOG_WARNING,
    [LOG_LEVEL_NOTICE] = LOG_NOTICE, [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

/* Log levels are those of syslog; collectd drops LOG_DEBUG unless it was
 * built for debugging. */
static void write_log_line(void *context, enum log_level level,
                           const char *line) {
  const char *plugin = context;
  plugin_log(collectd_levels[level], "%s: %s", plugin, line);
}

/* The name is not copied: plugins pass a literal. */
struct log_sink glue_log_sink(const char *plugin) {
  return (struct log_sink){.write = write_log_line,
                           .context = borrow_name_as_context(plugin)};
}

/* ---- values ---- */

/* Host, time and interval stay unset: collectd fills in its own for a list
 * without them. */
static void dispatch_sample(void *context, const struct sample *sample) {
  const char *plugin = context;
  value_t values[SAMPLE_VALUES_MAX];
  for (size_t i = 0; i < sample->values_len; i++) {
    if (sample->kind == SAMPLE_GAUGE) {
      values[i].gauge = sample->values[i].gauge;
    } else {
      values[i].derive = sample->values[i].derive;
    }
  }
  value_list_t list = VALUE_LIST_INIT;
  list.values = values;
  list.values_len = sample->values_len;
  text_make_name(list.plugin, sizeof(list.plugin), plugin);
  text_make_name(list.plugin_instance, sizeof(list.plugin_instance),
                 sample->plugin_instance);
  text_make_name(list.type, sizeof(list.type), sample->type);
  text_make_name(list.type_instance, sizeof(list.type_instance),
                 sample->type_instance);
  (void)plugin_dispatch_values(&list); /* logs what it refuses */
}

struct sample_sink glue_sample_sink(const char *plugin) {
  return (struct sample_sink){.put = dispatch_sample,
                              .context = borrow_name_as_context(plugin)};
}

int glue_require_type(const char *type, struct error *error) {
  if (plugin_get_ds(type) != NULL) {
    return 0;
  }
  return error_set(error, -ENOENT,
                   "type \"%s\" is unknown; put both lines into collectd.conf: "
                   "TypesDB \"/usr/share/collectd/types.db\" and TypesDB "
                   "\"/usr/share/collectd-resource-alert/types.db\"",
                   type);
}

/* collectd's names are side by side as in struct reading_names, which is read
 * in words. */
#define SAME_PLACE(name)                                                       \
  _Static_assert(offsetof(value_list_t, name) -                                \
                             offsetof(value_list_t, host) ==                   \
                         offsetof(struct reading_names, name) &&               \
                     sizeof(((value_list_t *)0)->name) == READING_NAME_BYTES,  \
                 "the layout of value_list_t")
SAME_PLACE(host);
SAME_PLACE(plugin);
SAME_PLACE(plugin_instance);
SAME_PLACE(type);
SAME_PLACE(type_instance);
_Static_assert(offsetof(value_list_t, host) % 8 == 0 && sizeof(value_t) == 8,
               "read a word at a time");

/* By collectd's DS_TYPE_*, which are 0 to 3. */
static const enum reading_kind reading_kinds[] = {
    [DS_TYPE_COUNTER] = READING_COUNTER,
    [DS_TYPE_GAUGE] = READING_GAUGE,
    [DS_TYPE_DERIVE] = READING_DERIVE,
    [DS_TYPE_ABSOLUTE] = READING_ABSOLUTE,
};

/* Names of data sources have the same length in collectd and here:
 * DATA_MAX_NAME_LEN. */
static void describe_source(const void *handle, size_t source,
                            struct reading_source *ret_source) {
  const data_set_t *type = handle;
  const data_source_t *found = &type->ds[source];
  memcpy(ret_source->name, found->name, sizeof(ret_source->name));
  ret_source->kind = reading_kinds[found->type];
  ret_source->min = found->min;
  ret_source->max = found->max;
}

/* A cdtime_t counts 2^-30 s. */
static int64_t cdtime_to_ns(cdtime_t time) {
  uint64_t seconds = time >> 30;
  uint64_t part = time & ((UINT64_C(1) << 30) - 1);
  return (int64_t)(seconds * 1000000000U + ((part * 1000000000U) >> 30));
}

/* Values come from the network, too: a time that no clock shows becomes now. */
#define TIME_MAX ((cdtime_t)7258118400 << 30) /* the year 2200 */
#define INTERVAL_MAX ((cdtime_t)86400 << 30)

static cdtime_t bound_time(cdtime_t time) {
  time = time < TIME_MAX ? time : cdtime();
  return time < TIME_MAX ? time : TIME_MAX;
}

static cdtime_t bound_interval(cdtime_t interval) {
  return interval < INTERVAL_MAX ? interval : INTERVAL_MAX;
}

struct reading glue_make_reading(const struct data_set_s *type,
                                 const struct value_list_s *list) {
  const void *names = (const char *)list + offsetof(value_list_t, host);
  return (struct reading){
      .names = names,
      .type = {.handle = type, .describe = describe_source},
      .time_ns = cdtime_to_ns(bound_time(list->time)),
      .interval_ns = cdtime_to_ns(bound_interval(list->interval)),
      .values_len = list->values_len,
      .values = list->values,
  };
}

int glue_find_type(const char *name, struct reading_type *ret_type,
                   size_t *ret_sources) {
  const data_set_t *type = plugin_get_ds(name);
  if (type == NULL) {
    return -ENOENT;
  }
  *ret_type =
      (struct reading_type){.handle = type, .describe = describe_source};
  *ret_sources = type->ds_num;
  return 0;
}

/* ---- notifications ---- */

/* Per thread: collectd runs the callbacks of a notification on the thread
 * that dispatches it, and other threads may dispatch at the same time. */
static _Thread_local bool is_dispatching;

static const int collectd_severities[] = {
    [NOTIFICATION_FAILURE] = NOTIF_FAILURE,
    [NOTIFICATION_WARNING] = NOTIF_WARNING,
    [NOTIFICATION_OKAY] = NOTIF_OKAY,
};

/* Cut where it does not fit; without control characters, since what reads it is
 * a mail, a terminal or a script. */
static void copy_blanked(char *to, const char *from, size_t bytes) {
  sstrncpy(to, from, bytes);
  text_blank_controls(to);
}

static void add_meta(notification_t *out,
                     const struct notification_field *field) {
  if (field->text == NULL) {
    (void)plugin_notification_meta_add_double(out, field->name, field->number);
    return;
  }
  char *text = strdup(field->text);
  if (text != NULL) {
    text_blank_controls(text);
    (void)plugin_notification_meta_add_string(out, field->name, text);
    free(text);
  }
}

/* The details are copied by collectd and freed here, since dispatching does not
 * free them. */
static void dispatch_notification(void *context,
                                  const struct notification *notification) {
  const char *plugin =
      notification->plugin[0] != '\0' ? notification->plugin : context;
  notification_t out = {
      .severity = collectd_severities[notification->severity],
      .time = notification->time_s > 0
                  ? DOUBLE_TO_CDTIME_T(notification->time_s)
                  : cdtime(),
  };
  copy_blanked(out.message, notification->message, sizeof(out.message));
  copy_blanked(out.host,
               notification->host[0] != '\0' ? notification->host : hostname_g,
               sizeof(out.host));
  copy_blanked(out.plugin, plugin, sizeof(out.plugin));
  copy_blanked(out.plugin_instance, notification->plugin_instance,
               sizeof(out.plugin_instance));
  copy_blanked(out.type, notification->type, sizeof(out.type));
  copy_blanked(out.type_instance, notification->type_instance,
               sizeof(out.type_instance));
  for (size_t i = 0; i < notification->fields_len; i++) {
    add_meta(&out, &notification->fields[i]);
  }
  is_dispatching = true; /* the callbacks run before it returns */
  (void)plugin_dispatch_notification(&out);
  is_dispatching = false;
  (void)plugin_notification_meta_free(out.meta);
}

struct notification_sink glue_notification_sink(const char *plugin) {
  return (struct notification_sink){.put = dispatch_notification,
                                    .context = borrow_name_as_context(plugin)};
}

struct notification
glue_make_notification(const struct notification_s *notification) {
  return (struct notification){
      .severity = notification->severity == NOTIF_OKAY ? NOTIFICATION_OKAY
                  : notification->severity == NOTIF_WARNING
                      ? NOTIFICATION_WARNING
                      : NOTIFICATION_FAILURE,
      .time_s = CDTIME_T_TO_DOUBLE(notification->time),
      .host = notification->host,
      .plugin = notification->plugin,
      .plugin_instance = notification->plugin_instance,
      .type = notification->type,
      .type_instance = notification->type_instance,
      .message = notification->message,
  };
}

/* collectd has more types of details than its plugins send. */
size_t glue_copy_fields(const struct notification_s *notification,
                        struct notification_field *fields, size_t max) {
  size_t len = 0;
  for (const notification_meta_t *meta = notification->meta;
       meta != NULL && len < max; meta = meta->next) {
    struct notification_field field = {.name = meta->name};
    if (meta->type == NM_TYPE_STRING) {
      field.text = meta->nm_value.nm_string;
    } else if (meta->type == NM_TYPE_DOUBLE) {
      field.number = meta->nm_value.nm_double;
    } else {
      continue;
    }
    fields[len++] = field;
  }
  return len;
}

bool glue_notification_is_own(const struct notification_s *notification,
                              const char *plugin) {
  return is_dispatching || strcmp(notification->plugin, plugin) == 0;
}
