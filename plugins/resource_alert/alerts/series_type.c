/* SPDX-License-Identifier: MIT */
/* series_type: what is known of a type, once for all series of it. */
#include "resource_alert/alerts/series_type.h"

#include <stdlib.h>
#include <string.h>

static struct series_type *describe(const struct reading *reading) {
  struct series_type *type =
      calloc(1, sizeof(*type) + reading->values_len * sizeof(type->sources[0]));
  if (type == NULL) {
    return NULL;
  }
  memcpy(type->name, reading->names->type, sizeof(type->name));
  type->is_all_gauges = true;
  type->sources_len = reading->values_len;
  for (size_t i = 0; i < type->sources_len; i++) {
    reading->type.describe(reading->type.handle, i, &type->sources[i]);
    type->is_all_gauges =
        type->is_all_gauges && type->sources[i].kind == READING_GAUGE;
  }
  return type;
}

const struct series_type *series_types_find(struct series_types *types,
                                            const struct reading *reading) {
  for (struct series_type *type = types->first; type != NULL;
       type = type->next) {
    if (type->sources_len == reading->values_len &&
        strcmp(type->name, reading->names->type) == 0) {
      return type;
    }
  }
  struct series_type *type = describe(reading);
  if (type != NULL) {
    type->next = types->first;
    types->first = type;
  }
  return type;
}

void series_types_fini(struct series_types *types) {
  while (types->first != NULL) {
    struct series_type *next = types->first->next;
    free(types->first);
    types->first = next;
  }
}
