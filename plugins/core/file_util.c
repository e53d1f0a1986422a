/* SPDX-License-Identifier: MIT */
/* file_util: files that are replaced as a whole, read with a bound, set aside;
 * and the directories they are in. */
#include "core/file_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX_LENGTH 6 /* of "XXXXXX" */

/* "PATH: cannot VERB: reason". Returns CODE. */
static int fail_on_path(const char *path, const char *verb, int code,
                        struct error *error) {
  return error_set(error, code, "%s: cannot %s: %s", path, verb,
                   strerror(-code));
}

int file_write_all(int fd, const char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t written = write(fd, data, bytes);
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return -errno;
    }
    data += written;
    bytes -= (size_t)written;
  }
  return 0;
}

int file_sync_parent(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
  if (snprintf(directory, sizeof(directory), "%.*s", length,
               slash == NULL ? "." : path) >= PATH_MAX) {
    return -ENAMETOOLONG;
  }
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return -errno;
  }
  int code = fsync(fd) == 0 ? 0 : -errno;
  (void)close(fd);
  return code == -EINVAL ? 0 : code; /* some file systems cannot */
}

/* DIR/.BASE.XXXXXX: hidden, and one for each writer. */
static int make_temporary_name(const char *path, char beside[PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  int directory = slash == NULL ? 0 : (int)(slash - path) + 1;
  int length = snprintf(beside, PATH_MAX, "%.*s.%s.XXXXXX", directory, path,
                        path + directory);
  return length >= 0 && length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The last step of a replacement whose writing ended with CODE; a failed one
 * leaves nothing behind. The rename is atomic: a reader finds the old file or
 * the new one, never a part. */
static int end_replacing(const char *path, const char *beside, int code,
                         bool is_durable, struct error *error) {
  if (code == 0 && rename(beside, path) != 0) {
    code = -errno;
  }
  if (code != 0) {
    (void)unlink(beside);
    return fail_on_path(path, "write", code, error);
  }
  code = is_durable ? file_sync_parent(path) : 0;
  return code == 0 ? 0 : fail_on_path(path, "sync its directory", code, error);
}

/* mkostemp() makes the name unique; the umask does not apply, because a
 * reader of another user may need the mode that was asked for. */
int file_replace_begin(const char *path, mode_t mode, char *beside,
                       struct error *error) {
  int code = make_temporary_name(path, beside);
  int fd = code == 0 ? mkostemp(beside, O_CLOEXEC | O_APPEND) : -1;
  if (fd < 0) {
    return fail_on_path(path, "create", code == 0 ? -errno : code, error);
  }
  if (fchmod(fd, mode) != 0) { /* whatever the umask is */
    code = -errno;
    (void)close(fd);
    return end_replacing(path, beside, code, false, error);
  }
  return fd;
}

int file_replace_commit(const char *path, const char *beside, int fd,
                        struct error *error) {
  int code = fdatasync(fd) == 0 ? 0 : -errno;
  return end_replacing(path, beside, code, true, error);
}

int file_replace(const char *path, const void *data, size_t bytes, mode_t mode,
                 bool is_durable, struct error *error) {
  char beside[PATH_MAX];
  int fd = file_replace_begin(path, mode, beside, error);
  if (fd < 0) {
    return fd;
  }
  int code = file_write_all(fd, data, bytes);
  if (code == 0 && is_durable && fdatasync(fd) != 0) {
    code = -errno;
  }
  if (close(fd) != 0 && code == 0) {
    code = -errno;
  }
  return end_replacing(path, beside, code, is_durable, error);
}

/* Doubles the buffer where it is full. One byte is reserved for the NUL. */
static int grow_content(struct file_content *content) {
  if (content->capacity - content->bytes >= 2) {
    return 0;
  }
  size_t capacity = content->capacity == 0 ? 4096 : content->capacity * 2;
  char *larger = realloc(content->data, capacity);
  if (larger == NULL) {
    return -ENOMEM;
  }
  content->data = larger;
  content->capacity = capacity;
  return 0;
}

/* The size that stat(2) reports is not used: it is 0 for files of /proc, which
 * return at most a page a call, and changes while a file is written. */
int file_read_again(int fd, size_t max_bytes, struct file_content *content) {
  int code = 0;
  content->bytes = 0;
  for (ssize_t got = 1; code == 0 && got != 0;) {
    code = grow_content(content);
    if (code != 0) {
      break;
    }
    got = pread(fd, content->data + content->bytes,
                content->capacity - content->bytes - 1, (off_t)content->bytes);
    if (got >= 0) {
      content->bytes += (size_t)got;
      content->data[content->bytes] = '\0';
      code = content->bytes > max_bytes ? -EFBIG : 0;
    } else if (errno != EINTR) {
      code = -errno;
    }
  }
  return code;
}

int file_read_and_close(int fd, const char *path, size_t max_bytes,
                        char **ret_data, size_t *ret_bytes,
                        struct error *error) {
  if (fd < 0) {
    return fail_on_path(path, "open", fd, error);
  }
  struct stat status;
  int code = fstat(fd, &status) == 0 ? 0 : -errno;
  if (code == 0 && !S_ISREG(status.st_mode)) {
    code = -EINVAL;
  }
  struct file_content content = {0};
  if (code == 0) {
    code = file_read_again(fd, max_bytes, &content);
  }
  (void)close(fd);
  if (code != 0) {
    free(content.data);
    return fail_on_path(path, "read", code, error);
  }
  *ret_data = content.data;
  *ret_bytes = content.bytes;
  return 0;
}

int file_read(const char *path, size_t max_bytes, char **ret_data,
              size_t *ret_bytes, struct error *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return file_read_and_close(fd < 0 ? -errno : fd, path, max_bytes, ret_data,
                             ret_bytes, error);
}

/* ".NAME.XXXXXX", as mkostemp() makes it of what make_temporary_name() gives
 * it. */
static bool is_temporary_name(const char *name) {
  const char *dot = strrchr(name, '.');
  return name[0] == '.' && dot != NULL && dot > name + 1 &&
         strlen(dot + 1) == SUFFIX_LENGTH &&
         strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789") == SUFFIX_LENGTH;
}

/* A directory that cannot be opened holds nothing to remove. A file that
 * vanishes meanwhile was renamed by its writer or removed by another sweep. */
void file_sweep_leftovers(const char *directory, int64_t older_than_s) {
  DIR *opened = opendir(directory);
  const struct dirent *entry;
  while (opened != NULL && (entry = readdir(opened)) != NULL) {
    struct stat status;
    int at = dirfd(opened);
    if (is_temporary_name(entry->d_name) &&
        fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode) &&
        llabs((long long)time(NULL) - status.st_mtime) >= older_than_s) {
      (void)unlinkat(at, entry->d_name, 0);
    }
  }
  if (opened != NULL) {
    (void)closedir(opened);
  }
}

bool file_is_at(const char *path, int fd) {
  struct stat named;
  struct stat opened;
  return stat(path, &named) == 0 && fstat(fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* Makes the directory that the first LENGTH bytes of PATH name. */
static int make_one_directory(const char *path, int length, mode_t mode) {
  char directory[PATH_MAX];
  if (snprintf(directory, sizeof(directory), "%.*s", length, path) >=
      PATH_MAX) {
    return -ENAMETOOLONG;
  }
  if (mkdir(directory, mode) != 0) {
    return errno == EEXIST ? 0 : -errno;
  }
  return chmod(directory, mode) == 0 ? 0 : -errno; /* whatever the umask is */
}

/* A directory that exists keeps its mode; only a new one gets MODE. */
int file_make_parents(const char *path, mode_t mode) {
  int code = 0;
  for (const char *slash = strchr(path, '/'); slash != NULL && code == 0;
       slash = strchr(slash + 1, '/')) {
    code =
        slash == path ? 0 : make_one_directory(path, (int)(slash - path), mode);
  }
  return code;
}

int file_make_directory(const char *path, mode_t mode) {
  int code = file_make_parents(path, mode);
  return code == 0 ? make_one_directory(path, (int)strlen(path), mode) : code;
}

/* An older PATH.bad is replaced: the latest one is what an operator looks
 * at. */
int file_set_aside(const char *path, struct error *error) {
  char aside[PATH_MAX];
  int length = snprintf(aside, sizeof(aside), "%s.bad", path);
  int code = length >= PATH_MAX         ? -ENAMETOOLONG
             : rename(path, aside) != 0 ? -errno
                                        : 0;
  return code == 0 ? 0 : fail_on_path(path, "move aside", code, error);
}
