/* SPDX-License-Identifier: MIT */
/* state_dir: the StateDir of one daemon: its lock, and the identity that marks
 * what its responses have changed. */
#include "resource_alert/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/trusted_path.h"

#define FILE_MODE 0640
#define DIGITS (STATE_DIR_IDENTITY_BYTES - 1)

struct state_dir {
  int fd; /* of the file "identity", locked unless there is a holder; -1: none
           */
  char identity[STATE_DIR_IDENTITY_BYTES]; /* empty: none */
  char holder[256];                        /* empty: this daemon */
};

/* Takes both lines from the file. A file without a whole identity is new, or
 * the start that made it was killed before the identity was in use. */
static void parse_identity_file(struct state_dir *dir, char *text) {
  bool is_whole =
      strspn(text, "0123456789abcdef") == DIGITS && text[DIGITS] == '\n';
  if (is_whole) {
    memcpy(dir->identity, text, DIGITS);
    char *holder = text + DIGITS + 1;
    holder[strcspn(holder, "\n")] = '\0';
    (void)snprintf(dir->holder, sizeof(dir->holder), "%.255s", holder);
  }
}

/* The identity counts once it is on the disk. */
static int write_new_identity(struct state_dir *dir, const char *path) {
  uint64_t random[2];
  char line[DIGITS + 2];
  if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
    return -EIO;
  }
  int length =
      snprintf(line, sizeof(line), "%016llx%016llx\n",
               (unsigned long long)random[0], (unsigned long long)random[1]);
  if (pwrite(dir->fd, line, (size_t)length, 0) != length ||
      fsync(dir->fd) != 0) {
    return errno == 0 ? -ENOSPC : -errno;
  }
  int code = file_sync_parent(path);
  if (code == 0) {
    memcpy(dir->identity, line, DIGITS);
  }
  return code;
}

/* For the daemon that finds the directory in use; it works without. */
static void write_holder_line(const struct state_dir *dir, const char *host) {
  char line[sizeof(dir->holder)];
  int length = snprintf(line, sizeof(line), "%.200s, process %ld\n", host,
                        (long)getpid());
  if (ftruncate(dir->fd, DIGITS + 1) == 0) {
    (void)!pwrite(dir->fd, line, (size_t)length, DIGITS + 1);
  }
}

/* Returns 0 if this daemon has the lock, -EBUSY if another one has it. */
static int lock_identity_file(struct state_dir *dir, const char *path,
                              const char *host, struct error *error) {
  char text[512] = "";
  dir->fd = trusted_path_open(path, TRUSTED_PATH_OWN, O_RDWR | O_CREAT,
                              FILE_MODE, error);
  if (dir->fd < 0) {
    return dir->fd;
  }
  bool is_held = flock(dir->fd, LOCK_EX | LOCK_NB) != 0;
  if (is_held && errno != EWOULDBLOCK) {
    return -errno;
  }
  if (pread(dir->fd, text, sizeof(text) - 1, 0) < 0) {
    return -errno;
  }
  parse_identity_file(dir, text);
  if (is_held) {
    return -EBUSY;
  }
  dir->holder[0] = '\0';
  int code = dir->identity[0] != '\0' ? 0 : write_new_identity(dir, path);
  if (code == 0) {
    write_holder_line(dir, host);
  }
  return code;
}

struct state_dir *state_dir_open(const char *path, const char *host,
                                 const struct log_sink *log) {
  char file[PATH_MAX];
  struct error error = {{0}};
  struct state_dir *dir = path == NULL ? NULL : calloc(1, sizeof(*dir));
  if (dir == NULL) {
    return NULL;
  }
  dir->fd = -1;
  int length = snprintf(file, sizeof(file), "%s/identity", path);
  int code = length < (int)sizeof(file)
                 ? lock_identity_file(dir, file, host, &error)
                 : -ENAMETOOLONG;
  if (code == -EBUSY) {
    if (dir->holder[0] == '\0') {
      (void)snprintf(dir->holder, sizeof(dir->holder), "another process");
    }
    log_write(log, LOG_LEVEL_ERROR,
              "StateDir %s: in use by another collectd (%s); this one takes no "
              "action and saves nothing until it is restarted",
              path, dir->holder);
  } else if (code != 0) {
    log_write(log, LOG_LEVEL_ERROR,
              "StateDir %s: cannot use the file \"identity\": %s; what the "
              "responses change is marked with the host name only",
              path, error.text[0] == '\0' ? strerror(-code) : error.text);
  }
  return dir;
}

void state_dir_close(struct state_dir *dir) {
  if (dir != NULL && dir->fd >= 0) {
    (void)close(dir->fd);
  }
  free(dir);
}

const char *state_dir_identity(const struct state_dir *dir) {
  return dir == NULL || dir->identity[0] == '\0' ? NULL : dir->identity;
}

const char *state_dir_holder(const struct state_dir *dir) {
  return dir == NULL || dir->holder[0] == '\0' ? NULL : dir->holder;
}
