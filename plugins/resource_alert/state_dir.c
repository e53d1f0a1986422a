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
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define FILE_MODE 0640
#define DIGITS (STATE_DIR_IDENTITY_BYTES - 1)
#define CLOSE_WAIT_MS 1000

/* Only the worker changes it after the start, and only fd. */
struct state_dir {
  char file[PATH_MAX]; /* StateDir/identity */
  int fd;              /* locked unless there is a holder; -1: none */
  char identity[STATE_DIR_IDENTITY_BYTES]; /* empty: none */
  char holder[256];                        /* empty: this daemon */
  char host[256];
  struct log_sink log;
  struct worker_thread *worker; /* checks the file; NULL: none */
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
static int write_identity(const struct state_dir *dir) {
  char line[DIGITS + 2];
  (void)snprintf(line, sizeof(line), "%s\n", dir->identity);
  errno = ENOSPC; /* of a short write */
  return pwrite(dir->fd, line, DIGITS + 1, 0) == DIGITS + 1 &&
                 fsync(dir->fd) == 0
             ? file_sync_parent(dir->file)
             : -errno;
}

static int make_identity(struct state_dir *dir) {
  uint64_t random[2];
  if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
    return -EIO;
  }
  (void)snprintf(dir->identity, sizeof(dir->identity), "%016llx%016llx",
                 (unsigned long long)random[0], (unsigned long long)random[1]);
  int code = write_identity(dir);
  if (code != 0) {
    dir->identity[0] = '\0';
  }
  return code;
}

/* For the daemon that finds the directory in use; it works without. */
static void write_holder_line(const struct state_dir *dir) {
  char line[sizeof(dir->holder)];
  int length = snprintf(line, sizeof(line), "%.200s, process %ld\n", dir->host,
                        (long)getpid());
  if (ftruncate(dir->fd, DIGITS + 1) == 0) {
    (void)!pwrite(dir->fd, line, (size_t)length, DIGITS + 1);
  }
}

/* Returns 0 if this daemon has the lock, -EBUSY if another one has it. */
static int lock_identity_file(struct state_dir *dir, struct error *error) {
  char text[512] = "";
  dir->fd = trusted_path_open(dir->file, TRUSTED_PATH_OWN, O_RDWR | O_CREAT,
                              FILE_MODE, error);
  if (dir->fd < 0) {
    return dir->fd;
  }
  bool is_held = flock(dir->fd, LOCK_EX | LOCK_NB) != 0;
  if ((is_held && errno != EWOULDBLOCK) ||
      pread(dir->fd, text, sizeof(text) - 1, 0) < 0) {
    return -errno;
  }
  parse_identity_file(dir, text);
  if (is_held) {
    return -EBUSY;
  }
  dir->holder[0] = '\0';
  int code = dir->identity[0] != '\0' ? 0 : make_identity(dir);
  if (code == 0) {
    write_holder_line(dir);
  }
  return code;
}

/* On the worker's thread. Without the file the next start would take what this
 * daemon has changed for another's, and a second daemon would act. A file that
 * stands in its place is locked, and stays as it is. */
static void restore_identity_file(void *context, void *unused) {
  struct state_dir *dir = context;
  struct stat status;
  (void)unused;
  if (file_is_at(dir->file, dir->fd)) {
    return;
  }
  int fd = trusted_path_open(dir->file, TRUSTED_PATH_OWN, O_RDWR | O_CREAT,
                             FILE_MODE, NULL);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &status) != 0) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return; /* the next check tries again */
  }
  (void)close(dir->fd);
  dir->fd = fd;
  int code = status.st_size > 0 ? 0 : write_identity(dir);
  if (code == 0 && status.st_size == 0) {
    write_holder_line(dir);
  }
  log_write(&dir->log, LOG_LEVEL_WARNING,
            "%s: was removed or replaced while collectd runs; %s", dir->file,
            code == 0 ? "it is there again" : strerror(-code));
}

static void log_open_failure(const struct state_dir *dir, int code,
                             const struct error *error) {
  if (code == -EBUSY) {
    log_write(&dir->log, LOG_LEVEL_ERROR,
              "StateDir: %s: in use by another collectd (%s); this one takes "
              "no action and saves nothing until it is restarted",
              dir->file, dir->holder);
  } else {
    log_write(&dir->log, LOG_LEVEL_ERROR,
              "StateDir: %s; what the responses change is marked with the host "
              "name only",
              error->text[0] == '\0' ? strerror(-code) : error->text);
  }
}

struct state_dir *state_dir_open(const char *path, const char *host,
                                 const struct log_sink *log) {
  struct error error = {{0}};
  struct state_dir *dir = path == NULL ? NULL : calloc(1, sizeof(*dir));
  if (dir == NULL) {
    return NULL;
  }
  dir->fd = -1;
  dir->log = *log;
  (void)snprintf(dir->host, sizeof(dir->host), "%s", host);
  int length = snprintf(dir->file, sizeof(dir->file), "%s/identity", path);
  int code =
      length < PATH_MAX ? lock_identity_file(dir, &error) : -ENAMETOOLONG;
  if (code == -EBUSY && dir->holder[0] == '\0') {
    (void)snprintf(dir->holder, sizeof(dir->holder), "another process");
  }
  const struct worker_thread_options options = {
      .work = restore_identity_file, .context = dir, .items_max = 1};
  if (code != 0) {
    log_open_failure(dir, code, &error);
  } else if (worker_thread_new(&options, &dir->worker, &error) != 0) {
    dir->worker = NULL; /* no checks, then */
  }
  return dir;
}

void state_dir_request_check(struct state_dir *dir) {
  if (dir != NULL && dir->worker != NULL) {
    (void)worker_thread_put(dir->worker, dir);
  }
}

void state_dir_close(struct state_dir *dir) {
  if (dir == NULL || (dir->worker != NULL &&
                      !worker_thread_stop(dir->worker, CLOSE_WAIT_MS))) {
    return; /* the disk hangs: the thread still uses it */
  }
  if (dir->fd >= 0) {
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
