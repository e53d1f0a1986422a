/* SPDX-License-Identifier: MIT */
/* fuzz_frame: lines in a frame: what is decoded in two steps is what is decoded
 * at once, and nothing is written behind the room. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/tail/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends what is decoded of DATA to *all. Returns the bytes taken. */
static size_t decode_part(enum frame_format format, const char *data,
                          size_t bytes, bool is_flushed,
                          struct frame_text *all) {
  struct frame_text text = {0};
  size_t taken = 0;
  char *exact = malloc(bytes + 1); /* a read behind it is found */
  if (exact == NULL) {
    abort();
  }
  memcpy(exact, data, bytes);
  if (frame_decode(format, exact, bytes, is_flushed, &text, &taken) != 0 ||
      taken > bytes || text.bytes > text.max) {
    abort();
  }
  if (text.bytes > 0) {
    const char *time = NULL;
    size_t time_bytes = frame_find_time(&text, text.bytes - 1, &time);
    if (time_bytes > 0 && (time < exact || time + time_bytes > exact + bytes)) {
      abort();
    }
    all->data = realloc(all->data, all->bytes + text.bytes);
    if (all->data == NULL) {
      abort();
    }
    memcpy(all->data + all->bytes, text.data, text.bytes);
    all->bytes += text.bytes;
  }
  frame_text_fini(&text);
  free(exact);
  return taken;
}

static void check(enum frame_format format, const char *data, size_t bytes,
                  size_t cut) {
  struct frame_text whole = {0};
  struct frame_text parts = {0};
  (void)decode_part(format, data, bytes, true, &whole);
  const char *newline = cut == 0 ? NULL : memrchr(data, '\n', cut);
  size_t lines = newline == NULL ? 0 : (size_t)(newline - data) + 1;
  size_t taken = decode_part(format, data, lines, false, &parts);
  (void)decode_part(format, data + taken, bytes - taken, true, &parts);
  if (whole.bytes != parts.bytes ||
      (whole.bytes > 0 && memcmp(whole.data, parts.data, whole.bytes) != 0)) {
    abort();
  }
  frame_text_fini(&whole);
  frame_text_fini(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) {
    return 0;
  }
  const char *text = (const char *)data + 1;
  size_t bytes = size - 1;
  size_t cut = bytes * data[0] / 256;
  (void)frame_detect(text, bytes);
  check(FRAME_DOCKER, text, bytes, cut);
  check(FRAME_CRI, text, bytes, cut);
  check(FRAME_JSON, text, bytes, cut);
  return 0;
}
