/* SPDX-License-Identifier: MIT */
/* read_processes: the directories of /proc that are processes.
 *
 * Counting names costs 0.3 us a process. A state costs an open (1.0), a read
 * (1.6) and a close (0.5 us), and the kernel has no cheaper way to it;
 * libstatgrab opens four files for each. Files kept open would save half of
 * that, but a daemon that holds a descriptor for each process of its machine
 * runs out of them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "statgrab/linux/linux_driver.h"

/* What getdents64(2) fills; the kernel's own layout. */
struct entry {
  uint64_t inode;
  int64_t offset;
  uint16_t bytes;
  uint8_t type;
  char name[];
};

#define ENTRIES_BYTES 32768

static int open_proc(struct driver *driver, struct error *error) {
  if (driver->proc_fd >= 0) {
    return lseek(driver->proc_fd, 0, SEEK_SET) == 0 ? 0 : -errno;
  }
  char path[4096];
  (void)snprintf(path, sizeof(path), "%s/proc", driver->root);
  driver->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (driver->proc_fd >= 0) {
    return 0;
  }
  int code = -errno;
  return error_set(error, code, "%s: %s", path, strerror(-code));
}

static enum process_state state_of(char letter) {
  switch (letter) {
  case 'R':
    return PROCESS_RUNNING;
  case 'S':
    return PROCESS_SLEEPING;
  case 'D':
    return PROCESS_BLOCKED;
  case 'T':
  case 't':
    return PROCESS_STOPPED;
  case 'Z':
  case 'X':
    return PROCESS_ZOMBIE;
  case 'I':
    return PROCESS_IDLE;
  default:
    return PROCESS_STATES;
  }
}

/* Between a process's state and its count of threads, proc(5). */
#define NUMBERS_BEFORE_THREADS 16

/* Takes "PID (NAME) S ..." apart; anything else is left out. */
static void take_stat(const char *text, size_t length,
                      struct process_facts *facts) {
  /* The name may hold anything, brackets and newlines too: take the last. */
  const char *bracket = memrchr(text, ')', length);
  if (bracket == NULL || bracket + 3 > text + length) {
    return;
  }
  enum process_state state = state_of(bracket[2]);
  if (state != PROCESS_STATES) {
    facts->states[state]++;
  }
  struct scan rest = {bracket + 3, text + length};
  struct scan_word word;
  for (size_t i = 0; i < NUMBERS_BEFORE_THREADS; i++) {
    (void)scan_word(&rest, &word); /* some of them are negative */
  }
  uint64_t threads;
  if (scan_number(&rest, &threads)) {
    facts->threads += threads;
  }
}

/* A process that has gone meanwhile has no state; that is no fault. Nor is it
 * ours if /proc is mounted with hidepid=1. */
static void read_stat(int proc_fd, const char *pid,
                      struct process_facts *facts) {
  char path[32];
  char text[1024]; /* a name has at most 64 bytes, a number 20, 52 of them */
  (void)snprintf(path, sizeof(path), "%.16s/stat", pid);
  int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    facts->hidden += errno == EPERM || errno == EACCES;
    return;
  }
  ssize_t got = read(fd, text, sizeof(text));
  (void)close(fd);
  if (got > 0) {
    take_stat(text, (size_t)got, facts);
  }
}

static void take_entry(const struct driver *driver, const struct entry *entry,
                       bool with_states, struct process_facts *facts) {
  if (entry->name[0] < '1' || entry->name[0] > '9') {
    return; /* all other names there begin with a letter or a dot */
  }
  facts->count++;
  if (with_states) {
    read_stat(driver->proc_fd, entry->name, facts);
  }
}

/* The next reading opens it anew: something may have been mounted there. */
static int fail(struct driver *driver, int code, const char *why,
                struct error *error) {
  (void)close(driver->proc_fd);
  driver->proc_fd = -1;
  return error_set(error, code, "%s/proc: %s", driver->root, why);
}

int linux_read_processes(struct driver *driver, bool with_states,
                         struct process_facts *facts, struct error *error) {
  *facts = (struct process_facts){0};
  if (!with_states) {
    memset(facts, 0xff, sizeof(*facts)); /* all FACT_UNKNOWN */
    facts->count = 0;
    facts->hidden = 0;
  }
  int code = open_proc(driver, error);
  if (code != 0) {
    return code;
  }
  _Alignas(struct entry) char entries[ENTRIES_BYTES];
  long got;
  while ((got = syscall(SYS_getdents64, driver->proc_fd, entries,
                        sizeof(entries))) > 0) {
    for (long at = 0; at < got;) {
      const struct entry *entry = (const void *)(entries + at);
      take_entry(driver, entry, with_states, facts);
      at += entry->bytes;
    }
  }
  if (got < 0) {
    return fail(driver, -errno, strerror(errno), error);
  }
  return facts->count > 0 /* at least we are there */
             ? 0
             : fail(driver, -ENODEV, "has no processes", error);
}
