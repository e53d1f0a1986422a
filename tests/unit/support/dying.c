/* SPDX-License-Identifier: MIT */
/* dying: a disk that is full, or a process that is killed, at a chosen system
 * call. The linker leads the calls of our own objects here (--wrap). */
#include "support/dying.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t __real_write(int fd, const void *data, size_t bytes);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);

static bool is_dying;
static _Atomic size_t left; /* several threads may call */
static _Atomic bool is_disk_full;

void dying_after(size_t count) {
  is_dying = true;
  left = count;
}

void disk_is_full(bool is_full) { is_disk_full = is_full; }

/* At once, as a kill: no sanitizer looks for what is left behind. */
static void die(int code) { (void)syscall(SYS_exit_group, code); }

static bool is_last(void) { return is_dying && left-- == 0; }

static bool is_full(void) {
  if (is_disk_full) {
    errno = ENOSPC;
  }
  return is_disk_full;
}

/* Ends the process if its time has come. Returns whether the call fails. */
static bool fails(void) {
  if (is_last()) {
    die(DYING_EXIT_CODE);
  }
  return is_full();
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes) {
  if (is_last()) {
    ssize_t written = __real_write(fd, data, bytes / 2);
    die(written < 0 ? 1 : DYING_EXIT_CODE);
  }
  return is_full() ? -1 : __real_write(fd, data, bytes);
}

int __wrap_fdatasync(int fd) { return fails() ? -1 : __real_fdatasync(fd); }

int __wrap_fsync(int fd) { return fails() ? -1 : __real_fsync(fd); }

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
  return fails() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}
