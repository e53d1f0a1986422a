/* SPDX-License-Identifier: MIT */
/* newlines: counts them, 16 bytes at once. */
#include <string.h>

#include "session_log/scan/prefilter.h"

#define LANES 16       /* what every vector unit has */
#define ROUNDS_MAX 255 /* what a counter of one byte can take */

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static size_t sum_of(const lanes *counts) {
  uint8_t bytes[LANES];
  size_t sum = 0;
  memcpy(bytes, counts, sizeof(bytes));
  for (size_t i = 0; i < LANES; i++) {
    sum += bytes[i];
  }
  return sum;
}

size_t prefilter_count_newlines(const uint8_t *data, size_t bytes) {
  lanes newline;
  size_t lines = 0;
  size_t at = 0;
  memset(&newline, '\n', sizeof(newline));
  while (bytes - at >= LANES) {
    lanes counts = {0};
    for (int i = 0; i < ROUNDS_MAX && bytes - at >= LANES; i++, at += LANES) {
      lanes here;
      memcpy(&here, data + at, LANES);
      counts -= (lanes)(here == newline); /* true is -1 */
    }
    lines += sum_of(&counts);
  }
  for (; at < bytes; at++) {
    lines += data[at] == '\n';
  }
  return lines;
}
