/* SPDX-License-Identifier: MIT */
/* json_line: one JSON object a line. */
#include "resource_alert/json_line.h"

#include <stdlib.h>
#include <string.h>

char *json_line(const json_t *value) {
  char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
  size_t length = text == NULL ? 0 : strlen(text);
  char *with_newline = text == NULL ? NULL : realloc(text, length + 2);
  if (with_newline == NULL) {
    free(text);
    return NULL;
  }
  memcpy(with_newline + length, "\n", 2);
  return with_newline;
}
