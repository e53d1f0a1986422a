/* SPDX-License-Identifier: MIT */
/* notification_list: notifications about a log that wait to be sent. */
#include "session_log/notification_list.h"

#include <stdlib.h>
#include <string.h>

struct notification_item *notification_list_add(
    struct notification_list *list, const char *type, const char *type_instance,
    const struct notification_field *fields, size_t fields_len) {
  struct notification_item *added = calloc(1, sizeof(*added));
  if (added == NULL) {
    return NULL;
  }
  added->type = type;
  added->type_instance = type_instance;
  memcpy(added->fields, fields, fields_len * sizeof(*fields));
  added->fields_len = fields_len;
  *(list->first == NULL ? &list->first : &list->last->next) = added;
  list->last = added;
  return added;
}

void notification_list_send_and_free(struct notification_list *list,
                                     const char *log_name,
                                     const struct notification_sink *sink) {
  struct notification_item *next;
  for (struct notification_item *item = list->first; item != NULL;
       item = next) {
    const struct notification notification = {
        .severity = NOTIFICATION_WARNING,
        .host = "",
        .plugin = "",
        .plugin_instance = log_name,
        .type = item->type,
        .type_instance = item->type_instance,
        .message = item->message,
        .fields = item->fields,
        .fields_len = item->fields_len,
    };
    if (sink != NULL) {
      sink->put(sink->context, &notification);
    }
    next = item->next;
    free(item->file);
    free(item);
  }
  *list = (struct notification_list){0};
}
