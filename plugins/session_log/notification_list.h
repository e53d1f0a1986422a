/* SPDX-License-Identifier: MIT */
/* notification_list: notifications about a log that wait to be sent, once no
 * lock is held: they run the callbacks of other plugins. */
#pragma once

#include <stddef.h>

#include "core/notification.h"
#include "session_log/sessions/session_tracker.h"

#define NOTIFICATION_FIELDS_MAX 4

struct notification_item {
  struct notification_item *next; /* owned */
  const char *type, *type_instance;
  char message[NOTIFICATION_MESSAGE_BYTES];
  char session[SESSION_TRACKER_ID_BYTES];
  char *file; /* owned; NULL: none */
  struct notification_field fields[NOTIFICATION_FIELDS_MAX];
  size_t fields_len;
};

/* All zero is an empty list. One owner. */
struct notification_list {
  struct notification_item *first, *last; /* owned */
};

/* Adds one, whose message is to be written, and returns it, or NULL when memory
 * is short: then it is lost. The caller limits their number. */
struct notification_item *notification_list_add(
    struct notification_list *list, const char *type, const char *type_instance,
    const struct notification_field *fields, size_t fields_len);

/* Sends all, frees them and empties the list; sink: may be NULL. */
void notification_list_send_and_free(struct notification_list *list,
                                     const char *log_name,
                                     const struct notification_sink *sink);
