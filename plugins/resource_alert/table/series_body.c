/* SPDX-License-Identifier: MIT */
/* series_body: a series bound to the rows that watch it, once at first sight.
 */
#include "resource_alert/table/series_body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fills the watches (NULL: only counts them). Returns how many. */
static size_t bind_rows(const struct series_binding *binding,
                        struct watch *watches) {
  const struct series_type *type = binding->type;
  size_t len = 0;
  for (size_t i = 0; i < binding->matched_len; i++) {
    struct row *row = binding->matched[i];
    for (size_t source = 0; source < type->sources_len; source++) {
      if (!rows_watch_source(binding->rows, row, &binding->subject,
                             type->sources[source].name)) {
        continue;
      }
      if (watches != NULL) {
        watches[len].row = row;
        watches[len].source = (uint8_t)source;
      }
      len++;
    }
  }
  return len;
}

static int allocate(struct series_body *body, size_t watches_len) {
  size_t bytes = watches_len * sizeof(*body->watches);
  body->watches = aligned_alloc(sizeof(*body->watches), bytes);
  if (!body->type->is_all_gauges) {
    body->previous = calloc(body->type->sources_len, sizeof(*body->previous));
  }
  if (body->watches == NULL ||
      (body->previous == NULL && !body->type->is_all_gauges)) {
    return -ENOMEM;
  }
  memset(body->watches, 0, bytes);
  return 0;
}

static int bind_body(struct series_body *body,
                     const struct series_binding *binding) {
  size_t len = bind_rows(binding, NULL);
  if (len == 0 || len > UINT16_MAX) {
    return len == 0 ? 0 : -ENOMEM;
  }
  int code = allocate(body, len);
  if (code != 0) {
    return code;
  }
  body->watches_len = len;
  (void)bind_rows(binding, body->watches);
  for (size_t i = 0; i < len; i++) {
    struct row *row = body->watches[i].row;
    body->has_percentage = body->has_percentage || row->is_percentage;
    atomic_fetch_add(&row->counts[ALERT_UNKNOWN], 1);
  }
  return 0;
}

int series_body_new(const struct series_binding *binding,
                    struct series_body **ret_body) {
  struct series_body *body = calloc(1, sizeof(*body));
  if (body == NULL) {
    return -ENOMEM;
  }
  body->names = *binding->names;
  body->id = binding->id;
  body->type = binding->type;
  int code = bind_body(body, binding);
  if (code != 0 || body->watches_len == 0) {
    series_body_free(body);
    body = NULL;
  }
  *ret_body = body;
  return code;
}

void series_body_free(struct series_body *body) {
  if (body == NULL) {
    return;
  }
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    atomic_fetch_sub(&watch->row->counts[watch->alert.state], 1);
  }
  if (!body->is_watch_lent) {
    free(body->watches);
  }
  free(body->previous);
  free(body);
}

void series_format_name(const struct series_body *body, size_t source,
                        char *text, size_t bytes) {
  const struct reading_names *names = &body->names;
  bool has_many = body->type->sources_len > 1;
  (void)snprintf(text, bytes, "%s/%s%s%s/%s%s%s%s%s", names->host,
                 names->plugin, names->plugin_instance[0] == '\0' ? "" : "-",
                 names->plugin_instance, names->type,
                 names->type_instance[0] == '\0' ? "" : "-",
                 names->type_instance, has_many ? ":" : "",
                 has_many ? series_source_name(body, source) : "");
}

const char *series_source_name(const struct series_body *body, size_t source) {
  return body->type->sources[source].name;
}
