/* SPDX-License-Identifier: MIT */
/* series_body: a series bound to the rows that watch it, once at first sight.
 */
#include "resource_alert/series_body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct binding {
  const struct rows *rows;
  struct selector_subject subject;
};

static void describe_sources(struct series_body *body,
                             const struct reading *reading) {
  for (size_t i = 0; i < body->sources_len; i++) {
    reading->type.describe(reading->type.handle, i, &body->sources[i].type);
  }
}

/* Fills the watches (NULL: only counts them). Returns how many. */
static size_t bind_rows(const struct binding *binding,
                        const struct series_body *body, struct watch *watches) {
  size_t len = 0;
  size_t cursor = 0;
  struct row *row;
  while ((row = rows_next_match(binding->rows, &binding->subject, &cursor)) !=
         NULL) {
    for (size_t i = 0; i < body->sources_len; i++) {
      if (!rows_watch_source(binding->rows, row, &binding->subject,
                             body->sources[i].type.name)) {
        continue;
      }
      if (watches != NULL) {
        watches[len].row = row;
        watches[len].source = (uint8_t)i;
      }
      len++;
    }
  }
  return len;
}

static int bind_body(struct series_body *body, const struct binding *binding) {
  body->watches_len = bind_rows(binding, body, NULL);
  if (body->watches_len == 0) {
    return 0;
  }
  body->watches = calloc(body->watches_len, sizeof(*body->watches));
  if (body->watches == NULL) {
    return -ENOMEM;
  }
  (void)bind_rows(binding, body, body->watches);
  for (size_t i = 0; i < body->watches_len; i++) {
    struct row *row = body->watches[i].row;
    body->has_percentage = body->has_percentage || row->is_percentage;
    atomic_fetch_add(&row->counts[ALERT_UNKNOWN], 1);
  }
  return 0;
}

int series_body_new(const struct rows *rows, const struct reading *reading,
                    struct series_body **ret_body) {
  struct binding binding = {.rows = rows};
  size_t cursor = 0;
  *ret_body = NULL;
  selector_subject_init(&binding.subject, reading->names);
  if (reading->values_len > UINT8_MAX ||
      rows_next_match(rows, &binding.subject, &cursor) == NULL) {
    return 0;
  }
  struct series_body *body = calloc(1, sizeof(*body));
  if (body == NULL) {
    return -ENOMEM;
  }
  body->names = *reading->names;
  body->sources_len = reading->values_len;
  body->sources = calloc(body->sources_len, sizeof(*body->sources));
  if (body->sources == NULL) {
    free(body);
    return -ENOMEM;
  }
  describe_sources(body, reading);
  int code = bind_body(body, &binding);
  if (code != 0 || body->watches_len == 0) {
    free(body->sources);
    free(body);
    return code;
  }
  *ret_body = body;
  return 0;
}

void series_body_free(struct series_body *body) {
  if (body == NULL) {
    return;
  }
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    atomic_fetch_sub(&watch->row->counts[watch->alert.state], 1);
  }
  free(body->watches);
  free(body->sources);
  free(body);
}

void series_format_name(const struct series_body *body, size_t source,
                        char *text, size_t bytes) {
  const struct reading_names *names = &body->names;
  bool has_many = body->sources_len > 1;
  (void)snprintf(text, bytes, "%s/%s%s%s/%s%s%s%s%s", names->host,
                 names->plugin, names->plugin_instance[0] == '\0' ? "" : "-",
                 names->plugin_instance, names->type,
                 names->type_instance[0] == '\0' ? "" : "-",
                 names->type_instance, has_many ? ":" : "",
                 has_many ? body->sources[source].type.name : "");
}
