/* SPDX-License-Identifier: MIT */
/* exec_run: runs one command through the helper program and reports its end.
 *
 * Four pipes lead to the helper: the command's input and output, the verdict
 * (how it ended, one line) and control, whose end tells it to kill the command.
 * The helper and the command were checked through descriptors, and are run
 * through them (core/trusted_path.h). */
#include "resource_alert/clients/exec_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/trusted_path.h"

/* The helper's own pause before it gives up on a command is shorter. */
#define SLACK_MS 1000

enum { PIPE_INPUT, PIPE_OUTPUT, PIPE_VERDICT, PIPE_CONTROL, PIPES };

#define DIRECTORY_FD 5 /* where the helper finds the program's directory */

/* Our ends and the helper's, -1 where closed. */
struct channels {
  int ours[PIPES];
  int theirs[PIPES];
};

/* What is run, as it was found. */
struct programs {
  struct trusted_path helper;
  struct trusted_path command;
};

/* Closing twice is harmless: the descriptor is -1 afterwards. */
static void close_pipe_end(int *fd) {
  if (*fd >= 0) {
    (void)close(*fd);
    *fd = -1;
  }
}

/* All ends of one side, open or not. */
static void close_pipe_ends(int fds[PIPES]) {
  for (size_t i = 0; i < PIPES; i++) {
    close_pipe_end(&fds[i]);
  }
}

/* Our ends never block: a command may neither read nor write. */
static int open_channels(struct channels *channels) {
  for (size_t i = 0; i < PIPES; i++) {
    channels->ours[i] = channels->theirs[i] = -1;
  }
  for (size_t i = 0; i < PIPES; i++) {
    bool we_read = i == PIPE_OUTPUT || i == PIPE_VERDICT;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      int code = -errno;
      close_pipe_ends(channels->ours);
      close_pipe_ends(channels->theirs);
      return code;
    }
    channels->ours[i] = ends[we_read ? 0 : 1];
    channels->theirs[i] = ends[we_read ? 1 : 0];
    (void)fcntl(channels->ours[i], F_SETFL, O_NONBLOCK);
  }
  return 0;
}

/* ---- the start ---- */

/* Moves FD above the numbers that the helper gets. */
static int move_descriptor_up(int *fd) {
  int higher = fcntl(*fd, F_DUPFD_CLOEXEC, DIRECTORY_FD + 1);
  if (higher < 0) {
    return -errno;
  }
  (void)close(*fd);
  *fd = higher;
  return 0;
}

/* Gives the helper its six descriptors and no others. */
static int place_descriptors(posix_spawn_file_actions_t *actions,
                             struct channels *channels,
                             struct programs *programs) {
  static const struct {
    int pipe, as;
  } places[] = {{PIPE_INPUT, 0},
                {PIPE_OUTPUT, 1},
                {PIPE_OUTPUT, 2},
                {PIPE_VERDICT, 3},
                {PIPE_CONTROL, 4}};
  int code = move_descriptor_up(&programs->helper.directory);
  code = code == 0 ? move_descriptor_up(&programs->command.directory) : code;
  for (size_t i = 0; i < PIPES && code == 0; i++) {
    code = move_descriptor_up(&channels->theirs[i]);
  }
  if (code == 0) {
    code = -posix_spawn_file_actions_adddup2(
        actions, programs->command.directory, DIRECTORY_FD);
  }
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && code == 0; i++) {
    code = -posix_spawn_file_actions_adddup2(
        actions, channels->theirs[places[i].pipe], places[i].as);
  }
  return code;
}

/* The helper gets the signals as a shell would: collectd ignores SIGCHLD, and
 * its threads block signals. A session of its own, so that no terminal signals
 * it. */
static int set_spawn_signals(posix_spawnattr_t *attributes) {
  sigset_t none;
  sigset_t defaults;
  (void)sigemptyset(&none);
  (void)sigemptyset(&defaults);
  (void)sigaddset(&defaults, SIGCHLD); /* collectd ignores it */
  (void)sigaddset(&defaults, SIGPIPE);
  (void)posix_spawnattr_setsigmask(attributes, &none);
  (void)posix_spawnattr_setsigdefault(attributes, &defaults);
  return -posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                   POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETSID);
}

/* posix_spawn and not fork: the daemon has many threads and much memory. */
static int spawn_helper(char *const *words, struct channels *channels,
                        struct programs *programs, pid_t *ret_pid) {
  char *environment[] = {NULL};
  char path[NAME_MAX + 40];
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int code = -posix_spawn_file_actions_init(&actions);
  if (code != 0) {
    return code;
  }
  code = -posix_spawnattr_init(&attributes);
  if (code == 0) {
    code = place_descriptors(&actions, channels, programs);
    code = code == 0 ? set_spawn_signals(&attributes) : code;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s",
                   programs->helper.directory, programs->helper.name);
    code = code == 0 ? -posix_spawn(ret_pid, path, &actions, &attributes, words,
                                    environment)
                     : code;
    (void)posix_spawnattr_destroy(&attributes);
  }
  (void)posix_spawn_file_actions_destroy(&actions);
  return code;
}

/* HELPER run|check USER MILLISECONDS FILE COMMAND..., as exec needs it: without
 * const. Returns NULL when memory is short; free(). */
static char **make_helper_words(const struct exec_job *job, char *left_text,
                                char *file) {
  const size_t before = 5;
  union {
    const char *borrowed;
    char *word;
  } word;
  char **words = calloc(before + job->command_len + 1, sizeof(*words));
  if (words == NULL) {
    return NULL;
  }
  word.borrowed = job->helper;
  words[0] = word.word;
  word.borrowed = job->is_check ? "check" : "run";
  words[1] = word.word;
  word.borrowed = job->user;
  words[2] = word.word;
  words[3] = left_text;
  words[4] = file;
  for (size_t i = 0; i < job->command_len; i++) {
    word.borrowed = job->command[i];
    words[before + i] = word.word;
  }
  return words;
}

/* The helper gets the time that is left as a number: its clock starts now.
 * Our copies of its ends are closed, or we would never see the end of its
 * output. */
static int start_helper(const struct exec_job *job, struct channels *channels,
                        struct programs *programs, pid_t *ret_pid,
                        struct error *error) {
  char left[16];
  (void)snprintf(left, sizeof(left), "%d", clock_left_ms(job->deadline_ms));
  char **words = make_helper_words(job, left, programs->command.name);
  if (words == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = spawn_helper(words, channels, programs, ret_pid);
  free(words);
  close_pipe_ends(channels->theirs);
  return code == 0 ? 0
                   : error_set(error, code, "%s: cannot start: %s", job->helper,
                               strerror(-code));
}

/* ---- the exchange ---- */

struct intake {
  char *text;
  size_t room; /* with the NUL */
  size_t bytes;
};

/* Reads, and drops what does not fit. Returns false at the end. */
static bool read_intake(int fd, struct intake *intake) {
  char rest[4096];
  ssize_t got = read(fd, rest, sizeof(rest));
  if (got <= 0) {
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  size_t fits = intake->room - 1 - intake->bytes;
  size_t kept = (size_t)got < fits ? (size_t)got : fits;
  memcpy(intake->text + intake->bytes, rest, kept);
  intake->bytes += kept;
  intake->text[intake->bytes] = '\0';
  return true;
}

/* Writes as much as the pipe takes. Returns false once all is written or the
 * command has closed its input. */
static bool write_input(int fd, const struct exec_job *job, size_t *fed) {
  ssize_t put = write(fd, job->input + *fed, job->input_bytes - *fed);
  if (put < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  *fed += (size_t)put;
  return *fed < job->input_bytes;
}

/* Until the verdict has arrived. When the job is cancelled, the helper has a
 * second to end it. */
static int exchange_with_helper(const struct exec_job *job,
                                struct channels *channels,
                                struct intake *verdict, struct intake *output) {
  int64_t deadline_ms = job->deadline_ms + SLACK_MS;
  int cancel_fd = job->cancel_fd;
  size_t fed = 0;
  for (;;) {
    int *fds = channels->ours;
    struct pollfd polls[] = {{.fd = fds[PIPE_INPUT], .events = POLLOUT},
                             {.fd = fds[PIPE_OUTPUT], .events = POLLIN},
                             {.fd = fds[PIPE_VERDICT], .events = POLLIN},
                             {.fd = cancel_fd, .events = POLLIN}};
    int ready = poll(polls, 4, clock_left_ms(deadline_ms));
    if (ready == 0) {
      return -ETIMEDOUT;
    }
    if (ready < 0) {
      continue; /* interrupted */
    }
    if (polls[0].revents != 0 && !write_input(fds[PIPE_INPUT], job, &fed)) {
      close_pipe_end(&fds[PIPE_INPUT]);
    }
    if (polls[1].revents != 0 && !read_intake(fds[PIPE_OUTPUT], output)) {
      close_pipe_end(&fds[PIPE_OUTPUT]);
    }
    if (polls[2].revents != 0 && !read_intake(fds[PIPE_VERDICT], verdict)) {
      return 0;
    }
    if (polls[3].revents != 0) {
      close_pipe_end(&fds[PIPE_CONTROL]);
      cancel_fd = -1;
      deadline_ms = clock_monotonic_ms() + SLACK_MS;
    }
  }
}

/* verdict: see exec_helper.c. */
static int parse_verdict(const struct exec_job *job, char *verdict,
                         const char *output, struct error *error) {
  verdict[strcspn(verdict, "\n")] = '\0';
  const char *command = job->command[0];
  if (strcmp(verdict, "exit 0") == 0) {
    return 0;
  }
  if (strcmp(verdict, "timeout") == 0) {
    return error_set(error, -ETIMEDOUT, "%s: took too long and was killed",
                     command);
  }
  if (strcmp(verdict, "late") == 0) {
    return error_set(error, -ETIMEDOUT, "%s: not started within the time limit",
                     command);
  }
  if (strcmp(verdict, "cancelled") == 0) {
    return error_set(error, -ECANCELED, "%s: killed because collectd stops",
                     command);
  }
  if (strncmp(verdict, "error ", 6) == 0) {
    return error_set(error, -ENOEXEC, "cannot run as user \"%s\": %s",
                     job->user, verdict + 6);
  }
  return error_set(error, -EIO, "%s: %s%s%s", command,
                   verdict[0] == '\0' ? "no result from resource-alert-exec"
                                      : verdict,
                   output[0] == '\0' ? "" : ": ", output);
}

/* The helper has ended, or ends now, by itself at its deadline. collectd
 * ignores SIGCHLD, and then the kernel reaps; other plugins change that. */
static void reap_helper(struct channels *channels, pid_t pid) {
  int64_t deadline_ms = clock_monotonic_ms() + SLACK_MS;
  char rest[256];
  struct intake none = {rest, sizeof(rest), 0};
  struct pollfd end = {.fd = channels->ours[PIPE_VERDICT], .events = POLLIN};
  close_pipe_end(&channels->ours[PIPE_CONTROL]);
  while (read_intake(end.fd, &none)) {
    if (poll(&end, 1, clock_left_ms(deadline_ms)) == 0) {
      return; /* not even a kill ends it: it waits for a disk */
    }
  }
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

/* PROGRAMS, CHANNELS: open. */
static int run_helper(const struct exec_job *job, struct programs *programs,
                      struct channels *channels, struct intake *printed,
                      struct error *error) {
  char verdict_text[256] = "";
  struct intake verdict = {verdict_text, sizeof(verdict_text), 0};
  pid_t pid = 0;
  int code = start_helper(job, channels, programs, &pid, error);
  if (code != 0) {
    return code;
  }
  code = exchange_with_helper(job, channels, &verdict, printed);
  reap_helper(channels, pid);
  return code == 0 ? parse_verdict(job, verdict_text, printed->text, error)
                   : error_set(error, code, "%s: the helper does not respond",
                               job->command[0]);
}

/* *ret: both are open, or none. */
static int find_programs(const struct exec_job *job, struct programs *ret,
                         struct error *error) {
  int code = trusted_path_find_program(job->helper, &ret->helper, error);
  if (code != 0) {
    error_prefix(error, "the helper program (see HelperDir)");
    return code;
  }
  code = trusted_path_find_program(job->command[0], &ret->command, error);
  if (code != 0) {
    (void)close(ret->helper.directory);
  }
  return code;
}

int exec_run(const struct exec_job *job, char *output, size_t output_bytes,
             struct error *error) {
  struct channels channels;
  struct programs programs;
  struct intake printed = {output, output_bytes, 0};
  output[0] = '\0';
  int code = find_programs(job, &programs, error);
  if (code != 0) {
    return code;
  }
  code = open_channels(&channels);
  if (code != 0) {
    (void)error_set(error, code, "cannot make a pipe: %s", strerror(-code));
  } else {
    code = run_helper(job, &programs, &channels, &printed, error);
    close_pipe_ends(channels.ours);
    close_pipe_ends(channels.theirs);
  }
  (void)close(programs.helper.directory);
  (void)close(programs.command.directory);
  return code;
}
