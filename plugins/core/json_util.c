/* SPDX-License-Identifier: MIT */
/* json_util: JSON lines, and JSON of text and numbers from elsewhere. */
#include "core/json_util.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* jansson takes DEL for a printable character: "\u007f" instead. text: taken.
 */
static char *escape_del(char *text) {
  size_t dels = 0;
  for (const char *at = text; at != NULL && *at != '\0'; at++) {
    dels += *at == '\x7f';
  }
  if (dels == 0) {
    return text;
  }
  char *escaped = malloc(strlen(text) + 5 * dels + 1);
  char *to = escaped;
  for (const char *at = text; to != NULL && *at != '\0'; at++) {
    if (*at == '\x7f') {
      memcpy(to, "\\u007f", 6);
      to += 6;
    } else {
      *to++ = *at;
    }
  }
  if (to != NULL) {
    *to = '\0';
  }
  free(text);
  return escaped;
}

char *json_util_dump(const json_t *value, size_t flags) {
  char *text = value == NULL ? NULL : json_dumps(value, flags);
  bool has_controls = false;
  for (const char *at = text; at != NULL && *at != '\0' && !has_controls;
       at++) {
    has_controls = *at != '\n' && text_control_length(at) > 0 &&
                   ((unsigned char)*at & 0xc0) != 0x80;
  }
  if (has_controls) {
    free(text);
    text = escape_del(json_dumps(value, flags | JSON_ENSURE_ASCII));
  }
  return text;
}

char *json_util_format_line(const json_t *value) {
  char *text = json_util_dump(value, JSON_COMPACT);
  size_t length = text == NULL ? 0 : strlen(text);
  char *with_newline = text == NULL ? NULL : realloc(text, length + 2);
  if (with_newline == NULL) {
    free(text);
    return NULL;
  }
  memcpy(with_newline + length, "\n", 2);
  return with_newline;
}

json_t *json_util_from_text(const char *text) {
  json_t *string = json_string(text);
  char *copy = string == NULL ? strdup(text) : NULL;
  if (copy == NULL) {
    return string;
  }
  for (unsigned char *c = (unsigned char *)copy; *c != '\0'; c++) {
    *c = *c >= 0x80 ? '?' : *c;
  }
  string = json_string(copy);
  free(copy);
  return string;
}

json_t *json_util_from_number(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

const char *json_util_copy_text(const json_t *object, const char *name,
                                char *buffer, size_t bytes) {
  const char *text = json_string_value(json_object_get(object, name));
  (void)snprintf(buffer, bytes, "%s", text == NULL ? "" : text);
  text_blank_controls(buffer);
  return buffer;
}

bool json_util_has_same_member(const json_t *a, const json_t *b,
                               const char *name) {
  const json_t *member = json_object_get(a, name);
  return member != NULL && json_equal(member, json_object_get(b, name));
}
