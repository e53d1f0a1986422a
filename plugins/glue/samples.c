/* SPDX-License-Identifier: MIT */
/* samples: values out, from a trade to collectd's bus. */
#include "glue/samples.h"

#include "collectd.h"
#include "plugin.h"

#include <errno.h>

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
