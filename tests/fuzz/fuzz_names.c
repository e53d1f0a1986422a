/* SPDX-License-Identifier: MIT */
/* fuzz_names: any two texts, separated by 0x1d, as names of one series: their
 * names are safe in a path and on a terminal, and alike only where the texts
 * are, but for '/' and '-'. Then each as text that goes out. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "core/text.h"

#define NAME_BYTES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is) {
  if (!is) {
    abort();
  }
}

static void check_clean(const char *text) {
  for (const char *at = text; *at != '\0';) {
    size_t length = text_utf8_length(at);
    require(length > 0 && text_control_length(at) == 0);
    at += length;
  }
}

static void check_name(const char *name) {
  require(strlen(name) < NAME_BYTES && strchr(name, '/') == NULL);
  check_clean(name);
}

/* What is written as JSON has no control characters and says the same. */
static void check_json(const char *text) {
  json_t *value = json_pack("[o]", json_util_from_text(text));
  char *line = json_util_dump(value, JSON_COMPACT);
  require(line != NULL);
  check_clean(line);
  json_t *again = json_loads(line, 0, NULL);
  require(json_equal(value, again) != 0);
  json_decref(again);
  json_decref(value);
  free(line);
}

/* '/' and '-' are one: SERIES in alert_state-SERIES stays readable. */
static bool is_alike(const char *one, const char *other) {
  while (*one != '\0' &&
         (*one == '/' ? '-' : *one) == (*other == '/' ? '-' : *other)) {
    one++;
    other++;
  }
  return *one == *other;
}

static void check_outputs(char *text) {
  char escaped[256];
  check_json(text);
  text_escape(escaped, sizeof(escaped), text);
  check_clean(escaped);
  text_blank_controls(text);
  for (const char *at = text; *at != '\0'; at++) {
    require(text_control_length(at) == 0 ||
            ((unsigned char)*at & 0xc0) == 0x80);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char one[NAME_BYTES], other[NAME_BYTES];
  char *text = calloc(1, size + 1);
  require(text != NULL);
  memcpy(text, data, size);
  char *second = strchr(text, 0x1d);
  if (second != NULL) {
    *second++ = '\0';
    text_make_name(one, sizeof(one), text);
    text_make_name(other, sizeof(other), second);
    check_name(one);
    check_name(other);
    require(strcmp(one, other) != 0 || is_alike(text, second));
    check_outputs(second);
  }
  check_outputs(text);
  free(text);
  return 0;
}
