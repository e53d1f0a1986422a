/* SPDX-License-Identifier: MIT */
/* fault_preload: preloaded into a daemon, lets its file calls hang, fail, slow
 * down or write half, by the name of the file, while it runs.
 *
 * The file FAULTS holds one fault a line: "KIND CALL[,CALL...] PART", where
 * PART is a part of the file's absolute path; without the file, or with an
 * empty one, nothing happens. A call that hangs goes on when its fault is gone.
 * KIND: hang, slow (0.2 s), torn (a write stops halfway, the next one is
 * refused), EIO, ENOSPC, EROFS, EMFILE, ESTALE, record (nothing happens), kill
 * (the process, before the call).
 * CALL: open, read, write, fsync, fdatasync, rename, stat.
 * FAULTS.hits gets a line "CALL PATH" for each call that was hit. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TORN (-1)
#define SLOW_MS 200
#define HANG_SLICE_MS 10
#define NAMES_BYTES 8192

/* The file's descriptor after a torn write: the next write to it fails. */
static _Thread_local int torn_fd = -1;

static size_t read_faults(char *text, size_t bytes) {
  const char *path = getenv("FAULTS");
  long fd = path == NULL
                ? -1
                : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long got = fd < 0 ? 0 : syscall(SYS_read, fd, text, bytes - 1);
  if (fd >= 0) {
    (void)syscall(SYS_close, fd);
  }
  text[got > 0 ? got : 0] = '\0';
  return strlen(text);
}

/* Copies the kind of the fault that CALL on the file at PATH has; false: none.
 */
static bool find_fault(const char *call, const char *path, char kind[16]) {
  char text[NAMES_BYTES];
  if (read_faults(text, sizeof(text)) == 0) {
    return false;
  }
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    char calls[128];
    int at = 0;
    if (sscanf(line, "%15s %126s %n", kind, calls, &at) != 2) {
      continue;
    }
    char *more = NULL;
    for (char *one = strtok_r(calls, ",", &more); one != NULL;
         one = strtok_r(NULL, ",", &more)) {
      if (strcmp(one, call) == 0 && strstr(path, line + at) != NULL) {
        return true;
      }
    }
  }
  return false;
}

static void note_hit(const char *call, const char *path) {
  char text[PATH_MAX + 64];
  (void)snprintf(text, sizeof(text), "%s.hits", getenv("FAULTS"));
  long fd = syscall(SYS_openat, AT_FDCWD, text,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  int len = snprintf(text, sizeof(text), "%s %s\n", call, path);
  (void)syscall(SYS_write, fd, text, len);
  (void)syscall(SYS_close, fd);
}

static void pause_ms(long ms) {
  const struct timespec pause = {.tv_nsec = ms * 1000000};
  (void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* Returns 0: the call is made; an errno; TORN. */
static int meet_fault(const char *call, const char *path) {
  static const struct {
    const char *kind;
    int code;
  } errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EROFS", EROFS},
                {"EMFILE", EMFILE}, {"ESTALE", ESTALE}, {"torn", TORN}};
  int before = errno;
  char kind[16];
  bool is_hit = find_fault(call, path, kind);
  int code = 0;
  if (is_hit) {
    note_hit(call, path);
  }
  if (is_hit && strcmp(kind, "slow") == 0) {
    pause_ms(SLOW_MS);
  }
  if (is_hit && strcmp(kind, "kill") == 0) {
    (void)syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  }
  while (is_hit && strcmp(kind, "hang") == 0) {
    pause_ms(HANG_SLICE_MS);
    is_hit = find_fault(call, path, kind);
  }
  for (size_t i = 0; is_hit && i < sizeof(errors) / sizeof(errors[0]); i++) {
    code = strcmp(kind, errors[i].kind) == 0 ? errors[i].code : code;
  }
  errno = code > 0 ? code : before;
  return code;
}

/* The absolute path of the file FD, or of NAME beside it; in PATH. */
static void find_path(int fd, const char *name, char path[PATH_MAX]) {
  char link[64];
  char base[PATH_MAX] = "";
  if (name != NULL && sscanf(name, "/proc/self/fd/%d", &fd) == 1) {
    name = NULL;
  }
  (void)snprintf(link, sizeof(link),
                 fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
  if (name == NULL || name[0] != '/') {
    ssize_t len = readlink(link, base, sizeof(base) - 1);
    base[len > 0 ? len : 0] = '\0';
  }
  (void)snprintf(path, PATH_MAX, "%.*s%s%s", PATH_MAX / 2, base,
                 base[0] == '\0' || name == NULL ? "" : "/",
                 name == NULL ? "" : name);
}

static int meet_fault_at(const char *call, int fd, const char *name) {
  char path[PATH_MAX];
  int before = errno;
  if (getenv("FAULTS") == NULL) {
    return 0;
  }
  find_path(fd, name, path);
  errno = before;
  return meet_fault(call, path);
}

/* ---- open ---- */

static int open_at(int at, const char *name, int flags, mode_t mode) {
  return meet_fault_at("open", at, name) != 0
             ? -1
             : (int)syscall(SYS_openat, at, name, flags, mode);
}

#define MODE_AFTER(last)                                                       \
  mode_t mode = 0;                                                             \
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                                  \
    va_list more;                                                              \
    va_start(more, last);                                                      \
    mode = va_arg(more, mode_t);                                               \
    va_end(more);                                                              \
  }

int open(const char *name, int flags, ...) {
  MODE_AFTER(flags)
  return open_at(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
  MODE_AFTER(flags)
  return open_at(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}

int openat(int at, const char *name, int flags, ...) {
  MODE_AFTER(flags)
  return open_at(at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...) {
  MODE_AFTER(flags)
  return open_at(at, name, flags | O_LARGEFILE, mode);
}

/* The next definition of a function, of the C library. */
#define NEXT(type, name, ...)                                                  \
  static type (*next)(__VA_ARGS__);                                            \
  if (next == NULL) {                                                          \
    *(void **)&next = dlsym(RTLD_NEXT, name);                                  \
  }

int mkostemp(char *name, int flags) {
  NEXT(int, "mkostemp", char *, int)
  return meet_fault_at("open", AT_FDCWD, name) != 0 ? -1 : next(name, flags);
}

int mkostemp64(char *name, int flags) {
  NEXT(int, "mkostemp64", char *, int)
  return meet_fault_at("open", AT_FDCWD, name) != 0 ? -1 : next(name, flags);
}

FILE *fopen(const char *name, const char *mode) {
  NEXT(FILE *, "fopen", const char *, const char *)
  return meet_fault_at("open", AT_FDCWD, name) != 0 ? NULL : next(name, mode);
}

FILE *fopen64(const char *name, const char *mode) {
  NEXT(FILE *, "fopen64", const char *, const char *)
  return meet_fault_at("open", AT_FDCWD, name) != 0 ? NULL : next(name, mode);
}

DIR *opendir(const char *name) {
  NEXT(DIR *, "opendir", const char *)
  return meet_fault_at("open", AT_FDCWD, name) != 0 ? NULL : next(name);
}

/* ---- read, write ---- */

ssize_t read(int fd, void *data, size_t bytes) {
  return meet_fault_at("read", fd, NULL) != 0
             ? -1
             : syscall(SYS_read, fd, data, bytes);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t offset) {
  return pread64(fd, data, bytes, offset);
}

ssize_t pread64(int fd, void *data, size_t bytes, off64_t offset) {
  NEXT(ssize_t, "pread64", int, void *, size_t, off64_t)
  return meet_fault_at("read", fd, NULL) != 0 ? -1
                                              : next(fd, data, bytes, offset);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  int code = meet_fault_at("write", fd, NULL);
  if (code == TORN && torn_fd == fd) {
    torn_fd = -1;
    errno = ENOSPC;
    return -1;
  }
  if (code == TORN) {
    torn_fd = fd;
  }
  return code > 0 ? -1
                  : syscall(SYS_write, fd, data,
                            code == TORN && bytes > 1 ? bytes / 2 : bytes);
}

ssize_t writev(int fd, const struct iovec *parts, int len) {
  return meet_fault_at("write", fd, NULL) > 0
             ? -1
             : syscall(SYS_writev, fd, parts, len);
}

int fsync(int fd) {
  return meet_fault_at("fsync", fd, NULL) != 0 ? -1
                                               : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  return meet_fault_at("fdatasync", fd, NULL) != 0
             ? -1
             : (int)syscall(SYS_fdatasync, fd);
}

/* ---- rename, stat: by the new name ---- */

int rename(const char *from, const char *to) {
  return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_at, const char *from, int at, const char *to) {
  return renameat2(from_at, from, at, to, 0);
}

int renameat2(int from_at, const char *from, int at, const char *to,
              unsigned flags) {
  return meet_fault_at("rename", at, to) != 0
             ? -1
             : (int)syscall(SYS_renameat2, from_at, from, at, to, flags);
}

int statx(int at, const char *restrict name, int flags, unsigned mask,
          struct statx *restrict ret) {
  bool is_fd = (flags & AT_EMPTY_PATH) != 0 && name[0] == '\0';
  return meet_fault_at("stat", at, is_fd ? NULL : name) != 0
             ? -1
             : (int)syscall(SYS_statx, at, name, flags, mask, ret);
}

int stat(const char *restrict name, struct stat *restrict ret) {
  NEXT(int, "stat", const char *, struct stat *)
  return meet_fault_at("stat", AT_FDCWD, name) != 0 ? -1 : next(name, ret);
}

int stat64(const char *restrict name, struct stat64 *restrict ret) {
  NEXT(int, "stat64", const char *, struct stat64 *)
  return meet_fault_at("stat", AT_FDCWD, name) != 0 ? -1 : next(name, ret);
}
