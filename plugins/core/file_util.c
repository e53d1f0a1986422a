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
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/trusted_path.h"

/* Hidden, and of no other program: .resource-alert.NAME.RANDOM */
#define TEMPORARY_PREFIX ".resource-alert."

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

/* A rename is on the disk when its directory is. */
static int sync_directory(int directory) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return -errno;
  }
  int code = fsync(fd) == 0 ? 0 : -errno;
  (void)close(fd);
  return code == -EINVAL ? 0 : code; /* some file systems cannot */
}

int file_sync_parent(const char *path) {
  struct trusted_path place;
  int code = trusted_path_walk(path, TRUSTED_PATH_OWN, 0, &place, NULL);
  if (code == 0) {
    code = sync_directory(place.directory);
    (void)close(place.directory);
  }
  return code;
}

/* Makes a new file beside PLACE, one for each writer; the umask does not apply,
 * because a reader of another user may need the mode that was asked for.
 * Returns its descriptor or a negative errno. */
static int make_beside(const struct trusted_path *place, mode_t mode,
                       char beside[FILE_BESIDE_BYTES]) {
  const int flags =
      O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  uint64_t random;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
    return -EIO;
  }
  int length =
      snprintf(beside, FILE_BESIDE_BYTES, TEMPORARY_PREFIX "%s.%016llx",
               place->name, (unsigned long long)random);
  if (length >= FILE_BESIDE_BYTES) {
    return -ENAMETOOLONG;
  }
  int fd = openat(place->directory, beside, flags, 0600);
  if (fd >= 0 && fchmod(fd, mode) == 0) {
    return fd;
  }
  int code = -errno;
  if (fd >= 0) {
    (void)close(fd);
    (void)unlinkat(place->directory, beside, 0);
  }
  return code;
}

int file_replace_begin(const char *path, mode_t mode, mode_t make_mode,
                       char beside[FILE_BESIDE_BYTES], struct error *error) {
  struct trusted_path place;
  int code =
      trusted_path_walk(path, TRUSTED_PATH_OWN, make_mode, &place, error);
  if (code != 0) {
    return code;
  }
  int fd = make_beside(&place, mode, beside);
  (void)close(place.directory);
  return fd >= 0 ? fd : fail_on_path(path, "create", fd, error);
}

/* The rename is atomic: a reader finds the old file or the new one, never a
 * part. */
int file_replace_commit(const char *path, const char *beside, int fd, int code,
                        bool is_durable, struct error *error) {
  struct trusted_path place;
  int walked = trusted_path_walk(path, TRUSTED_PATH_OWN, 0, &place, error);
  if (walked != 0) {
    return walked; /* the directory is gone, and what is in it with it */
  }
  int at = place.directory;
  if (code == 0 && ((is_durable && fdatasync(fd) != 0) ||
                    renameat(at, beside, at, place.name) != 0)) {
    code = -errno;
  }
  if (code != 0) {
    (void)unlinkat(at, beside, 0);
    (void)fail_on_path(path, "write", code, error);
  } else if (is_durable && (code = sync_directory(at)) != 0) {
    (void)fail_on_path(path, "sync its directory", code, error);
  }
  (void)close(at);
  return code;
}

int file_replace(const char *path, const void *data, size_t bytes, mode_t mode,
                 bool is_durable, struct error *error) {
  char beside[FILE_BESIDE_BYTES];
  int fd = file_replace_begin(path, mode, 0, beside, error);
  if (fd < 0) {
    return fd;
  }
  int code = file_write_all(fd, data, bytes);
  code = file_replace_commit(path, beside, fd, code, is_durable, error);
  (void)close(fd);
  return code;
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
  int fd = trusted_path_open(path, TRUSTED_PATH_OWN, O_RDONLY, 0, error);
  return fd < 0 ? fd
                : file_read_and_close(fd, path, max_bytes, ret_data, ret_bytes,
                                      error);
}

/* A directory that cannot be opened holds nothing to remove. A file that
 * vanishes meanwhile was renamed by its writer or removed by another sweep. */
void file_sweep_leftovers(const char *directory, int64_t older_than_s) {
  int at = trusted_path_open(directory, TRUSTED_PATH_GIVEN,
                             O_RDONLY | O_DIRECTORY, 0, NULL);
  DIR *opened = at < 0 ? NULL : fdopendir(at);
  const struct dirent *entry;
  while (opened != NULL && (entry = readdir(opened)) != NULL) {
    struct stat status;
    if (strncmp(entry->d_name, TEMPORARY_PREFIX,
                sizeof(TEMPORARY_PREFIX) - 1) == 0 &&
        fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        llabs((long long)time(NULL) - status.st_mtime) >= older_than_s) {
      (void)unlinkat(at, entry->d_name, 0);
    }
  }
  if (opened != NULL) {
    (void)closedir(opened);
  } else if (at >= 0) {
    (void)close(at);
  }
}

bool file_is_at(const char *path, int fd) {
  struct stat named;
  struct stat opened;
  struct trusted_path place;
  int code = trusted_path_walk(path, TRUSTED_PATH_GIVEN, 0, &place, NULL);
  bool is = false;
  if (code == 0) {
    code = fstatat(place.directory, place.name, &named, AT_SYMLINK_NOFOLLOW) ==
                       0 &&
                   fstat(fd, &opened) == 0
               ? 0
               : -errno;
    is = code == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
    (void)close(place.directory);
  }
  return is || code == -EMFILE || code == -ENFILE || code == -ENOMEM ||
         code == -EIO;
}

int file_make_directory(const char *path, mode_t mode) {
  char inside[PATH_MAX];
  struct trusted_path place;
  int length = snprintf(inside, sizeof(inside), "%s/.", path);
  int code = length < PATH_MAX ? trusted_path_walk(inside, TRUSTED_PATH_OWN,
                                                   mode, &place, NULL)
                               : -ENAMETOOLONG;
  if (code == 0) {
    (void)close(place.directory);
  }
  return code;
}

/* An older PATH.bad is replaced: the latest one is what an operator looks
 * at. */
int file_set_aside(const char *path, struct error *error) {
  char aside[FILE_BESIDE_BYTES];
  struct trusted_path place;
  int code = trusted_path_walk(path, TRUSTED_PATH_OWN, 0, &place, error);
  if (code != 0) {
    return code;
  }
  int length = snprintf(aside, sizeof(aside), "%s.bad", place.name);
  if (length >= (int)sizeof(aside)) {
    code = -ENAMETOOLONG;
  } else if (renameat(place.directory, place.name, place.directory, aside) !=
             0) {
    code = -errno;
  }
  (void)close(place.directory);
  return code == 0 ? 0 : fail_on_path(path, "move aside", code, error);
}
