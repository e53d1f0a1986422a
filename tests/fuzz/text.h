/* SPDX-License-Identifier: MIT */
/* text: a fuzzer's input as a string of its own, so that a byte too far is
 * seen. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A copy of DATA with a NUL behind it; yours to free. */
static inline char *text_of(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  if (text == NULL) {
    abort();
  }
  memcpy(text, data, size);
  text[size] = '\0';
  return text;
}
