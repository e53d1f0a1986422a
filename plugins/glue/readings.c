/* SPDX-License-Identifier: MIT */
/* readings: values in, from collectd's bus to a trade. */
#include "glue/readings.h"

#include "collectd.h"
#include "plugin.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

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
