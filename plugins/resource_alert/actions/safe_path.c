/* SPDX-License-Identifier: MIT */
/* safe_path: whether a program can be trusted to be what its owner made it. */
#include "resource_alert/actions/safe_path.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One part of the path, the file or a directory above it. */
static int check_part(const char *path, struct error *error) {
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

int safe_path_check_program(const char *path, struct error *error) {
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
  int code = check_part(real, error);
  for (char *slash = strrchr(real, '/'); slash != NULL && code == 0;
       slash = slash == real ? NULL : strrchr(real, '/')) {
    slash[slash == real ? 1 : 0] = '\0';
    code = check_part(real, error);
  }
  return code;
}
