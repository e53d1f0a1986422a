/* SPDX-License-Identifier: MIT */
/* desired_lines: what each response has engaged, as lines of a file. */
#include "resource_alert/responses/desired_lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"

#define HEAD "{\"version\":1}\n"

char *desired_line_format(const char *response, json_t *entry) {
  json_t *line = json_pack("{s:s}", "response", response);
  bool is_whole = json_object_update_missing(line, entry) == 0;
  char *text = is_whole ? json_util_line(line) : NULL;
  json_decref(line);
  return text;
}

char *desired_lines_format(json_t *entries, size_t *ret_bytes) {
  char *text = NULL;
  FILE *stream = open_memstream(&text, ret_bytes);
  if (stream == NULL) {
    return NULL;
  }
  bool is_whole = fputs(HEAD, stream) >= 0;
  const char *response;
  json_t *entry;
  json_object_foreach(entries, response, entry) {
    char *line = desired_line_format(response, entry);
    is_whole = line != NULL && fputs(line, stream) >= 0 && is_whole;
    free(line);
  }
  if (fclose(stream) != 0 || !is_whole) {
    free(text);
    return NULL;
  }
  return text;
}

static bool take_line(json_t *entries, const char *line, size_t number) {
  json_t *entry = json_loads(line, 0, NULL);
  const char *response = json_string_value(json_object_get(entry, "response"));
  bool makes_sense =
      number == 1
          ? json_integer_value(json_object_get(entry, "version")) == 1
          : response != NULL && json_object_set(entries, response, entry) == 0;
  json_decref(entry);
  return makes_sense;
}

size_t desired_lines_take(json_t *entries, char *text) {
  char *line = text;
  char *end;
  for (size_t number = 1; (end = strchr(line, '\n')) != NULL; number++) {
    *end = '\0';
    if (!take_line(entries, line, number)) {
      return number;
    }
    line = end + 1;
  }
  return 0;
}
