/* SPDX-License-Identifier: MIT */
/* values: values between collectd's types and ours. */
#include "glue/values.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "collectd.h"
#include "plugin.h"

static void copy_name(char *to, size_t bytes, const char *from) {
  size_t i = 0;
  for (; from[i] != '\0' && i + 1 < bytes; i++) {
    unsigned char c = (unsigned char)from[i];
    if (c == '/') {
      to[i] = '-';
    } else if (c < ' ' || c == 0x7f) {
      to[i] = '_';
    } else {
      to[i] = from[i];
    }
  }
  to[i] = '\0';
}

static void put(void *context, const struct sample *sample) {
  const char *plugin = context;
  value_t values[SAMPLE_VALUES_MAX];
  for (size_t i = 0; i < sample->values_len; i++) {
    switch (sample->kind) {
    case SAMPLE_GAUGE:
      values[i].gauge = sample->values[i].gauge;
      break;
    case SAMPLE_DERIVE:
      values[i].derive = sample->values[i].derive;
      break;
    }
  }
  value_list_t list = VALUE_LIST_INIT;
  list.values = values;
  list.values_len = sample->values_len;
  copy_name(list.plugin, sizeof(list.plugin), plugin);
  copy_name(list.plugin_instance, sizeof(list.plugin_instance),
            sample->plugin_instance);
  copy_name(list.type, sizeof(list.type), sample->type);
  copy_name(list.type_instance, sizeof(list.type_instance),
            sample->type_instance);
  (void)plugin_dispatch_values(&list); /* logs what it does not take */
}

struct sample_sink glue_sample_sink(const char *plugin) {
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct sample_sink){.put = put, .context = borrowed.context};
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

/* collectd's names lie as struct reading_names has them. */
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

static enum reading_kind kind_of(int type) {
  switch (type) {
  case DS_TYPE_COUNTER:
    return READING_COUNTER;
  case DS_TYPE_DERIVE:
    return READING_DERIVE;
  case DS_TYPE_ABSOLUTE:
    return READING_ABSOLUTE;
  default:
    return READING_GAUGE;
  }
}

static void describe(const void *handle, size_t source,
                     struct reading_source *ret_source) {
  const data_set_t *type = handle;
  const data_source_t *found = &type->ds[source];
  memcpy(ret_source->name, found->name, sizeof(ret_source->name));
  ret_source->kind = kind_of(found->type);
  ret_source->min = found->min;
  ret_source->max = found->max;
}

/* A cdtime_t counts 2^-30 s. */
static int64_t to_ns(cdtime_t time) {
  uint64_t seconds = time >> 30;
  uint64_t part = time & ((UINT64_C(1) << 30) - 1);
  return (int64_t)(seconds * 1000000000U + ((part * 1000000000U) >> 30));
}

struct reading glue_reading(const struct data_set_s *type,
                            const struct value_list_s *list) {
  const void *names = (const char *)list + offsetof(value_list_t, host);
  return (struct reading){
      .names = names,
      .type = {.handle = type, .describe = describe},
      .time_ns = to_ns(list->time),
      .interval_ns = to_ns(list->interval),
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
  *ret_type = (struct reading_type){.handle = type, .describe = describe};
  *ret_sources = type->ds_num;
  return 0;
}
