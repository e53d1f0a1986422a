/* SPDX-License-Identifier: MIT */
/* frame: takes off what a container runtime puts around each line of an
 * application, and the \uXXXX of JSON strings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_format {
  FRAME_AUTO, /* of a file: not decided yet */
  FRAME_PLAIN,
  FRAME_CRI,    /* TIME STREAM P|F TEXT, of containerd and CRI-O */
  FRAME_DOCKER, /* {"log":"TEXT\n","stream":"stdout","time":"TIME"} */
  FRAME_JSON,   /* the application's own */
  FRAME_UTF16,  /* found, never decoded */
};

/* Where a line begins in the text, and the time in its frame. */
struct frame_line {
  size_t at;
  const char *time; /* borrowed from the data; NULL: none */
  size_t time_bytes;
};

/* Lines without their frames. All zero is an empty one; it is used again from
 * call to call. One owner. */
struct frame_text {
  char *data; /* owned */
  size_t bytes, max;
  struct frame_line *lines; /* owned */
  size_t len, lines_max;
};

void frame_text_fini(struct frame_text *text);

/* Decides by the first lines of DATA, which begins with a line; never
 * FRAME_AUTO. */
enum frame_format frame_detect(const char *data, size_t bytes);

/* True if DATA, whole lines, can be searched as it is. */
bool frame_is_decoded(enum frame_format format, const char *data, size_t bytes);

/* Decodes the whole lines in DATA into *text. The parts of a line that are
 * spread over several frames are joined for each stream. A frame that is not
 * understood is kept as it is. Stops behind the last frame at which no line is
 * unfinished, or, with IS_FLUSHED, at the end.
 * Returns 0 and *ret_taken, the bytes of DATA that it took; -ENOMEM. */
int frame_decode(enum frame_format format, const char *data, size_t bytes,
                 bool is_flushed, struct frame_text *text, size_t *ret_taken);

/* The time in the frame of the line that contains byte AT of the text: RFC 3339
 * with a zone. *ret_time is borrowed. Returns its bytes, 0 for none. */
size_t frame_find_time(const struct frame_text *text, size_t at,
                       const char **ret_time);

/* For messages: "Docker's json-file". */
const char *frame_describe(enum frame_format format);
