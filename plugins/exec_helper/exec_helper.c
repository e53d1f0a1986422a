/* SPDX-License-Identifier: MIT */
/* exec_helper: the program resource-alert-exec, which runs one command for the
 * plugin: as another user, in a new environment, with a deadline.
 *
 *   resource-alert-exec run|check USER MILLISECONDS COMMAND [ARGUMENT ...]
 *
 * It exists because collectd ignores SIGCHLD, so that a child of the daemon
 * has no exit status, and because between fork and exec in a daemon with
 * threads almost nothing is allowed. Descriptors it is given:
 *   0  what the command reads      1, 2  what the command writes to
 *   3  gets the verdict            4     closed by collectd to end the command
 * Verdict, one line: "exit N", "signal N", "timeout", "cancelled" or
 * "error TEXT". "check" does all of it except running the command. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum { VERDICT_FD = 3, CONTROL_FD = 4, FIRST_FOREIGN_FD = 5 };

#define TERM_WAIT_MS 300 /* between SIGTERM and SIGKILL */
#define ORPHAN_ROUNDS 64 /* a fork bomb may win */

struct helper_job {
  bool is_check;
  const char *user;
  int64_t deadline_ms;
  char **command;
};

/* The verdict from errno; cut so that the plugin reads it as one line. */
static int write_error_verdict(const char *what) {
  (void)dprintf(VERDICT_FD, "error %.150s: %s\n", what, strerror(errno));
  return EXIT_FAILURE;
}

/* ---- the child ---- */

/* For good: the child cannot become root again. */
static int become_user(const struct passwd *user) {
  if (geteuid() != 0) {
    errno = EPERM;
    return geteuid() == user->pw_uid ? 0 : -1;
  }
  if (initgroups(user->pw_name, user->pw_gid) != 0 ||
      setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
    return -1;
  }
  if (user->pw_uid != 0 && setuid(0) == 0) { /* must not be possible */
    errno = EPERM;
    return -1;
  }
  return 0;
}

static void reset_signals(void) {
  for (int i = 1; i < NSIG; i++) {
    (void)signal(i, SIG_DFL); /* fails for those that cannot be set */
  }
  sigset_t none;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the child; returns only on failure, with errno. */
static void exec_command_as(const struct helper_job *job,
                            const struct passwd *user) {
  char home[512];
  char name[128];
  char log_name[128];
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                "/sbin:/bin";
  char language[] = "LC_ALL=C.UTF-8";
  (void)snprintf(home, sizeof(home), "HOME=%s", user->pw_dir);
  (void)snprintf(name, sizeof(name), "USER=%s", user->pw_name);
  (void)snprintf(log_name, sizeof(log_name), "LOGNAME=%s", user->pw_name);
  char *environment[] = {path, home, name, log_name, language, NULL};
  reset_signals();
  (void)umask(022);
  if (setsid() < 0 || become_user(user) != 0 || chdir("/") != 0 ||
      access(job->command[0], X_OK) != 0) {
    return;
  }
  if (job->is_check) {
    _exit(EXIT_SUCCESS);
  }
  (void)execve(job->command[0], job->command, environment);
}

/* Starts the child and waits until it runs the command. Returns its id, or -1
 * with errno if it did not get that far. */
static pid_t start_child(const struct helper_job *job,
                         const struct passwd *user) {
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) {
    return -1;
  }
  pid_t child = fork();
  if (child == 0) {
    exec_command_as(job, user);
    int code = errno;
    (void)!write(failure[1], &code, sizeof(code));
    _exit(EXIT_FAILURE);
  }
  (void)close(failure[1]);
  int code = 0;
  if (child > 0 && read(failure[0], &code, sizeof(code)) > 0) {
    (void)waitpid(child, NULL, 0);
    child = -1;
    errno = code;
  }
  (void)close(failure[0]);
  return child;
}

/* ---- the end of the child ---- */

static void ignore_signal(int number) { (void)number; }

/* Reaps all children that have ended. True if CHILD has, with its status. */
static bool reap_children(pid_t child, int *status) {
  bool is_over = false;
  int any;
  pid_t ended;
  while ((ended = waitpid(-1, &any, WNOHANG)) > 0) {
    if (ended == child) {
      *status = any;
      is_over = true;
    }
  }
  return is_over;
}

/* Waits until CHILD ends (returns 0), until deadline_ms (-ETIMEDOUT) or until
 * collectd closes its end (-ECANCELED; unless ignores_control). */
static int wait_for_child(pid_t child, int64_t deadline_ms,
                          bool ignores_control, int *status) {
  sigset_t none;
  (void)sigemptyset(&none);
  struct pollfd control = {.fd = ignores_control ? -1 : CONTROL_FD,
                           .events = POLLIN};
  while (!reap_children(child, status)) {
    int left_ms = clock_left_ms(deadline_ms);
    if (left_ms == 0) {
      return -ETIMEDOUT;
    }
    struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000L};
    if (ppoll(&control, 1, &left, &none) > 0) {
      return -ECANCELED;
    }
  }
  return 0;
}

/* Kills what the command has left behind outside its process group: this
 * process is its subreaper, so it has become a child of this one. */
static void kill_orphans(void) {
  for (int i = 0; i < ORPHAN_ROUNDS; i++) {
    int ignored;
    (void)reap_children(-1, &ignored);
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
                   (long)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) {
      return; /* this kernel has no list: the process group was killed */
    }
    int killed = 0;
    long orphan;
    while (fscanf(file, "%ld", &orphan) == 1) {
      killed += kill((pid_t)orphan, SIGKILL) == 0;
    }
    (void)fclose(file);
    if (killed == 0) {
      return;
    }
    (void)poll(NULL, 0, 1 + i);
  }
}

/* SIGTERM to its process group, then SIGKILL. */
static void terminate_child(pid_t child, int *status) {
  (void)kill(-child, SIGTERM);
  if (wait_for_child(child, clock_monotonic_ms() + TERM_WAIT_MS, true,
                     status) != 0) {
    (void)kill(-child, SIGKILL);
    (void)wait_for_child(child, clock_monotonic_ms() + TERM_WAIT_MS, true,
                         status);
  }
}

static int supervise_child(const struct helper_job *job, pid_t child) {
  int status = 0;
  int code = wait_for_child(child, job->deadline_ms, false, &status);
  if (code != 0) {
    terminate_child(child, &status);
  }
  (void)kill(-child, SIGKILL); /* what is left of its group */
  kill_orphans();
  if (code == -ETIMEDOUT) {
    (void)dprintf(VERDICT_FD, "timeout\n");
  } else if (code == -ECANCELED) {
    (void)dprintf(VERDICT_FD, "cancelled\n");
  } else if (WIFSIGNALED(status)) {
    (void)dprintf(VERDICT_FD, "signal %d\n", WTERMSIG(status));
  } else {
    (void)dprintf(VERDICT_FD, "exit %d\n", WEXITSTATUS(status));
  }
  return EXIT_SUCCESS;
}

/* ---- start ---- */

static int prepare_process(void) {
  struct sigaction action = {.sa_handler = ignore_signal};
  sigset_t child;
  (void)sigemptyset(&child);
  (void)sigaddset(&child, SIGCHLD);
  reset_signals();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)sigprocmask(SIG_SETMASK, &child, NULL);
  (void)close_range(FIRST_FOREIGN_FD, ~0U, 0);
  if (sigaction(SIGCHLD, &action, NULL) != 0 ||
      fcntl(VERDICT_FD, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0) {
    return -1;
  }
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int main(int argc, char **argv) {
  if (argc < 5 || argv[4][0] != '/' ||
      (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "check") != 0)) {
    (void)fprintf(stderr, "resource-alert-exec: only collectd's plugin "
                          "resource_alert starts this program\n");
    return EXIT_FAILURE;
  }
  struct helper_job job = {
      .is_check = strcmp(argv[1], "check") == 0,
      .user = argv[2],
      .deadline_ms = clock_monotonic_ms() + strtol(argv[3], NULL, 10),
      .command = argv + 4,
  };
  if (prepare_process() != 0) {
    return write_error_verdict("cannot prepare");
  }
  errno = ENOENT;
  const struct passwd *user = getpwnam(job.user);
  if (user == NULL) {
    return write_error_verdict(job.user);
  }
  pid_t child = start_child(&job, user);
  return child < 0 ? write_error_verdict(job.command[0])
                   : supervise_child(&job, child);
}
