/* SPDX-License-Identifier: MIT */
/* journal_file: the journal's file, whatever is done to it meanwhile. */
#include "resource_alert/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"

#define TAIL_BYTES 8192 /* read at start to find the last sequence */

static bool was_moved(const struct journal_file *file) {
  struct stat named;
  struct stat opened;
  return stat(file->path, &named) != 0 || fstat(file->file, &opened) != 0 ||
         named.st_dev != opened.st_dev || named.st_ino != opened.st_ino;
}

static void make_directory_of(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (slash != NULL && slash != path &&
      (size_t)(slash - path) < sizeof(directory)) {
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = '\0';
    (void)mkdir(directory, 0755);
  }
}

static int open_file(struct journal_file *file) {
  if (file->file >= 0 && was_moved(file)) {
    (void)close(file->file);
    file->file = -1;
  }
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
  if (file->file < 0) {
    file->file = open(file->path, flags, 0640);
  }
  if (file->file < 0 && errno == ENOENT) {
    make_directory_of(file->path);
    file->file = open(file->path, flags, 0640);
  }
  return file->file < 0 ? -errno : 0;
}

/* All of the text or none of it: a torn line would spoil the next one. */
static int write_text(struct journal_file *file, const char *text) {
  int code = open_file(file);
  struct stat before;
  if (code == 0 && fstat(file->file, &before) != 0) {
    code = -errno;
  }
  if (code == 0 && file->is_torn) {
    file->is_torn = write(file->file, "\n", 1) != 1;
  }
  size_t length = strlen(text);
  for (size_t done = 0; code == 0 && done < length;) {
    ssize_t bytes = write(file->file, text + done, length - done);
    if (bytes > 0) {
      done += (size_t)bytes;
    } else if (errno != EINTR) {
      code = -errno;
      if (ftruncate(file->file, before.st_size) != 0) {
        break; /* a device: nothing of the line is there */
      }
    }
  }
  return code;
}

bool journal_file_write(struct journal_file *file, const char *line) {
  int code = write_text(file, line);
  int64_t now_ms = clock_monotonic_ms();
  if (code != 0 && complaint_fail(&file->complaint, now_ms)) {
    log_write(&file->log, LOG_LEVEL_ERROR,
              "journal %s: cannot write: %s; alerts go on, %llu line(s) lost",
              file->path, strerror(-code),
              (unsigned long long)file->complaint.count);
  }
  uint64_t lost = file->complaint.count;
  if (code == 0 && complaint_clear(&file->complaint, now_ms, NULL)) {
    log_write(&file->log, LOG_LEVEL_NOTICE,
              "journal %s: written again after %llu lost line(s)", file->path,
              (unsigned long long)lost);
  }
  return code == 0;
}

uint64_t journal_file_resume(struct journal_file *file) {
  int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  char tail[TAIL_BYTES + 1] = "";
  ssize_t bytes = 0;
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t from = status.st_size > TAIL_BYTES ? status.st_size - TAIL_BYTES : 0;
    bytes = pread(fd, tail, TAIL_BYTES, from);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  file->is_torn = bytes > 0 && tail[bytes - 1] != '\n';
  tail[bytes > 0 ? bytes : 0] = '\0';
  uint64_t last = 0;
  static const char start[] = "{\"seq\":";
  for (const char *at = tail; (at = strstr(at, start)) != NULL;) {
    at += sizeof(start) - 1;
    last = strtoull(at, NULL, 10);
  }
  return last;
}

void journal_file_close(struct journal_file *file) {
  if (file->file >= 0) {
    (void)close(file->file);
    file->file = -1;
  }
}
