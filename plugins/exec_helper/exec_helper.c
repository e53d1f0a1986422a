/* SPDX-License-Identifier: MIT */
/* exec_helper: the program resource-alert-exec, which runs one command for the
 * plugin: as another user, in a new environment, with a deadline.
 *
 *   resource-alert-exec run|check USER MILLISECONDS FILE COMMAND [ARGUMENT ...]
 *
 * It exists because collectd ignores SIGCHLD, so that a child of the daemon
 * has no exit status, and because between fork and exec in a daemon with
 * threads almost nothing is allowed. Descriptors it is given:
 *   0  what the command reads      1, 2  what the command writes to
 *   3  gets the verdict            4     closed by collectd to end the command
 *   5  the directory that FILE, the program, is in: both were checked, and are
 *      not looked up again; COMMAND is its path, for people
 * Verdict, one line: "exit N", "signal N", "timeout", "late" (it was not
 * started in time), "cancelled" or "error TEXT". "check" does all of it except
 * running the command. */
#include <dirent.h>
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
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum { VERDICT_FD = 3, CONTROL_FD = 4, PROGRAM_FD = 5, FIRST_FOREIGN_FD = 6 };

#define TERM_WAIT_MS 300 /* between SIGTERM and SIGKILL */
#define ORPHAN_ROUNDS 64 /* a fork bomb may win */
#define GROUPS_MAX 1024

struct helper_job {
  bool is_check;
  const char *user;
  int64_t deadline_ms;
  const char *file;
  char **command;
};

/* Looked up before the fork: a directory server may take its time. */
struct helper_user {
  const struct passwd *entry;
  gid_t groups[GROUPS_MAX];
  int groups_len;
};

/* The verdict from errno; cut so that the plugin reads it as one line. */
static int write_error_verdict(const char *what) {
  (void)dprintf(VERDICT_FD, "error %.150s: %s\n", what, strerror(errno));
  return EXIT_FAILURE;
}

/* ---- the child ---- */

/* For good: the child cannot become root again. */
static int become_user(const struct helper_user *to) {
  const struct passwd *user = to->entry;
  if (geteuid() != 0) {
    errno = EPERM;
    return geteuid() == user->pw_uid ? 0 : -1;
  }
  if (setgroups((size_t)to->groups_len, to->groups) != 0 ||
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

/* An interpreter opens its script again, through the descriptor. What root
 * itself cannot read is none. */
static bool is_script(const char *file) {
  char start[2] = "";
  int fd = openat(PROGRAM_FD, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  bool is = fd >= 0 && read(fd, start, sizeof(start)) == 2 && start[0] == '#' &&
            start[1] == '!';
  if (fd >= 0) {
    (void)close(fd);
  }
  return is;
}

/* Runs in the child; returns only on failure, with errno. */
static void exec_command_as(const struct helper_job *job,
                            const struct helper_user *to) {
  const struct passwd *user = to->entry;
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
  bool is_interpreted = is_script(job->file);
  reset_signals();
  (void)umask(022);
  if (setsid() < 0 || become_user(to) != 0 || chdir("/") != 0 ||
      faccessat(PROGRAM_FD, job->file, is_interpreted ? R_OK | X_OK : X_OK,
                0) != 0) {
    return;
  }
  if (job->is_check) {
    _exit(EXIT_SUCCESS);
  }
  if (fcntl(PROGRAM_FD, F_SETFD, is_interpreted ? 0 : FD_CLOEXEC) == 0 &&
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) { /* after setuid() */
    (void)syscall(SYS_execveat, PROGRAM_FD, job->file, job->command,
                  environment, AT_SYMLINK_NOFOLLOW);
  }
}

/* Starts the child and waits until it runs the command. Returns its id, or -1
 * with errno if it did not get that far. */
static pid_t start_child(const struct helper_job *job,
                         const struct helper_user *user) {
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

/* Neither the user's name nor the program may be on a server that hangs. */
static void give_up_start(int number) {
  (void)number;
  const char verdict[] = "late\n";
  (void)!write(VERDICT_FD, verdict, sizeof(verdict) - 1);
  _exit(EXIT_FAILURE);
}

/* left_ms: 0 ends the limit. */
static int limit_start(int64_t left_ms) {
  const struct itimerval timer = {
      .it_value = {left_ms / 1000, left_ms % 1000 * 1000}};
  struct sigaction action = {.sa_handler = give_up_start};
  return sigaction(SIGALRM, &action, NULL) == 0 &&
                 setitimer(ITIMER_REAL, &timer, NULL) == 0
             ? 0
             : -1;
}

static int find_user(const char *name, struct helper_user *user) {
  errno = ENOENT;
  user->entry = getpwnam(name);
  user->groups_len = GROUPS_MAX;
  if (user->entry == NULL) {
    return -1;
  }
  errno = E2BIG;
  return getgrouplist(name, user->entry->pw_gid, user->groups,
                      &user->groups_len) < 0
             ? -1
             : 0;
}

/* Before Linux 5.9, and under some seccomp filters, there is no close_range(2).
 */
static int close_foreign_descriptors(void) {
  if (close_range(FIRST_FOREIGN_FD, ~0U, 0) == 0) {
    return 0;
  }
  DIR *open_ones = opendir("/proc/self/fd");
  if (open_ones == NULL) {
    return -1;
  }
  const struct dirent *entry;
  while ((entry = readdir(open_ones)) != NULL) {
    int fd = (int)strtol(entry->d_name, NULL, 10);
    if (fd >= FIRST_FOREIGN_FD && fd != dirfd(open_ones)) {
      (void)close(fd);
    }
  }
  return closedir(open_ones);
}

static int prepare_process(void) {
  struct sigaction action = {.sa_handler = ignore_signal};
  sigset_t child;
  (void)sigemptyset(&child);
  (void)sigaddset(&child, SIGCHLD);
  reset_signals();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)sigprocmask(SIG_SETMASK, &child, NULL);
  if (close_foreign_descriptors() != 0 ||
      sigaction(SIGCHLD, &action, NULL) != 0 ||
      fcntl(VERDICT_FD, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(PROGRAM_FD, F_SETFD, FD_CLOEXEC) != 0) {
    return -1;
  }
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int main(int argc, char **argv) {
  if (argc < 6 || argv[5][0] != '/' ||
      (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "check") != 0)) {
    (void)fprintf(stderr, "resource-alert-exec: only collectd's plugin "
                          "resource_alert starts this program\n");
    return EXIT_FAILURE;
  }
  long left_ms = strtol(argv[3], NULL, 10);
  struct helper_job job = {
      .is_check = strcmp(argv[1], "check") == 0,
      .user = argv[2],
      .deadline_ms = clock_monotonic_ms() + left_ms,
      .file = argv[4],
      .command = argv + 5,
  };
  if (prepare_process() != 0 || limit_start(left_ms > 0 ? left_ms : 1) != 0) {
    return write_error_verdict("cannot prepare");
  }
  static struct helper_user user;
  if (find_user(job.user, &user) != 0) {
    return write_error_verdict(job.user);
  }
  pid_t child = start_child(&job, &user);
  (void)limit_start(0);
  return child < 0 ? write_error_verdict(job.command[0])
                   : supervise_child(&job, child);
}
