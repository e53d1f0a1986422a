/* SPDX-License-Identifier: MIT */
/* event_dispatch: a breach and its end are delivered, whenever the daemon is
 * killed: at each write to the state file, the journal and the notification
 * bus. */
#include "engine_deps.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file_util.h"
#include "resource_alert/journal.h"
#include "support/dying.h"

#define INTERVAL_MS INT64_C(10000)
#define PHASES 3
#define PHASE_INTERVALS 5
#define LIMIT_MS 20000 /* real ones, for what another thread does */

static const double phase_values[PHASES] = {1, 11, 1};

static const char rule[] = "<Threshold \"r\">\n"
                           "Metric \"p*/t\"\n"
                           "WarningMax 10\n"
                           "For 20\n"
                           "RecoverFor 20\n"
                           "Missing \"ignore\"\n"
                           "</Threshold>\n";

/* What goes on while daemons come and go. */
struct world {
  _Atomic int64_t now_ms;
  _Atomic size_t phase;
};

static struct world *world;
static char directory[64];
static struct resource_alert_options options;
static struct journal *journal;
static struct engine *engine;
static int bus = -1;
static _Atomic bool is_hung;
static void (*when_logged)(void);

static int64_t read_clock(void) { return world->now_ms; }

static const struct engine_clock clock_of_world = {.monotonic_ms = read_clock,
                                                   .wall_ms = read_clock};

static void receive_notification(void *unused,
                                 const struct notification *notification) {
  (void)unused;
  while (is_hung) {
    (void)poll(NULL, 0, 1);
  }
  const char *letter = notification->severity == NOTIFICATION_OKAY ? "O" : "W";
  (void)!write(bus, letter, 1); /* the disk may be full */
}

static void receive_line(void *unused, enum log_level level, const char *line) {
  (void)unused, (void)level, (void)line;
  if (when_logged != NULL) {
    when_logged();
  }
}

static void put_sample(void *unused, const struct sample *sample) {
  (void)unused, (void)sample;
}

/* ---- a daemon's life ---- */

static const char *path_of(const char *name) {
  static char path[128];
  (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
  return path;
}

static void begin(void) {
  const struct log_sink log = {.write = receive_line};
  const struct sample_sink samples = {.put = put_sample};
  struct error error = {{0}};
  bus = open(path_of("bus"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  assert_true(bus >= 0);
  assert_int_equal(journal_open(path_of("journal"), &log, &journal, &error), 0);
  const struct engine_deps deps = {
      .clock = &clock_of_world,
      .options = &options,
      .host = "h",
      .interval_ms = INTERVAL_MS,
      .missing_intervals = 3,
      .find_type = find_gauge,
      .log = log,
      .notifications = {.put = receive_notification},
      .journal = journal,
  };
  assert_int_equal(engine_open(&deps, &engine, &error), 0);
  engine_publish(engine, &samples);
}

static void end(void) {
  assert_true(engine_stop(engine));
  journal_close(journal);
  (void)close(bus);
  engine = NULL;
  journal = NULL;
}

static size_t count_waiting(void) {
  struct engine_counts counts;
  engine_get_counts(engine, &counts);
  return counts.notifications_waiting + (size_t)counts.journal.waiting;
}

/* Other threads deliver; this one marks what they have delivered. */
static void turn(void) {
  (void)engine_wait_and_dispatch(engine, 0);
  for (int i = 0; i < LIMIT_MS && !is_hung && count_waiting() > 0; i++) {
    (void)poll(NULL, 0, 1);
  }
  (void)engine_wait_and_dispatch(engine, 1);
}

static void put_of(const char *instance, double value) {
  struct reading_names names = {.host = "h", .plugin = "p", .type = "t"};
  (void)snprintf(names.plugin_instance, READING_NAME_BYTES, "%s", instance);
  const struct reading reading = {
      .names = &names,
      .type = {.describe = describe_gauge},
      .time_ns = world->now_ms * 1000000,
      .interval_ns = INTERVAL_MS * 1000000,
      .values_len = 1,
      .values = &value,
  };
  engine_take_reading(engine, &reading);
}

static void put(double value) { put_of("", value); }

static void live(double value, int intervals) {
  for (int i = 0; i < intervals; i++) {
    world->now_ms += INTERVAL_MS;
    put(value);
    turn();
  }
}

/* Begins with the whole of the phase in which the daemon before was killed. */
static void live_to_the_end(void) {
  begin();
  for (; world->phase < PHASES; world->phase++) {
    live(phase_values[world->phase], PHASE_INTERVALS);
  }
  end();
}

/* ---- kills ---- */

/* A daemon that is killed at its call number COUNT. Returns false if it came to
 * its end before. */
static bool live_until(size_t count) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dying_after(count);
    live_to_the_end();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_true(WEXITSTATUS(status) == 0 ||
              WEXITSTATUS(status) == DYING_EXIT_CODE);
  return WEXITSTATUS(status) != 0;
}

/* What was notified: "WO" is each once. */
static void read_bus(char *ret, size_t bytes) {
  int file = open(path_of("bus"), O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, ret, bytes - 1);
  ret[length > 0 ? length : 0] = '\0';
  (void)close(file);
}

/* The same as the journal has it; first OKAYs are left out. */
static void read_journal(char *ret, size_t bytes) {
  char *text = NULL;
  size_t text_bytes = 0;
  size_t length = 0;
  assert_int_equal(
      file_read(path_of("journal"), 1 << 20, &text, &text_bytes, NULL), 0);
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
    json_t *object = json_loads(line, 0, NULL);
    const char *to = json_string_value(json_object_get(object, "to"));
    const char *from = json_string_value(json_object_get(object, "from"));
    if (to != NULL && strcmp(from, "UNKNOWN") != 0 && length + 1 < bytes) {
      ret[length++] = to[0];
    }
    json_decref(object);
  }
  ret[length] = '\0';
  free(text);
}

/* W, then O, each once more at most for each kill: the next daemon delivers
 * again what was not marked, in its order. Returns how many came more than
 * once. */
static size_t expect_delivered(const char *delivered, const char *by,
                               size_t kills) {
  size_t counts[2] = {0};
  size_t length = strlen(delivered);
  for (size_t i = 0; i < length; i++) {
    counts[delivered[i] == 'O']++;
  }
  if (delivered[0] != 'W' || delivered[length - 1] != 'O' ||
      strspn(delivered, "WO") != length || counts[0] > kills + 1 ||
      counts[1] > kills + 1) {
    fail_msg("%s: \"%s\" after %zu kill(s)", by, delivered, kills);
  }
  return length - 2;
}

static size_t expect_all_delivered(size_t kills) {
  char delivered[64];
  read_journal(delivered, sizeof(delivered));
  size_t twice = expect_delivered(delivered, "journal", kills);
  read_bus(delivered, sizeof(delivered));
  return twice + expect_delivered(delivered, "notifications", kills);
}

static int remove_files(void **state) {
  (void)state;
  static const char *const files[] = {"alerts.jsonl", "journal", "bus"};
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    (void)unlink(path_of(files[i]));
  }
  file_sweep_leftovers(directory, 0);
  world->phase = 0;
  world->now_ms = INT64_C(1700000000000);
  return 0;
}

static void a_kill_at_any_moment_loses_nothing(void **state) {
  size_t twice = 0;
  size_t kills = 0;
  while (live_until(kills)) {
    kills++;
    assert_false(live_until(SIZE_MAX));
    twice += expect_all_delivered(1);
    (void)remove_files(state);
  }
  (void)expect_all_delivered(0);
  assert_in_range(kills, 10, 60); /* it was seen at each of its calls */
  /* Only between a delivery and its mark: two changes, delivered in two ways,
   * each with three calls in between at most. */
  assert_in_range(twice, 0, 12);
}

static void nor_does_a_second_one(void **state) {
  for (size_t first = 0; live_until(first); first++) {
    size_t kills = 1;
    for (size_t second = first % 4; live_until(second); second += 4) {
      kills++;
    }
    (void)expect_all_delivered(kills);
    (void)remove_files(state);
  }
}

/* ---- listeners and disks that hang ---- */

static void stop_while_it_hangs(void) {
  is_hung = true;
  begin();
  live(1, 2);
  live(11, 4);
  assert_false(engine_stop(engine));
  journal_close(journal);
}

/* What was not notified when the daemon stopped is notified by the next. */
static void a_listener_that_hangs_is_notified_after_the_restart(void **state) {
  (void)state;
  char delivered[64];
  int status = 0;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    stop_while_it_hangs();
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  begin();
  turn();
  read_bus(delivered, sizeof(delivered));
  assert_string_equal(delivered, "W");
  read_journal(delivered, sizeof(delivered));
  assert_string_equal(delivered, "W"); /* it had its line before */
  end();
}

static void end_breach(void) {
  when_logged = NULL;
  for (int i = 0; i < 3; i++) {
    world->now_ms += INTERVAL_MS;
    put(1);
  }
}

/* While another event is logged, in the last moment of a daemon, a series that
 * was bad recovers: the next daemon reports that. */
static void
what_changes_while_states_are_saved_is_delivered_later(void **state) {
  (void)state;
  char delivered[64];
  begin();
  live(1, 2);
  live(11, 4);
  for (int i = 0; i < 2; i++) {
    put_of("other", 11);
    live(11, 1);
  }
  world->now_ms += INTERVAL_MS;
  when_logged = end_breach;
  put_of("other", 11);
  end();
  begin();
  live(1, 4);
  end();
  read_bus(delivered, sizeof(delivered));
  assert_string_equal(delivered, "WWO");
}

static void a_disk_with_room_again_has_it_all(void **state) {
  (void)state;
  begin();
  live(1, 2);
  live(11, 2);
  disk_is_full(true);
  world->now_ms += INTERVAL_MS;
  put(11);
  (void)engine_wait_and_dispatch(engine, 0);
  disk_is_full(false);
  bool is_saved = false;
  for (int i = 0; i < LIMIT_MS && !is_saved; i++) {
    world->now_ms += 250;
    turn();
    char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(
        file_read(path_of("alerts.jsonl"), 1 << 20, &text, &bytes, NULL), 0);
    is_saved = strstr(text, "\"WARNING\"") != NULL;
    free(text);
    (void)poll(NULL, 0, 1);
  }
  assert_true(is_saved);
  end();
}

static int setup(void **state) {
  (void)state;
  world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(world, MAP_FAILED);
  (void)snprintf(directory, sizeof(directory),
                 "/tmp/test_event_dispatch.XXXXXX");
  assert_non_null(mkdtemp(directory));
  assert_int_equal(option_init(&resource_alert_options, &options), 0);
  configure_engine(&options, directory, rule);
  return remove_files(state);
}

static int teardown(void **state) {
  (void)remove_files(state);
  option_fini(&resource_alert_options, &options);
  (void)munmap(world, sizeof(*world));
  return rmdir(directory);
}

#define TEST(name)                                                             \
  cmocka_unit_test_setup_teardown(name, remove_files, remove_files)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_kill_at_any_moment_loses_nothing),
      TEST(nor_does_a_second_one),
      TEST(a_listener_that_hangs_is_notified_after_the_restart),
      TEST(what_changes_while_states_are_saved_is_delivered_later),
      TEST(a_disk_with_room_again_has_it_all),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
