/* SPDX-License-Identifier: MIT */
/* edited_file: where the lines that were read end in a file that an editor, sed
 * or rsync wrote in the place of a log. */
#pragma once

#include "session_log/tail/tail_file.h"

/* The mark of the last two lines of FILE (open), or of their last bytes; bytes
 * == 0 if there is none. Returns 0 or negative errno. */
int edited_file_read_end_mark(const struct tail_file *file,
                              struct tail_file_mark *ret_mark);

/* Finds the one line of FILE (open) that ends with the bytes of MARK. Lines
 * without a time or a number, and repeated ones, could be new: these are not
 * found. Returns 1 and *ret_offset, behind that line; 0; negative errno. */
int edited_file_find_mark(const struct tail_file *file,
                          const struct tail_file_mark *mark,
                          uint64_t *ret_offset);
