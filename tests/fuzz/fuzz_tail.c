/* SPDX-License-Identifier: MIT */
/* fuzz_follower: a log that is written, rotated, truncated and read as the
 * input chooses: no line is lost, none is taken twice. */
#include <stdint.h>
#include <stdlib.h>

#include "tail_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct chance chance = {
      .seed = 1, .choices = data, .choices_len = size};
  if (live(&chance, getenv("FOLLOW_SAY") != NULL) != 0) {
    abort();
  }
  return 0;
}
