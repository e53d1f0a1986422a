/* SPDX-License-Identifier: MIT */
/* read_processes: counts the processes in /proc, their states and threads.
 *
 * Counting names costs 0.3 us a process. A state costs an open (1.0), a read
 * (1.6) and a close (0.5 us), and the kernel has no cheaper way; libstatgrab
 * opens four files for each process. Keeping the files open would save half of
 * that, but would need a descriptor for each process of the machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "statgrab/linux/linux_read.h"

/* The letters are those of proc_pid_stat(5). X is a process that is just
 * being removed. A letter of another kernel counts in no state. */
static enum stats_process_state parse_process_state(char letter) {
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

/* Between a process's state and its number of threads, proc_pid_stat(5). */
#define NUMBERS_BEFORE_THREADS 16

/* Reads "PID (NAME) S ..."; any other text is ignored. */
static void count_process_stat(const char *text, size_t length,
                               struct stats_processes *stats) {
  /* The name may contain brackets and newlines: search from the end. */
  const char *bracket = memrchr(text, ')', length);
  if (bracket == NULL || bracket + 3 > text + length) {
    return;
  }
  enum stats_process_state state = parse_process_state(bracket[2]);
  if (state != PROCESS_STATES) {
    stats->states[state]++;
  }
  struct scan rest = {bracket + 3, text + length};
  struct scan word;
  for (size_t i = 0; i < NUMBERS_BEFORE_THREADS; i++) {
    (void)scan_word(&rest, &word); /* some of them are negative */
  }
  uint64_t threads;
  if (scan_number(&rest, &threads)) {
    stats->threads += threads;
  }
}

/* Reads the state of one process. One that has ended meanwhile is ignored; one
 * that may not be read, where /proc is mounted with hidepid=1, is counted. */
static void read_process_stat(int proc_fd, const char *pid,
                              struct stats_processes *stats) {
  char path[32];
  char text[1024]; /* a name has at most 64 bytes, a number 20, 52 of them */
  (void)snprintf(path, sizeof(path), "%.16s/stat", pid);
  int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    stats->hidden += errno == EPERM || errno == EACCES;
    return;
  }
  ssize_t got = read(fd, text, sizeof(text));
  (void)close(fd);
  if (got > 0) {
    count_process_stat(text, (size_t)got, stats);
  }
}

/* /proc is opened for each count, since below a RootFS something else may be
 * mounted there meanwhile. Where states may not be read (hidepid) the other
 * values are valid. */
int linux_read_processes(struct stats *all, struct error *error) {
  struct stats_processes *stats = &all->processes;
  char path[4096];
  (void)snprintf(path, sizeof(path), "%s/proc", all->driver->root);
  DIR *proc = opendir(path);
  if (proc == NULL) {
    int code = -errno;
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  *stats = (struct stats_processes){0};
  const struct dirent *entry;
  while (errno = 0, (entry = readdir(proc)) != NULL) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
      continue; /* all other names there begin with a letter or a dot */
    }
    stats->count++;
    read_process_stat(dirfd(proc), entry->d_name, stats);
  }
  int code = -errno;
  (void)closedir(proc);
  if (code != 0) {
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  if (stats->count == 0) { /* there is at least this one */
    return error_set(error, -ENODEV, "%s: has no processes", path);
  }
  return stats->hidden == 0
             ? 0
             : error_set(error, -EBADMSG, "%llu of %llu are hidden (hidepid)",
                         (unsigned long long)stats->hidden,
                         (unsigned long long)stats->count);
}
