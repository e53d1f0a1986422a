/* SPDX-License-Identifier: MIT */
/* exec_run: commands through the helper program, as collectd runs them: with
 * SIGCHLD and SIGPIPE ignored. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "resource_alert/clients/exec_run.h"

static char helper[PATH_MAX];
static char output[512];
static struct error error;

/* A time to sleep that no other run of this test has among its arguments. */
static const char *mark(void) {
  static char text[32];
  (void)snprintf(text, sizeof(text), "3000.%ld", (long)getpid());
  return text;
}

static int find_helper(void **state) {
  (void)state;
  char own[PATH_MAX - 64] = "";
  (void)signal(SIGCHLD, SIG_IGN);
  (void)signal(SIGPIPE, SIG_IGN);
  if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0) {
    return -1;
  }
  *strrchr(own, '/') = '\0';
  (void)snprintf(helper, sizeof(helper), "%s/../libexec/resource-alert-exec",
                 own);
  return access(helper, X_OK);
}

static const char *user(void) {
  const struct passwd *own = getpwuid(geteuid());
  return geteuid() == 0 ? "nobody" : own->pw_name;
}

static struct exec_job job_of(const char *const *words) {
  size_t len = 0;
  while (words[len] != NULL) {
    len++;
  }
  return (struct exec_job){
      .helper = helper,
      .user = user(),
      .command = words,
      .command_len = len,
      .input = "",
      .deadline_ms = clock_monotonic_ms() + 30000,
      .cancel_fd = -1,
  };
}

static int run_shell(const char *script, int timeout_ms) {
  const char *const words[] = {"/bin/sh", "-c", script, NULL};
  struct exec_job job = job_of(words);
  job.input = "{\"event\":\"engage\"}";
  job.input_bytes = strlen(job.input);
  job.deadline_ms = clock_monotonic_ms() + timeout_ms;
  error.text[0] = '\0';
  return exec_run(&job, output, sizeof(output), &error);
}

/* Runs SCRIPT with the mark in place of each @. */
static int run_marked(const char *script, int timeout_ms) {
  char marked[512];
  char *end = marked;
  for (const char *c = script; *c != '\0'; c++) {
    end +=
        snprintf(end, 40, "%.*s", *c == '@' ? 40 : 1, *c == '@' ? mark() : c);
  }
  return run_shell(marked, timeout_ms);
}

/* True while some process has MARK among its arguments. */
static bool is_running(const char *mark) {
  DIR *proc = opendir("/proc");
  bool is_found = false;
  const struct dirent *entry;
  while (proc != NULL && !is_found && (entry = readdir(proc)) != NULL) {
    char path[300];
    char words[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
    FILE *file = fopen(path, "re");
    size_t got = file == NULL ? 0 : fread(words, 1, sizeof(words) - 1, file);
    is_found = got > 0 && strtol(entry->d_name, NULL, 10) != getpid() &&
               memmem(words, got, mark, strlen(mark)) != NULL;
    if (file != NULL) {
      (void)fclose(file);
    }
  }
  (void)closedir(proc);
  return is_found;
}

static void a_command_reads_its_document(void **state) {
  (void)state;
  assert_int_equal(run_shell("cat; printf '\\n%s' \"$1\"", 30000), 0);
  assert_string_equal(output, "{\"event\":\"engage\"}\n");
}

static void a_command_need_not_read(void **state) {
  (void)state;
  char *large = malloc(1 << 20);
  memset(large, 'x', 1 << 20);
  const char *const words[] = {"/bin/true", NULL};
  struct exec_job job = job_of(words);
  job.input = large;
  job.input_bytes = 1 << 20;
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), 0);
  free(large);
}

static void its_end_is_told(void **state) {
  (void)state;
  assert_int_equal(run_shell("echo no disk >&2; exit 3", 30000), -EIO);
  assert_string_equal(error.text, "/bin/sh: exit 3: no disk");
  assert_int_equal(run_shell("kill -9 $$", 30000), -EIO);
  assert_string_equal(error.text, "/bin/sh: signal 9");
}

static void what_cannot_run_is_told(void **state) {
  (void)state;
  const char *words[] = {"/nonexistent/hook", NULL};
  struct exec_job job = job_of(words);
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), -ENOENT);
  assert_non_null(strstr(error.text, "/nonexistent/hook: No such file"));
  words[0] = "/bin/true";
  job.user = "no-such-user";
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), -ENOEXEC);
  assert_non_null(strstr(error.text, "no-such-user"));
  job.helper = "/nonexistent/helper";
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), -ENOENT);
  assert_non_null(
      strstr(error.text, "(see HelperDir): /nonexistent/helper: No such"));
}

static void output_is_bounded(void **state) {
  (void)state;
  assert_int_equal(run_shell("yes | head -c 1000000", 30000), 0);
  assert_int_equal(strlen(output), sizeof(output) - 1);
}

static void the_environment_is_fresh(void **state) {
  (void)state;
  assert_int_equal(run_shell("env | grep -c =; pwd; umask", 30000), 0);
  /* PATH HOME USER LOGNAME LC_ALL, and the shell's own PWD */
  assert_string_equal(output, "6\n/\n0022\n");
  assert_int_equal(run_shell("ls /proc/self/fd | tr '\\n' ' '", 30000), 0);
  assert_string_equal(output, "0 1 2 3 "); /* 3: ls has the directory open */
}

static void it_runs_as_its_user(void **state) {
  (void)state;
  assert_int_equal(run_shell("id -un; id -G | wc -w", 30000), 0);
  char expected[64];
  (void)snprintf(expected, sizeof(expected), "%s\n1\n", user());
  if (geteuid() == 0) {
    assert_string_equal(output, expected);
  }
}

static void a_command_that_hangs_is_killed(void **state) {
  (void)state;
  assert_int_equal(run_marked("trap '' TERM; while :; do sleep @; done", 200),
                   -ETIMEDOUT);
  assert_non_null(strstr(error.text, "took too long"));
  assert_false(is_running(mark()));
}

static void what_it_leaves_behind_is_killed(void **state) {
  (void)state;
  assert_int_equal(run_marked("sleep @ & setsid sleep @ & setsid sh -c 'setsid "
                              "sleep @ & sleep @' & sleep 0.1; exit 0",
                              30000),
                   0);
  assert_false(is_running(mark()));
}

static void it_ends_when_it_is_cancelled(void **state) {
  (void)state;
  const char *const words[] = {"/bin/sleep", mark(), NULL};
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  (void)close(ends[1]); /* readable: at its end */
  struct exec_job job = job_of(words);
  job.cancel_fd = ends[0];
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), -ECANCELED);
  assert_false(is_running(mark()));
  (void)close(ends[0]);
}

static void a_check_runs_nothing(void **state) {
  (void)state;
  const char *const words[] = {"/bin/sh", "-c", "echo ran", NULL};
  struct exec_job job = job_of(words);
  job.is_check = true;
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), 0);
  assert_string_equal(output, "");
}

/* ---- what is around it ---- */

static void take_signal(int number) { (void)number; }

static void reap_all(int number) {
  int kept = errno;
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  errno = kept;
}

static void its_helper_is_reaped_whatever_sigchld_does(void **state) {
  (void)state;
  void (*const handlers[])(int) = {SIG_DFL, SIG_IGN, take_signal, reap_all};
  for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
    (void)signal(SIGCHLD, handlers[i]);
    assert_int_equal(run_shell("true", 30000), 0);
    assert_int_equal(run_shell("sleep 30", 50), -ETIMEDOUT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
  }
  (void)signal(SIGCHLD, SIG_IGN);
}

static void a_script_finds_its_directory(void **state) {
  (void)state;
  char directory[] = "/tmp/unit-exec-run.XXXXXX";
  char script[64];
  char expected[64];
  const char text[] = "#!/bin/sh\nbasename \"$0\"; cd \"${0%/*}\" && pwd -P; "
                      "echo \"$@\"\n";
  assert_non_null(mkdtemp(directory));
  assert_int_equal(chmod(directory, 0755), 0);
  (void)snprintf(script, sizeof(script), "%s/hook", directory);
  assert_int_equal(
      file_replace(script, text, sizeof(text) - 1, 0755, false, NULL), 0);
  const char *const words[] = {script, "a", "b c", NULL};
  struct exec_job job = job_of(words);
  assert_int_equal(exec_run(&job, output, sizeof(output), &error), 0);
  (void)snprintf(expected, sizeof(expected), "hook\n%s\na b c\n", directory);
  assert_string_equal(output, expected);
  if (geteuid() == 0) { /* an interpreter could not read it */
    assert_int_equal(chmod(script, 0711), 0);
    job.is_check = true;
    assert_int_equal(exec_run(&job, output, sizeof(output), &error), -ENOEXEC);
    assert_non_null(strstr(error.text, "Permission denied"));
  }
  assert_int_equal(unlink(script), 0);
  assert_int_equal(rmdir(directory), 0);
}

/* Runs TEST in a process of its own; skipped where it exits with 77. */
static void run_apart(int (*test)(void)) {
  int status = 0;
  (void)signal(SIGCHLD, SIG_DFL);
  pid_t child = fork();
  if (child == 0) {
    _exit(test());
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  (void)signal(SIGCHLD, SIG_IGN);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    skip();
  }
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* As an old kernel, or as a seccomp filter of an old container runtime. */
static int run_without_close_range(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {4, filter};
  int secret = open("/etc/hostname", O_RDONLY);
  if (secret < 0 || dup2(secret, 37) != 37 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return 77;
  }
  return run_shell("ls /proc/self/fd | tr '\\n' ' '", 30000) == 0 &&
                 strcmp(output, "0 1 2 3 ") == 0
             ? 0
             : 1;
}

static void no_descriptor_reaches_it_without_close_range(void **state) {
  (void)state;
  run_apart(run_without_close_range);
}

/* As a directory server that does not answer. */
static int run_without_answer_from_nss(void) {
  char pipe_path[] = "/tmp/unit-exec-run.XXXXXX";
  const char *const words[] = {"/bin/true", NULL};
  struct exec_job job = job_of(words);
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mkdtemp(pipe_path) == NULL || rmdir(pipe_path) != 0 ||
      mkfifo(pipe_path, 0600) != 0 ||
      mount(pipe_path, "/etc/passwd", NULL, MS_BIND, NULL) != 0) {
    return 77;
  }
  (void)unlink(pipe_path);
  int64_t begun_ms = clock_monotonic_ms();
  job.user = "root";
  job.deadline_ms = begun_ms + 200;
  int code = exec_run(&job, output, sizeof(output), &error);
  bool is_reaped = waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
  return code == -ETIMEDOUT &&
                 strstr(error.text, "not started within") != NULL &&
                 clock_monotonic_ms() - begun_ms < 900 && is_reaped
             ? 0
             : 1;
}

static void a_name_that_is_not_found_in_time_ends_it(void **state) {
  (void)state;
  run_apart(run_without_answer_from_nss);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_command_reads_its_document),
      cmocka_unit_test(a_command_need_not_read),
      cmocka_unit_test(its_end_is_told),
      cmocka_unit_test(what_cannot_run_is_told),
      cmocka_unit_test(output_is_bounded),
      cmocka_unit_test(the_environment_is_fresh),
      cmocka_unit_test(it_runs_as_its_user),
      cmocka_unit_test(a_command_that_hangs_is_killed),
      cmocka_unit_test(what_it_leaves_behind_is_killed),
      cmocka_unit_test(it_ends_when_it_is_cancelled),
      cmocka_unit_test(a_check_runs_nothing),
      cmocka_unit_test(its_helper_is_reaped_whatever_sigchld_does),
      cmocka_unit_test(a_script_finds_its_directory),
      cmocka_unit_test(no_descriptor_reaches_it_without_close_range),
      cmocka_unit_test(a_name_that_is_not_found_in_time_ends_it),
  };
  return cmocka_run_group_tests(tests, find_helper, NULL);
}
