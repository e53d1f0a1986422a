/* SPDX-License-Identifier: MIT */
/* proc_file: a file of /proc or /sys that stays open and is read again and
 * again from its start, which saves the walk along its path each time. */
#ifndef STATGRAB_LINUX_PROC_FILE_H
#define STATGRAB_LINUX_PROC_FILE_H

#include <stddef.h>

#include "core/error.h"
#include "statgrab/linux/scan.h"

/* Not locked: one thread at a time. Set up by PROC_FILE(), PATH a literal. */
struct proc_file {
  const char *path; /* below the root; borrowed */
  int fd;           /* -1 while it is not open */
  char *text;       /* owned; what the last read got */
  size_t length;
  size_t capacity;
};

#define PROC_FILE(PATH)                                                        \
  (struct proc_file) { .path = (PATH), .fd = -1 }

/* No file of /proc that we read is larger on a sane machine: 4096 processors
 * make a /proc/stat of 1 MiB, 10,000 mounts a table of 2 MiB. */
#define PROC_FILE_MAX_BYTES (16u << 20)

/* Reads the whole file, opening it where it is not open. A file that fails is
 * closed, so that the next read tries anew.
 * root: in front of the path, "" for none.
 * *ret_text: the content, valid until the next read; never empty.
 * Returns 0; -ENODATA for an empty file; -EFBIG; another negative errno. */
int proc_file_read(struct proc_file *file, const char *root,
                   struct scan *ret_text, struct error *error);

/* Closes it and frees the text; it may be read again. Accepts NULL. */
void proc_file_close(struct proc_file *file);

#endif
