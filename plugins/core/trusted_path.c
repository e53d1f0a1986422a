/* SPDX-License-Identifier: MIT */
/* trusted_path: the one module that turns a path into a descriptor. */
#include "core/trusted_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"

#define SECRET_BYTES_MAX 65536
#define LINKS_MAX 40 /* as the kernel's */

/* Of a directory that we have made and that has not got its own mode yet: no
 * other one has it, so that nothing but our directory is changed. */
#define UNFINISHED_MODE 0500

struct walk {
  enum trusted_path_kind kind;
  mode_t make_mode;
  struct trusted_path at;
  struct stat status;  /* of the directory */
  char rest[PATH_MAX]; /* what is behind the name */
  int links;
};

/* ---- checks ---- */

static bool is_roots_or_ours(const struct stat *status) {
  return status->st_uid == 0 || status->st_uid == geteuid();
}

/* A link's own mode says nothing. What is in a sticky directory cannot be
 * exchanged by those who may write there. */
static bool can_others_write(const struct stat *status) {
  bool may_others = (status->st_mode & S_IWOTH) != 0;
  bool may_group = (status->st_mode & S_IWGRP) != 0 && status->st_gid != 0;
  bool is_sticky_directory =
      S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0;
  return (may_others || may_group) && !is_sticky_directory &&
         !S_ISLNK(status->st_mode);
}

/* FD, one part of the path, with its whole path in the error. */
static int check_program_part(int fd, const struct stat *status,
                              struct error *error) {
  char link[32];
  char path[PATH_MAX] = "";
  bool is_foreign = !is_roots_or_ours(status);
  if (!is_foreign && !can_others_write(status)) {
    return 0;
  }
  (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  (void)!readlink(link, path, sizeof(path) - 1);
  return error_set(error, -EPERM,
                   is_foreign ? "%s belongs to another user, who could change "
                                "it: chown %sroot %s"
                              : "%s can be written by others: chmod %sgo-w %s",
                   path, is_foreign && S_ISLNK(status->st_mode) ? "-h " : "",
                   path);
}

static int check_part(struct walk *walk, int fd, const struct stat *status,
                      struct error *error) {
  bool is_link = S_ISLNK(status->st_mode);
  bool is_safe_link = is_roots_or_ours(status) &&
                      is_roots_or_ours(&walk->status) &&
                      !can_others_write(&walk->status);
  if (walk->kind == TRUSTED_PATH_PROGRAM) {
    return check_program_part(fd, status, error);
  }
  if (is_link && walk->kind != TRUSTED_PATH_LOG && !is_safe_link) {
    return error_set(error, -ELOOP,
                     "the link \"%s\" can be changed by others: write the path "
                     "without it",
                     walk->at.name);
  }
  walk->at.has_foreign_link |= is_link && !is_roots_or_ours(status);
  return 0;
}

/* ---- the walk ---- */

/* FD: taken. */
static int enter_directory(struct walk *walk, int fd) {
  if (walk->at.directory >= 0) {
    (void)close(walk->at.directory);
  }
  walk->at.directory = fd;
  return fd >= 0 && fstat(fd, &walk->status) == 0 ? 0 : -errno;
}

/* Takes the next name from the rest. Returns false for the last one. */
static bool take_name(struct walk *walk) {
  const char *from = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(from, "/");
  (void)snprintf(walk->at.name, sizeof(walk->at.name), "%.*s",
                 length == 0 ? 1 : (int)length, length == 0 ? "." : from);
  from += length;
  memmove(walk->rest, from, strlen(from) + 1);
  return walk->rest[strspn(walk->rest, "/")] != '\0';
}

/* Puts the link's target in front of the rest. */
static int follow_link(struct walk *walk, int fd) {
  char target[PATH_MAX];
  char rest[PATH_MAX];
  ssize_t length = readlinkat(fd, "", target, sizeof(target) - 1);
  if (length < 0) {
    return -errno;
  }
  target[length] = '\0';
  (void)snprintf(rest, sizeof(rest), "%s", walk->rest);
  if (++walk->links > LINKS_MAX) {
    return -ELOOP;
  }
  if (snprintf(walk->rest, sizeof(walk->rest), "%s%s", target, rest) >=
      PATH_MAX) {
    return -ENAMETOOLONG;
  }
  return target[0] == '/' ? enter_directory(walk, open("/", O_PATH | O_CLOEXEC))
                          : 0;
}

/* Gives a directory that we have just made its mode. */
static int finish_directory(const struct walk *walk, int fd,
                            const struct stat *status) {
  if (walk->make_mode == 0 || !S_ISDIR(status->st_mode) ||
      status->st_uid != geteuid() ||
      (status->st_mode & 0777) != UNFINISHED_MODE) {
    return 0;
  }
  int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int code =
      readable >= 0 && fchmod(readable, walk->make_mode) == 0 ? 0 : -errno;
  if (readable >= 0) {
    (void)close(readable);
  }
  return code;
}

/* Returns the descriptor of the name in the directory, or a negative errno. */
static int open_name(const struct walk *walk, bool may_make) {
  const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(walk->at.directory, walk->at.name, flags);
  if (fd < 0 && errno == ENOENT && may_make) {
    if (mkdirat(walk->at.directory, walk->at.name, UNFINISHED_MODE) != 0 &&
        errno != EEXIST) {
      return -errno;
    }
    fd = openat(walk->at.directory, walk->at.name, flags);
  }
  return fd < 0 ? -errno : fd;
}

/* Returns 1 at the end of the path, 0 before it, or a negative errno. */
static int walk_one_name(struct walk *walk, struct error *error) {
  bool is_last = !take_name(walk);
  int fd = open_name(walk, walk->make_mode != 0 && !is_last);
  if (fd < 0) {
    return fd == -ENOENT && is_last ? 1 : fd;
  }
  struct stat status;
  int code = fstat(fd, &status) == 0 ? 0 : -errno;
  if (code == 0 && is_last && walk->kind == TRUSTED_PATH_OWN) {
    code = 1;
  } else if (code == 0) {
    code = check_part(walk, fd, &status, error);
  }
  if (code == 0 && S_ISLNK(status.st_mode)) {
    code = follow_link(walk, fd);
  } else if (code == 0 && is_last) {
    code = 1;
  } else if (code == 0) {
    code = finish_directory(walk, fd, &status);
    return code == 0 ? enter_directory(walk, fd) : code;
  }
  (void)close(fd);
  return code;
}

int trusted_path_walk(const char *path, enum trusted_path_kind kind,
                      mode_t make_mode, struct trusted_path *ret,
                      struct error *error) {
  struct error reason = {{0}};
  struct walk walk = {
      .kind = kind, .make_mode = make_mode, .at = {.directory = -1}};
  int code = snprintf(walk.rest, sizeof(walk.rest), "%s", path) < PATH_MAX
                 ? enter_directory(&walk, open(path[0] == '/' ? "/" : ".",
                                               O_PATH | O_CLOEXEC))
                 : -ENAMETOOLONG;
  while (code == 0) {
    code = walk_one_name(&walk, &reason);
  }
  if (code == 1) {
    *ret = walk.at;
    return 0;
  }
  if (walk.at.directory >= 0) {
    (void)close(walk.at.directory);
  }
  return error_set(error, code, "%s: %s", path,
                   reason.text[0] == '\0' ? strerror(-code) : reason.text);
}

/* ---- files ---- */

/* A hard link, which others may make in a directory of theirs, would have us
 * write to any file of ours. */
static int check_only_name(int fd, int flags) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    return -errno;
  }
  bool is_written = (flags & O_ACCMODE) != O_RDONLY;
  return is_written && S_ISREG(status.st_mode) && status.st_nlink > 1 ? -EMLINK
                                                                      : 0;
}

int trusted_path_open(const char *path, enum trusted_path_kind kind, int flags,
                      mode_t mode, struct error *error) {
  struct trusted_path place;
  mode_t make_mode =
      (flags & O_CREAT) == 0 ? 0 : mode | 0200 | (mode & 0444) >> 2;
  int code = trusted_path_walk(path, kind, make_mode, &place, error);
  if (code != 0) {
    return code;
  }
  flags |= O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  bool is_new = false;
  int fd = openat(place.directory, place.name, flags & ~O_CREAT);
  if (fd < 0 && errno == ENOENT && (flags & O_CREAT) != 0) {
    fd = openat(place.directory, place.name, flags | O_EXCL, mode);
    is_new = fd >= 0;
  }
  code = fd < 0 ? -errno : check_only_name(fd, flags);
  if (code == 0 && is_new && fchmod(fd, mode) != 0) {
    code = -errno;
  }
  (void)close(place.directory);
  if (code != 0) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return error_set(error, code, "%s: cannot open: %s", path, strerror(-code));
  }
  return fd;
}

int trusted_path_remove(const char *path, struct error *error) {
  struct trusted_path place;
  int code = trusted_path_walk(path, TRUSTED_PATH_OWN, 0, &place, error);
  if (code != 0) {
    return code;
  }
  if (unlinkat(place.directory, place.name, 0) != 0) {
    code = -errno;
    (void)error_set(error, code, "%s: cannot remove: %s", path,
                    strerror(-code));
  }
  (void)close(place.directory);
  return code;
}

int trusted_path_share_socket(const struct trusted_path *place, gid_t group) {
  const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  struct stat status;
  char link[32];
  int fd = openat(place->directory, place->name, flags);
  int code = fd >= 0 && fstat(fd, &status) == 0 ? 0 : -errno;
  if (code == 0 && (!S_ISSOCK(status.st_mode) || status.st_nlink > 1 ||
                    status.st_uid != geteuid())) {
    code = -EPERM;
  }
  (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  if (code == 0 && (fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) != 0 ||
                    chmod(link, 0660) != 0)) {
    code = -errno;
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return code;
}

/* Opens what FD, O_PATH, stands for. */
static int reopen_file(int fd, int flags) {
  char link[32];
  (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  int opened = open(link, flags);
  return opened < 0 ? -errno : opened;
}

int trusted_path_open_log(const char *path) {
  struct trusted_path place;
  struct stat status;
  int code = trusted_path_walk(path, TRUSTED_PATH_LOG, 0, &place, NULL);
  if (code != 0) {
    return code;
  }
  int fd = openat(place.directory, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  (void)close(place.directory);
  if (fd < 0 || fstat(fd, &status) != 0) {
    code = -errno;
  } else if (!S_ISREG(status.st_mode)) {
    code = -EINVAL;
  } else if (place.has_foreign_link && is_roots_or_ours(&status) &&
             (status.st_mode & S_IROTH) == 0) {
    code = -EPERM;
  } else {
    code = reopen_file(fd, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return code;
}

/* ---- programs ---- */

int trusted_path_find_program(const char *path, struct trusted_path *ret,
                              struct error *error) {
  struct trusted_path place;
  struct stat status;
  int code = trusted_path_walk(path, TRUSTED_PATH_PROGRAM, 0, &place, error);
  if (code != 0) {
    return code;
  }
  if (fstatat(place.directory, place.name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    code = -errno;
    (void)error_set(error, code, "%s: %s", path, strerror(-code));
  } else if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) {
    code = error_set(error, -EACCES, "%s is not a program: chmod +x %s", path,
                     path);
  }
  if (code != 0 || ret == NULL) {
    (void)close(place.directory);
  } else {
    *ret = place;
  }
  return code;
}

/* ---- secrets ---- */

/* FD is open for the secret at PATH. */
static int check_secret(int fd, const char *path, bool may_be_public,
                        struct error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    int code = -errno;
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  if (!is_roots_or_ours(&status)) {
    return error_set(error, -EPERM,
                     "%s: belongs to another user: chown root %s", path, path);
  }
  bool may_group = (status.st_mode & S_IRGRP) != 0 && status.st_gid != 0 &&
                   group_member(status.st_gid) == 0;
  if (!may_be_public && (may_group || (status.st_mode & S_IROTH) != 0)) {
    return error_set(error, -EPERM, "%s: can be read by others: chmod %s %s",
                     path, may_group ? "go-rwx" : "o-rwx", path);
  }
  return 0;
}

int trusted_path_read_secret(const char *path, bool may_be_public,
                             char **ret_text, struct error *error) {
  char *text = NULL;
  size_t bytes = 0;
  int fd = trusted_path_open(path, TRUSTED_PATH_GIVEN, O_RDONLY, 0, error);
  int code = fd < 0 ? fd : check_secret(fd, path, may_be_public, error);
  if (code != 0) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return code;
  }
  code = file_read_and_close(fd, path, SECRET_BYTES_MAX, &text, &bytes, error);
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
