/* SPDX-License-Identifier: MIT */
/* leak_list: the leaked connections and sessions that dbpool and session_log
 * have notified, by the series that counts them. */
#include "resource_alert/alerts/leak_list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/alerts/alert_event.h"

#define HOUR_MS (INT64_C(3600) * 1000)

struct leak_item {
  char series[SERIES_NAME_BYTES];
  int64_t reported_ms; /* since the epoch */
  json_t *fields;      /* owned; NULL: the place is free */
};

struct leak_list {
  pthread_mutex_t lock;
  struct leak_item items[LEAK_LIST_MAX];
};

struct leak_list *leak_list_new(void) {
  struct leak_list *list = calloc(1, sizeof(*list));
  if (list != NULL) {
    (void)pthread_mutex_init(&list->lock, NULL);
  }
  return list;
}

static void free_item(struct leak_item *item) {
  json_decref(item->fields);
  item->fields = NULL;
}

void leak_list_free(struct leak_list *list) {
  for (size_t i = 0; list != NULL && i < LEAK_LIST_MAX; i++) {
    free_item(&list->items[i]);
  }
  if (list != NULL) {
    (void)pthread_mutex_destroy(&list->lock);
  }
  free(list);
}

/* ---- from a notification ---- */

/* The identity of such a notification is that of the series. */
static bool is_about_leak(const struct notification *notification) {
  return (strcmp(notification->plugin, "dbpool") == 0 ||
          strcmp(notification->plugin, "session_log") == 0) &&
         strcmp(notification->type_instance, "leaked") == 0;
}

/* Details that are shown, by the names of the notification's fields. */
static const char *const shown_fields[][2] = {
    {"pid", "pid"},         {"client", "client"},
    {"session", "session"}, {"application", "application"},
    {"file", "file"},       {"query", "statement"},
    {"age", "age_s"},
};

static void add_field(json_t *object, const struct notification_field *field) {
  for (size_t i = 0; i < sizeof(shown_fields) / sizeof(shown_fields[0]); i++) {
    if (strcmp(field->name, shown_fields[i][0]) != 0) {
      continue;
    }
    bool is_known =
        field->text == NULL ? field->number > 0 : field->text[0] != '\0';
    if (is_known) {
      (void)json_object_set_new(object, shown_fields[i][1],
                                field->text == NULL
                                    ? json_real(field->number)
                                    : json_util_from_text(field->text));
    }
  }
}

/* The statement to copy that ends a session of PostgreSQL. */
static void add_end(json_t *object, const char *plugin) {
  char text[64];
  json_t *pid = json_object_get(object, "pid");
  if (strcmp(plugin, "dbpool") == 0 && pid != NULL) {
    (void)snprintf(text, sizeof(text), "SELECT pg_terminate_backend(%.0f);",
                   json_number_value(pid));
    (void)json_object_set_new(object, "end", json_string(text));
  }
}

static json_t *make_fields(const struct notification *notification) {
  json_t *object =
      json_pack("{so}", "message", json_util_from_text(notification->message));
  for (size_t i = 0; object != NULL && i < notification->fields_len; i++) {
    add_field(object, &notification->fields[i]);
  }
  if (object != NULL) {
    add_end(object, notification->plugin);
  }
  return object;
}

/* ---- the list ---- */

/* True if both have the member with the same value, or both have it not. */
static bool has_same_member(const json_t *a, const json_t *b,
                            const char *name) {
  json_t *one = json_object_get(a, name);
  json_t *other = json_object_get(b, name);
  return one == other || json_equal(one, other);
}

/* One session: of one process id and name. */
static bool is_same_leak(const struct leak_item *item, const char *series,
                         const json_t *fields) {
  return item->fields != NULL && strcmp(item->series, series) == 0 &&
         has_same_member(item->fields, fields, "pid") &&
         has_same_member(item->fields, fields, "session");
}

/* Under the lock. NULL if it is not in the list. */
static struct leak_item *find_leak(struct leak_list *list, const char *series,
                                   const json_t *fields) {
  for (size_t i = 0; i < LEAK_LIST_MAX; i++) {
    if (is_same_leak(&list->items[i], series, fields)) {
      return &list->items[i];
    }
  }
  return NULL;
}

/* A free place, or that of the oldest. Under the lock. */
static struct leak_item *find_place(struct leak_list *list) {
  struct leak_item *place = &list->items[0];
  for (size_t i = 0; i < LEAK_LIST_MAX && place->fields != NULL; i++) {
    struct leak_item *item = &list->items[i];
    if (item->fields == NULL || item->reported_ms < place->reported_ms) {
      place = item;
    }
  }
  return place;
}

json_t *leak_list_take(struct leak_list *list,
                       const struct notification *notification,
                       int64_t wall_ms) {
  char series[SERIES_NAME_BYTES];
  if (!is_about_leak(notification)) {
    return NULL;
  }
  json_t *fields = make_fields(notification);
  if (fields == NULL) {
    return NULL;
  }
  (void)snprintf(series, sizeof(series), "%s/%s-%s/%s-%s", notification->host,
                 notification->plugin, notification->plugin_instance,
                 notification->type, notification->type_instance);
  bool is_end = notification->severity == NOTIFICATION_OKAY;
  (void)pthread_mutex_lock(&list->lock);
  struct leak_item *item = find_leak(list, series, fields);
  bool is_known = item != NULL;
  if (item == NULL && !is_end) {
    item = find_place(list);
  }
  if (item != NULL) {
    free_item(item);
  }
  if (!is_end) {
    (void)snprintf(item->series, sizeof(item->series), "%s", series);
    item->reported_ms = wall_ms;
    item->fields = json_incref(fields);
  }
  json_t *journaled = is_end && !is_known ? NULL : json_copy(fields);
  (void)pthread_mutex_unlock(&list->lock);
  json_decref(fields);
  if (journaled != NULL) {
    (void)json_object_set_new(journaled, "series", json_util_from_text(series));
  }
  return journaled;
}

void leak_list_forget(struct leak_list *list, const char *series) {
  (void)pthread_mutex_lock(&list->lock);
  for (size_t i = 0; i < LEAK_LIST_MAX; i++) {
    if (list->items[i].fields != NULL &&
        strcmp(list->items[i].series, series) == 0) {
      free_item(&list->items[i]);
    }
  }
  (void)pthread_mutex_unlock(&list->lock);
}

/* ---- the status ---- */

/* The oldest leak of SERIES that was reported after AFTER_MS, or at this time
 * in a later place. Under the lock. */
static struct leak_item *find_next(struct leak_list *list, const char *series,
                                   const struct leak_item *after) {
  struct leak_item *next = NULL;
  for (size_t i = 0; i < LEAK_LIST_MAX; i++) {
    struct leak_item *item = &list->items[i];
    bool is_later = after == NULL || item->reported_ms > after->reported_ms ||
                    (item->reported_ms == after->reported_ms && item > after);
    if (item->fields != NULL && is_later && strcmp(item->series, series) == 0 &&
        (next == NULL || item->reported_ms < next->reported_ms)) {
      next = item;
    }
  }
  return next;
}

/* With its age now. */
static json_t *item_to_json(const struct leak_item *item, int64_t wall_ms) {
  json_t *object = json_copy(item->fields);
  double since_s = (double)(wall_ms - item->reported_ms) / 1000;
  json_t *age = json_object_get(object, "age_s");
  if (age != NULL) {
    (void)json_object_set_new(object, "age_s",
                              json_real(json_number_value(age) + since_s));
  }
  (void)json_object_set_new(object, "reported",
                            json_real((double)item->reported_ms / 1000));
  return object;
}

json_t *leak_list_to_json(struct leak_list *list, const char *series,
                          int64_t wall_ms) {
  json_t *array = json_array();
  (void)pthread_mutex_lock(&list->lock);
  for (struct leak_item *next, *item = find_next(list, series, NULL);
       item != NULL; item = next) {
    next = find_next(list, series, item);
    if (wall_ms - item->reported_ms > LEAK_LIST_HOURS * HOUR_MS) {
      free_item(item);
      continue;
    }
    (void)json_array_append_new(array, item_to_json(item, wall_ms));
    if (json_array_size(array) > LEAK_LIST_SHOWN) {
      (void)json_array_remove(array, 0);
    }
  }
  (void)pthread_mutex_unlock(&list->lock);
  if (json_array_size(array) == 0) {
    json_decref(array);
    return NULL;
  }
  return array;
}
