/* SPDX-License-Identifier: MIT */
/* proc_file: a file of /proc or /sys that stays open and is read again and
 * again from its start. */
#include "statgrab/linux/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 4096u

static int open_file(struct proc_file *file, const char *root) {
  if (file->fd >= 0) {
    return 0;
  }
  char path[PATH_MAX];
  int length = snprintf(path, sizeof(path), "%s%s", root, file->path);
  if (length < 0 || (size_t)length >= sizeof(path)) {
    return -ENAMETOOLONG;
  }
  /* O_NONBLOCK: a fifo that somebody put there must not stop us. */
  file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  return file->fd >= 0 ? 0 : -errno;
}

static int grow(struct proc_file *file) {
  if (file->length < file->capacity) {
    return 0;
  }
  if (file->capacity >= PROC_FILE_MAX_BYTES) {
    return -EFBIG;
  }
  size_t capacity = file->capacity == 0 ? FIRST_CAPACITY : file->capacity * 2;
  char *larger = realloc(file->text, capacity);
  if (larger == NULL) {
    return -ENOMEM;
  }
  file->text = larger;
  file->capacity = capacity;
  return 0;
}

/* Reads to the end: a file of /proc hands out one page at a time. */
static int read_all(struct proc_file *file) {
  file->length = 0;
  for (;;) {
    int code = grow(file);
    if (code != 0) {
      return code;
    }
    ssize_t got = pread(file->fd, file->text + file->length,
                        file->capacity - file->length, (off_t)file->length);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -errno;
    }
    if (got == 0) {
      return file->length == 0 ? -ENODATA : 0;
    }
    file->length += (size_t)got;
  }
}

int proc_file_read(struct proc_file *file, const char *root,
                   struct scan *ret_text, struct error *error) {
  int code = open_file(file, root);
  if (code == 0) {
    code = read_all(file);
  }
  if (code != 0) {
    proc_file_close(file);
    return error_set(error, code, "%s%s: %s", root, file->path,
                     code == -ENODATA ? "is empty" : strerror(-code));
  }
  *ret_text = (struct scan){file->text, file->text + file->length};
  return 0;
}

void proc_file_close(struct proc_file *file) {
  if (file == NULL) {
    return;
  }
  if (file->fd >= 0) {
    (void)close(file->fd);
  }
  free(file->text);
  *file = PROC_FILE(file->path);
}
