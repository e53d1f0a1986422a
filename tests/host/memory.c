/* SPDX-License-Identifier: MIT */
/* memory: each allocation of a real module fails once, and once with all that
 * follow it; each thread that it starts cannot be started. It refuses to start,
 * or works on as if nothing had been as soon as there is memory again; it never
 * crashes and, under AddressSanitizer, never leaks.
 *
 *   memory MODULE [EVERY [FIRST]]     e.g. 5 700: every fifth from the 700th on
 *
 * Every try is a process of its own. */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "short_memory.h"

#define JOBS 4         /* at a time: they wait more than they work */
#define LIMIT_MS 10000 /* less than a switch is looked after in calm times */
#define TRIES_MAX 20000
#define LINES 10
#define READS_MAX 100

/* How a try ends; anything else is a crash, a leak or a hang. */
enum { UNTOUCHED = 40, SURVIVED, REFUSED, LACKING };

/* What is done with a module. directory: of this try alone. */
struct scenario {
  const char *name;
  const char *settings;                /* each %1$s is the directory */
  void (*play)(const char *directory); /* while memory may run short */
  /* Afterwards, when there is memory again: wanted, whatever has failed
   * before; 0: not known yet. */
  size_t (*outcome)(const char *directory, size_t wanted);
};

/* ---- statgrab ---- */

static void read_twice(const char *unused) {
  (void)unused;
  daemon_read();
  daemon_read();
}

/* Rates come when a clock has ticked between two reads. */
static size_t count_series(const char *unused, size_t wanted) {
  (void)unused;
  for (int reads = 0; reads < READS_MAX && daemon_names() != wanted; reads++) {
    daemon_read();
    (void)poll(NULL, 0, 5);
  }
  return daemon_names();
}

/* ---- session_log ---- */

static void add_lines(const char *directory) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/app.log", directory);
  FILE *log = fopen(path, "ae");
  for (int i = 0; log != NULL && i < LINES; i++) {
    (void)fprintf(log,
                  "2026-01-01 10:00:00 INFO Creating new database session "
                  "session=s%d\n",
                  i);
  }
  if (log != NULL) {
    (void)fclose(log);
  }
}

/* A thread reads the log. Returns how many sessions it has found. */
static size_t read_log(int wanted, int limit_ms) {
  double found = 0;
  for (int ms = 0; ms < limit_ms && !(found >= wanted); ms += 5) {
    daemon_read();
    (void)poll(NULL, 0, 5);
    found = daemon_value("l", "total_sessions", "opened");
  }
  return found >= 0 ? (size_t)found : 0;
}

static void log_and_read(const char *directory) {
  add_lines(directory);
  (void)read_log(LINES, 100);
  add_lines(directory);
  (void)read_log(2 * LINES, 100);
}

static size_t count_sessions(const char *directory, size_t unused) {
  (void)unused;
  add_lines(directory);
  return read_log(3 * LINES, LIMIT_MS);
}

/* ---- resource_alert ---- */

static bool is_store_on(const char *directory) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/switches/s", directory);
  return access(path, F_OK) == 0;
}

static void write_value(double value) {
  static int64_t time_s = 1000;
  daemon_write_gauge("a", value, time_s++, 10);
}

static bool wait_for(const char *directory, bool is_on, int limit_ms) {
  for (int waited_ms = 0; waited_ms < limit_ms; waited_ms += 5) {
    write_value(is_on ? 11 : 1);
    if (is_store_on(directory) == is_on) {
      return true;
    }
    (void)poll(NULL, 0, 5);
  }
  return false;
}

static void breach_and_calm(const char *directory) {
  (void)wait_for(directory, true, 100);
  daemon_read();
  (void)wait_for(directory, false, 100);
}

static size_t switch_once(const char *directory, size_t unused) {
  (void)unused;
  return wait_for(directory, true, LIMIT_MS) &&
         wait_for(directory, false, LIMIT_MS);
}

static const struct scenario scenarios[] = {
    {"statgrab",
     "<Disk>\n</Disk>\n<Load>\n</Load>\n<CPU>\n  ReportByCPU "
     "true\n</CPU>\n"
     "<DF>\n  MountPoint \"/\"\n</DF>\n",
     read_twice, count_series},
    {"session_log",
     "StateDir \"%1$s\"\n"
     "MaxReadsPerSecond 0\n"
     "<Log \"l\">\n"
     "  File \"%1$s/*.log\"\n"
     "  Session \"session=(\\\\w+)\"\n"
     "  StartAt \"beginning\"\n"
     "</Log>\n",
     log_and_read, count_sessions},
    {"dbpool",
     "<Pool \"p\">\n"
     "  Host \"%1$s\"\n  User \"u\"\n  Database \"d\"\n  Application \"a*\"\n"
     "</Pool>\n"
     "<PgBouncer \"b\">\n  Host \"%1$s\"\n  User \"u\"\n</PgBouncer>\n",
     read_twice, count_series},
    {"resource_alert",
     "StateDir \"%1$s/state\"\n"
     "Journal \"%1$s/journal\"\n"
     "ControlSocket \"%1$s/socket\"\n"
     "<Threshold \"t\">\n"
     "  Metric \"test-*/gauge\"\n  FailureMax 10\n"
     "</Threshold>\n"
     "<SwitchStore \"file\">\n  Path \"%1$s/switches\"\n</SwitchStore>\n"
     "<Response \"r\">\n"
     "  When \"t\"\n  EngageAfter 0\n  ReleaseAfter 0\n"
     "  <Switch \"s\">\n  </Switch>\n"
     "</Response>\n",
     breach_and_calm, switch_once},
};

/* ---- one try ---- */

static size_t count_threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  size_t len = 0;
  for (const struct dirent *one; tasks != NULL && (one = readdir(tasks));) {
    len += one->d_name[0] == '.' ? 0 : 1;
  }
  (void)closedir(tasks);
  return len;
}

static int remove_one(const char *path, const struct stat *unused, int kind,
                      struct FTW *place) {
  (void)unused, (void)kind, (void)place;
  return remove(path);
}

static void remove_all(const char *directory) {
  (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int try(const struct scenario *scenario, const char *directory,
               size_t wanted, size_t *ret_outcome) {
  char settings[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  (void)snprintf(settings, sizeof(settings), scenario->settings, directory);
#pragma GCC diagnostic pop
  bool is_up = daemon_configure(settings) && daemon_init();
  if (is_up) {
    scenario->play(directory);
  }
  bool has_failed = short_memory_stop();
  *ret_outcome = is_up ? scenario->outcome(directory, wanted) : 0;
  daemon_stop();
  if (!is_up) {
    return has_failed && count_threads() == 1 ? REFUSED : LACKING;
  }
  if (wanted != 0 && *ret_outcome != wanted) {
    (void)fprintf(stderr, "%zu, not %zu\n", *ret_outcome, wanted);
    return LACKING;
  }
  return has_failed ? SURVIVED : UNTOUCHED;
}

struct attempt {
  pid_t child;
  char directory[64];
};

static void begin(const struct scenario *scenario, size_t number,
                  enum short_memory_kind kind, size_t wanted,
                  struct attempt *attempt) {
  (void)snprintf(attempt->directory, sizeof(attempt->directory),
                 "/tmp/memory.XXXXXX");
  if (mkdtemp(attempt->directory) == NULL || (attempt->child = fork()) < 0) {
    perror("memory");
    exit(1);
  }
  if (attempt->child > 0) {
    return;
  }
  char log[128];
  size_t outcome = 0;
  (void)snprintf(log, sizeof(log), "%s/stderr", attempt->directory);
  if (freopen(log, "we", stderr) == NULL) {
    exit(1);
  }
  (void)alarm(LIMIT_MS * 6 / 1000);
  short_memory_after(number, kind);
  exit(try(scenario, attempt->directory, wanted, &outcome));
}

static void show_log(const char *directory) {
  char path[128];
  char line[512];
  (void)snprintf(path, sizeof(path), "%s/stderr", directory);
  FILE *log = fopen(path, "re");
  while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
    (void)fprintf(stderr, "    %s", line);
  }
  if (log != NULL) {
    (void)fclose(log);
  }
}

/* Returns the way it ended, or 0 after a word on stderr. */
static int end(const struct attempt *attempt, size_t number,
               enum short_memory_kind kind) {
  int status = 0;
  (void)waitpid(attempt->child, &status, 0);
  int way = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  if (way != UNTOUCHED && way != SURVIVED && way != REFUSED) {
    (void)fprintf(stderr, "%s %zu%s: %s %d\n",
                  kind == SHORT_MEMORY_THREADS ? "thread" : "allocation",
                  number,
                  kind == SHORT_MEMORY_FOREVER ? " and all after it" : "",
                  way == LACKING        ? "something is lacking, code"
                  : WIFSIGNALED(status) ? "signal"
                                        : "exit code",
                  WIFSIGNALED(status) ? WTERMSIG(status) : way);
    show_log(attempt->directory);
    way = 0;
  }
  remove_all(attempt->directory);
  return way;
}

/* ---- all of them ---- */

struct sums {
  size_t survived, refused, broken;
};

static void sweep(const struct scenario *scenario, const size_t steps[2],
                  enum short_memory_kind kind, size_t wanted,
                  struct sums *sums) {
  struct attempt attempts[JOBS];
  size_t every = steps[0];
  bool is_over = false;
  for (size_t first = steps[1]; !is_over && first < TRIES_MAX;
       first += JOBS * every) {
    for (size_t i = 0; i < JOBS; i++) {
      begin(scenario, first + i * every, kind, wanted, &attempts[i]);
    }
    for (size_t i = 0; i < JOBS; i++) {
      int way = end(&attempts[i], first + i * every, kind);
      is_over = is_over || way == UNTOUCHED;
      sums->survived += way == SURVIVED;
      sums->refused += way == REFUSED;
      sums->broken += way == 0;
    }
  }
}

/* What comes out where memory suffices; in a process of its own, too. */
static size_t measure(const struct scenario *scenario) {
  char directory[] = "/tmp/memory.XXXXXX";
  int ends[2];
  size_t outcome = 0;
  if (mkdtemp(directory) == NULL || pipe(ends) != 0) {
    return 0;
  }
  pid_t child = fork();
  if (child == 0) {
    (void)try(scenario, directory, 0, &outcome);
    (void)!write(ends[1], &outcome, sizeof(outcome));
    exit(0);
  }
  (void)waitpid(child, NULL, 0);
  (void)close(ends[1]);
  (void)!read(ends[0], &outcome, sizeof(outcome));
  (void)close(ends[0]);
  remove_all(directory);
  return outcome;
}

static const struct scenario *find(const char *module) {
  for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
    char name[64];
    (void)snprintf(name, sizeof(name), "/%s.so", scenarios[i].name);
    if (strstr(module, name) != NULL) {
      return &scenarios[i];
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  const struct scenario *scenario = argc < 2 ? NULL : find(argv[1]);
  const size_t steps[2] = {argc < 3 ? 1 : strtoul(argv[2], NULL, 10),
                           argc < 4 ? 0 : strtoul(argv[3], NULL, 10)};
  if (scenario == NULL || steps[0] == 0) {
    (void)fprintf(stderr, "usage: memory MODULE [EVERY [FIRST]]\n");
    return 1;
  }
  void *handle = daemon_load(argv[1]);
  void *json = dlsym(handle, "json_object"); /* works for resource_alert */
  if (short_memory_watch(dlsym(handle, "module_register")) == 0 ||
      (json != NULL && short_memory_watch(json) == 0)) {
    (void)fprintf(stderr, "%s takes no memory\n", argv[1]);
    return 1;
  }
  struct sums sums = {0};
  size_t wanted = measure(scenario);
  if (wanted == 0) {
    (void)fprintf(stderr, "%s does not work at all\n", scenario->name);
    return 1;
  }
  const size_t each[2] = {1, 0};
  sweep(scenario, steps, SHORT_MEMORY_ONCE, wanted, &sums);
  sweep(scenario, steps, SHORT_MEMORY_FOREVER, wanted, &sums);
  sweep(scenario, each, SHORT_MEMORY_THREADS, wanted, &sums);
  (void)printf("%s: %zu survived, %zu refused, %zu broken\n", scenario->name,
               sums.survived, sums.refused, sums.broken);
  return sums.broken == 0 && sums.survived > 0 && sums.refused > 0 ? 0 : 1;
}
