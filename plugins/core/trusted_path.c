/* SPDX-License-Identifier: MIT */
/* trusted_path: programs that nobody else can have changed, and secrets that
 * nobody else can read. */
#include "core/trusted_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"

#define SECRET_BYTES_MAX 65536

/* One part of the path, the file or a directory above it. */
static int check_path_part(const char *path, struct error *error) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    int code = -errno;
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return error_set(error, -EPERM,
                     "%s belongs to another user, who could change it: chown "
                     "root %s",
                     path, path);
  }
  bool is_sticky_directory =
      S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  bool may_others = (status.st_mode & S_IWOTH) != 0;
  bool may_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0;
  if ((may_others || may_group) && !is_sticky_directory) {
    return error_set(error, -EPERM,
                     "%s can be written by others: chmod go-w %s", path, path);
  }
  return 0;
}

int trusted_path_check_program(const char *path, struct error *error) {
  char real[PATH_MAX];
  struct stat status;
  if (realpath(path, real) == NULL || stat(real, &status) != 0) {
    int code = -errno;
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) {
    return error_set(error, -EACCES, "%s is not a program: chmod +x %s", path,
                     path);
  }
  int code = check_path_part(real, error);
  for (char *slash = strrchr(real, '/'); slash != NULL && code == 0;
       slash = slash == real ? NULL : strrchr(real, '/')) {
    slash[slash == real ? 1 : 0] = '\0';
    code = check_path_part(real, error);
  }
  return code;
}

int trusted_path_read_secret(const char *path, bool may_be_public,
                             char **ret_text, struct error *error) {
  char *text = NULL;
  size_t bytes = 0;
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0 && !may_be_public && fstat(fd, &status) == 0 &&
      (status.st_mode & S_IROTH) != 0) {
    (void)close(fd);
    return error_set(error, -EPERM, "%s: can be read by others: chmod o-rwx %s",
                     path, path);
  }
  int code = file_read_and_close(fd < 0 ? -errno : fd, path, SECRET_BYTES_MAX,
                                 &text, &bytes, error);
  if (code != 0) {
    return code;
  }
  while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]) != NULL) {
    text[--bytes] = '\0';
  }
  if (bytes == 0 || strlen(text) != bytes) {
    trusted_path_forget_secret(text);
    return error_set(error, -EINVAL, "%s: is empty or contains a NUL byte",
                     path);
  }
  *ret_text = text;
  return 0;
}

void trusted_path_forget_secret(char *text) {
  if (text != NULL) {
    explicit_bzero(text, strlen(text));
    free(text);
  }
}
