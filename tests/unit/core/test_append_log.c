/* SPDX-License-Identifier: MIT */
/* append_log: no caller waits for the disk, whatever it does; what was synced
 * is there after a kill, and what cannot be read stays. The test is the disk:
 * it has its own write, fdatasync, fsync and renameat. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/append_log.h"
#include "core/clock.h"
#include "core/file_util.h"
#include "support/dying.h"
#include "support/failing.h"

#define HOLD_MS 20000
#define HEAD "{\"format\":\"test things\",\"version\":1}\n"

/* ---- the disk ---- */

enum call { NONE, WRITE, SYNC, RENAME };

static _Atomic int held;               /* the call that hangs */
static _Atomic int hanging;            /* the one that does */
static _Atomic int failures;           /* syncs that will fail yet */
static _Atomic int directory_failures; /* of a directory */
static _Atomic int syncs;

/* Returns false when the one who holds it has given up. */
static bool wait_while_held(enum call call) {
  int64_t deadline_ms = clock_monotonic_ms() + HOLD_MS;
  while (atomic_load(&held) == (int)call &&
         clock_monotonic_ms() < deadline_ms) {
    atomic_store(&hanging, (int)call);
    (void)poll(NULL, 0, 1);
  }
  atomic_store(&hanging, NONE);
  return atomic_load(&held) != (int)call;
}

int fdatasync(int fd) {
  (void)fd;
  bool is_in_time = wait_while_held(SYNC);
  atomic_fetch_add(&syncs, 1);
  if (!is_in_time || atomic_load(&failures) > 0) {
    atomic_fetch_sub(&failures, 1);
    errno = EIO;
    return -1;
  }
  return 0;
}

ssize_t write(int fd, const void *data, size_t bytes) {
  (void)wait_while_held(WRITE);
  return syscall(SYS_write, fd, data, bytes);
}

int fsync(int fd) {
  (void)fd;
  if (atomic_load(&directory_failures) == 0) {
    return 0;
  }
  atomic_fetch_sub(&directory_failures, 1);
  errno = EIO;
  return -1;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
  union {
    void *symbol;
    int (*call)(int from_fd, const char *from, int to_fd, const char *to);
  } next = {.symbol = dlsym(RTLD_NEXT, "renameat")};
  (void)wait_while_held(RENAME);
  return next.call(from_fd, from, to_fd, to);
}

/* ---- the owner of a log ---- */

enum { THINGS = 4 };

struct owner {
  char directory[64];
  char path[128];
  struct append_log *log;
  int64_t values[THINGS];
  int taken;
  int code; /* of each line that is taken */
  _Atomic int errors;
  _Atomic int warnings;
  _Atomic int notices;
  char line[LOG_LINE_BYTES]; /* the last one but notices */
};

static void count_line(void *context, enum log_level level, const char *line) {
  struct owner *owner = context;
  if (level == LOG_LEVEL_NOTICE) {
    atomic_fetch_add(&owner->notices, 1);
    return;
  }
  (void)snprintf(owner->line, sizeof(owner->line), "%s", line);
  atomic_fetch_add(level == LOG_LEVEL_ERROR ? &owner->errors : &owner->warnings,
                   1);
}

static int take_value(void *context, const json_t *line) {
  struct owner *owner = context;
  int64_t thing = json_integer_value(json_object_get(line, "thing"));
  const json_t *value = json_object_get(line, "value");
  if (thing < 0 || thing >= THINGS || !json_is_integer(value)) {
    return -EINVAL;
  }
  owner->values[thing] = json_integer_value(value);
  owner->taken++;
  return owner->code;
}

static int try_open(struct owner *owner) {
  const struct append_log_options options = {
      .path = owner->path,
      .what = "things",
      .consequence = "things go on",
      .format = "test things",
      .version = 1,
      .log = {.write = count_line, .context = owner}};
  memset(owner->values, 0, sizeof(owner->values));
  owner->taken = 0;
  owner->log = NULL;
  return append_log_open(&options, take_value, owner, &owner->log, NULL);
}

static void open_log(struct owner *owner) {
  assert_int_equal(try_open(owner), 0);
  assert_non_null(owner->log);
}

static json_t *make_line(int64_t thing, int64_t value) {
  return json_pack("{s:I,s:I}", "thing", (json_int_t)thing, "value",
                   (json_int_t)value);
}

static void append(struct owner *owner, int64_t thing, int64_t value) {
  json_t *line = make_line(thing, value);
  owner->values[thing] = value;
  append_log_append(owner->log, line);
  json_decref(line);
}

static bool begin_rewrite(struct owner *owner) {
  if (!append_log_rewrite_begin(owner->log)) {
    return false;
  }
  for (int i = 0; i < THINGS; i++) {
    json_t *line = make_line(i, owner->values[i]);
    append_log_rewrite_add(owner->log, line);
    json_decref(line);
  }
  return true;
}

static void rewrite(struct owner *owner) {
  assert_true(begin_rewrite(owner));
  append_log_rewrite_end(owner->log);
}

static void set_text(const struct owner *owner, const char *text,
                     size_t bytes) {
  assert_int_equal(file_replace(owner->path, text, bytes, 0640, false, NULL),
                   0);
}

static char *read_text(const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  assert_int_equal(file_read(path, 1 << 26, &text, &bytes, NULL), 0);
  assert_int_equal(strlen(text), bytes);
  return text;
}

static void expect_text(const char *path, const char *expected) {
  char *text = read_text(path);
  assert_string_equal(text, expected);
  free(text);
}

/* What an owner that is started now would go on from. */
static int64_t saved_value(const struct owner *owner, int64_t thing) {
  char *text = read_text(owner->path);
  int64_t value = -1;
  for (char *line = strtok(text, "\n"); line != NULL;
       line = strtok(NULL, "\n")) {
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    const json_t *its = json_object_get(object, "thing");
    if (json_is_integer(its) && json_integer_value(its) == thing) {
      value = json_integer_value(json_object_get(object, "value"));
    }
    json_decref(object);
  }
  free(text);
  return value;
}

static void append_and_find(struct owner *owner, int64_t thing, int64_t value) {
  append(owner, thing, value);
  EVENTUALLY(saved_value(owner, thing) == value, HOLD_MS);
}

static int begin(void **state) {
  struct owner *owner = calloc(1, sizeof(*owner));
  if (owner == NULL) {
    return -1;
  }
  (void)snprintf(owner->directory, sizeof(owner->directory),
                 "/tmp/append_log.XXXXXX");
  *state = owner;
  if (mkdtemp(owner->directory) == NULL) {
    return -1;
  }
  (void)snprintf(owner->path, sizeof(owner->path), "%s/state",
                 owner->directory);
  (void)file_make_directory(owner->path, 0750);
  (void)snprintf(owner->path, sizeof(owner->path), "%s/state/things",
                 owner->directory);
  atomic_store(&held, NONE);
  atomic_store(&failures, 0);
  return 0;
}

static int end(void **state) {
  struct owner *owner = *state;
  char command[256];
  (void)snprintf(command, sizeof(command), "rm -r %s", owner->directory);
  int code = system(command);
  free(owner);
  return code;
}

/* ---- appending and loading ---- */

static void what_is_appended_is_in_the_file_at_once(void **state) {
  struct owner *owner = *state;
  (void)rmdir(strcat(strcpy(owner->line, owner->directory), "/state"));
  open_log(owner);
  expect_text(owner->path, HEAD);
  append_and_find(owner, 2, 20);
  append_and_find(owner, 3, 30);
  append_and_find(owner, 2, 21);
  struct stat status;
  assert_int_equal(stat(owner->path, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0640);
  append_log_close(owner->log);
  open_log(owner);
  assert_int_equal(owner->taken, 3);
  assert_int_equal(owner->values[2], 21);
  assert_int_equal(owner->values[3], 30);
  append_and_find(owner, 3, 31);
  assert_int_equal(saved_value(owner, 2), 21);
  append_log_close(owner->log);
  assert_int_equal(owner->errors + owner->warnings, 0);
}

static void without_a_path_nothing_is_kept(void **state) {
  const struct append_log_options options = {.what = "things"};
  struct append_log *log = NULL;
  assert_int_equal(append_log_open(&options, NULL, NULL, &log, NULL), 0);
  append_log_append(log, NULL);
  assert_false(append_log_wants_rewrite(log));
  assert_false(append_log_rewrite_begin(log));
  assert_false(append_log_sync(log, 0));
  append_log_close(log);
  append_log_close(NULL);
}

static void bad_lines_are_set_aside_and_good_ones_kept(void **state) {
  struct owner *owner = *state;
  static const char text[] = HEAD "{\"thing\":0,\"value\":5}\n"
                                  "no JSON\n"
                                  "{\"thing\":9,\"value\":6}\n"
                                  "[1]\n"
                                  "{\"thing\":1,\"value\":7}\n";
  set_text(owner, text, strlen(text));
  open_log(owner);
  assert_int_equal(owner->values[0], 5);
  assert_int_equal(owner->values[1], 7);
  assert_non_null(strstr(owner->line,
                         "things: 3 invalid line(s), the first is line 3; "
                         "ignored, copied to /tmp/append_log."));
  assert_int_equal(owner->warnings, 1);
  char bad[160];
  (void)snprintf(bad, sizeof(bad), "%s.bad", owner->path);
  expect_text(bad, "no JSON\n{\"thing\":9,\"value\":6}\n[1]\n");
  assert_true(append_log_wants_rewrite(owner->log));
  rewrite(owner);
  append_log_close(owner->log);
  open_log(owner);
  assert_int_equal(owner->taken, THINGS);
  assert_int_equal(owner->values[1], 7);
  assert_int_equal(owner->warnings, 1);
  append_log_close(owner->log);
}

static void a_torn_last_line_is_passed_over(void **state) {
  struct owner *owner = *state;
  static const char text[] =
      HEAD "{\"thing\":0,\"value\":5}\n{\"thing\":0,\"value\":6}";
  for (size_t bytes = strlen(text); bytes > strlen(HEAD) + 23; bytes--) {
    set_text(owner, text, bytes);
    open_log(owner);
    assert_int_equal(owner->values[0], 5);
    append_and_find(owner, 1, 7);
    assert_int_equal(saved_value(owner, 0), 5);
    append_log_close(owner->log);
  }
  for (size_t bytes = 0; bytes < strlen(HEAD); bytes++) {
    set_text(owner, text, bytes);
    open_log(owner);
    expect_text(owner->path, HEAD);
    append_log_close(owner->log);
  }
  assert_int_equal(owner->warnings, 0);
}

static void nuls_of_a_crash_are_passed_over(void **state) {
  struct owner *owner = *state;
  static const char text[] = HEAD "{\"thing\":0,\"value\":5}\n\0\0\0\0"
                                  "{\"thing\":1,\"value\":6}\n\0\0\0";
  set_text(owner, text, sizeof(text) - 1);
  open_log(owner);
  assert_int_equal(owner->values[0], 5);
  assert_int_equal(owner->values[1], 6);
  assert_int_equal(owner->warnings, 0);
  append(owner, 2, 7);
  append_log_close(owner->log);
  open_log(owner);
  assert_int_equal(owner->values[2], 7);
  append_log_close(owner->log);
}

static void another_kind_of_file_is_moved_aside(void **state) {
  struct owner *owner = *state;
  static const char *const texts[] = {
      "{\"format\":\"test things\",\"version\":2}\n",
      "{\"format\":\"other things\",\"version\":1}\n", "\n", "x\ny\n",
      "{\"thing\":0,\"value\":5}\n"};
  char bad[160];
  (void)snprintf(bad, sizeof(bad), "%s.bad", owner->path);
  for (int i = 0; i < 5; i++) {
    set_text(owner, texts[i], strlen(texts[i]));
    open_log(owner);
    assert_int_equal(owner->taken, 0);
    assert_int_equal(owner->warnings, i + 1);
    assert_non_null(strstr(owner->line, ".bad, no state is restored"));
    expect_text(bad, texts[i]);
    expect_text(owner->path, HEAD);
    append_log_close(owner->log);
  }
}

static void no_link_is_followed(void **state) {
  struct owner *owner = *state;
  char target[160];
  (void)snprintf(target, sizeof(target), "%s/target", owner->directory);
  assert_int_equal(symlink(target, owner->path), 0);
  open_log(owner);
  append_and_find(owner, 0, 1);
  assert_int_equal(access(target, F_OK), -1);
  assert_non_null(strstr(owner->line, "is a link; moved to"));
  append_log_close(owner->log);
}

static void what_cannot_be_read_stays_as_it_is(void **state) {
  struct owner *owner = *state;
  static const char text[] = HEAD "{\"thing\":0,\"value\":5}\n";
  set_text(owner, text, strlen(text));
  failing_after(3); /* the first allocation of reading it */
  int code = try_open(owner);
  if (failing_stop() && code == 0) {
    append(owner, 0, 9);
    assert_false(append_log_wants_rewrite(owner->log));
    append_log_close(owner->log);
  }
  expect_text(owner->path, text);
}

/* A file of ours whose read(2) fails with EIO. */
static void a_read_error_is_no_empty_file(void **state) {
  struct owner *owner = *state;
  (void)snprintf(owner->path, sizeof(owner->path), "/proc/self/mem");
  open_log(owner);
  assert_int_equal(owner->errors, 1);
  assert_string_equal(owner->line,
                      "things: /proc/self/mem: cannot read: Input/output "
                      "error; the file is not changed, and no changes are "
                      "saved until the next start");
  append(owner, 0, 1);
  assert_false(append_log_wants_rewrite(owner->log));
  assert_false(append_log_rewrite_begin(owner->log));
  assert_false(append_log_sync(owner->log, 0));
  append_log_close(owner->log);
  assert_int_equal(access("/proc/self/mem.bad", F_OK), -1);
}

static void a_code_of_the_owner_ends_the_loading(void **state) {
  struct owner *owner = *state;
  static const char text[] = HEAD "{\"thing\":0,\"value\":5}\n";
  set_text(owner, text, strlen(text));
  owner->code = -ENOMEM;
  assert_int_equal(try_open(owner), -ENOMEM);
  assert_null(owner->log);
  expect_text(owner->path, text);
}

/* ---- rewriting ---- */

static void a_rewrite_leaves_only_what_counts(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  assert_false(append_log_wants_rewrite(owner->log));
  for (int i = 0; i < 60000; i++) {
    append(owner, i % THINGS, i);
  }
  assert_true(append_log_wants_rewrite(owner->log));
  rewrite(owner);
  assert_false(append_log_wants_rewrite(owner->log));
  assert_false(append_log_rewrite_begin(owner->log));
  assert_true(append_log_sync(owner->log, HOLD_MS));
  expect_text(owner->path, HEAD "{\"thing\":0,\"value\":59996}\n"
                                "{\"thing\":1,\"value\":59997}\n"
                                "{\"thing\":2,\"value\":59998}\n"
                                "{\"thing\":3,\"value\":59999}\n");
  assert_false(append_log_wants_rewrite(owner->log));
  append_and_find(owner, 2, 3);
  append_log_close(owner->log);
}

static void a_rewrite_holds_up_no_append_and_loses_none(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  append_and_find(owner, 0, 1);
  atomic_store(&held, SYNC);
  assert_true(begin_rewrite(owner));
  append(owner, 0, 2);
  append_log_rewrite_end(owner->log);
  EVENTUALLY(hanging == SYNC, HOLD_MS); /* of the new file */
  append(owner, 1, 3);
  atomic_store(&held, RENAME);
  EVENTUALLY(hanging == RENAME, HOLD_MS);
  append(owner, 2, 4);
  append(owner, 0, 5);
  atomic_store(&held, NONE);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  expect_text(owner->path,
              HEAD "{\"thing\":0,\"value\":1}\n{\"thing\":1,\"value\":0}\n"
                   "{\"thing\":2,\"value\":0}\n{\"thing\":3,\"value\":0}\n"
                   "{\"thing\":0,\"value\":2}\n{\"thing\":1,\"value\":3}\n"
                   "{\"thing\":2,\"value\":4}\n{\"thing\":0,\"value\":5}\n");
  append_and_find(owner, 3, 6);
  append_log_close(owner->log);
}

/* ---- a disk that is ill ---- */

/* A line of 1 MiB. */
static void append_large(struct owner *owner) {
  char *pad = malloc(1 << 20);
  assert_non_null(pad);
  memset(pad, 'x', 1 << 20);
  pad[(1 << 20) - 1] = '\0';
  json_t *line = json_pack("{s:i,s:i,s:s}", "thing", 0, "value", 1, "pad", pad);
  append_log_append(owner->log, line);
  json_decref(line);
  free(pad);
}

static void a_write_that_hangs_holds_up_no_append(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  atomic_store(&held, WRITE);
  append(owner, 1, 1);
  EVENTUALLY(hanging == WRITE, HOLD_MS);
  int64_t begun_ms = clock_monotonic_ms();
  for (int i = 0; i < 20; i++) {
    append_large(owner); /* more than may wait */
  }
  append(owner, 1, 2);
  assert_false(append_log_sync(owner->log, 20));
  assert_in_range(clock_monotonic_ms() - begun_ms, 0, HOLD_MS / 4);
  assert_int_equal(owner->errors, 1);
  assert_non_null(strstr(owner->line, "no response from the disk"));
  assert_false(append_log_is_saving(owner->log));
  atomic_store(&held, NONE);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_true(append_log_is_saving(owner->log));
  assert_int_equal(owner->notices, 1);
  assert_int_equal(saved_value(owner, 1), 2);
  append_log_close(owner->log);
}

static void a_disk_that_hangs_is_reported(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  atomic_store(&held, WRITE);
  append(owner, 1, 1);
  assert_true(append_log_is_saving(owner->log)); /* it may be slow */
  EVENTUALLY(!append_log_is_saving(owner->log), HOLD_MS);
  assert_false(append_log_wants_rewrite(owner->log)); /* logs it */
  assert_int_equal(owner->errors, 1);
  atomic_store(&held, NONE);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_true(append_log_is_saving(owner->log));
  assert_int_equal(owner->notices, 1);
  append_log_close(owner->log);
}

static void a_sync_that_hangs_holds_up_no_append(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  atomic_store(&held, SYNC);
  append(owner, 1, 1);
  assert_false(append_log_sync(owner->log, 20));
  EVENTUALLY(hanging == SYNC, HOLD_MS);
  append(owner, 1, 2);
  assert_false(append_log_sync(owner->log, 20));
  atomic_store(&held, NONE);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 1), 2);
  append_log_close(owner->log);
}

static void lines_are_synced_without_a_request(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  int before = atomic_load(&syncs);
  append(owner, 1, 1);
  EVENTUALLY(syncs == before + 1, HOLD_MS);
  append_log_close(owner->log);
}

static void a_disk_that_hangs_is_left_at_the_end(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  atomic_store(&held, SYNC);
  append(owner, 1, 1);
  assert_false(append_log_sync(owner->log, 0));
  EVENTUALLY(hanging == SYNC, HOLD_MS);
  int64_t begun_ms = clock_monotonic_ms();
  append_log_close(owner->log);
  assert_in_range(clock_monotonic_ms() - begun_ms, 0, HOLD_MS / 2);
  assert_int_equal(owner->warnings, 1);
  assert_int_equal(saved_value(owner, 1), 1);
  int before = atomic_load(&syncs);
  atomic_store(&held, NONE); /* lets the thread go */
  EVENTUALLY(syncs == before + 1, HOLD_MS);
}

static void what_comes_together_is_synced_together(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  int before = atomic_load(&syncs);
  for (int i = 0; i < 1000; i++) {
    append(owner, 0, i);
  }
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_in_range(atomic_load(&syncs) - before, 1, 20);
  append_log_close(owner->log);
}

static void a_full_disk_is_logged_once_and_made_up_for(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  append_and_find(owner, 0, 1);
  disk_is_full(true);
  append(owner, 0, 2);
  append(owner, 1, 3);
  EVENTUALLY(owner->errors == 1, HOLD_MS);
  assert_non_null(strstr(owner->line, "cannot write: No space left on device; "
                                      "things go on"));
  assert_false(append_log_sync(owner->log, HOLD_MS));
  assert_true(append_log_wants_rewrite(owner->log));
  rewrite(owner);
  assert_false(append_log_wants_rewrite(owner->log)); /* it pauses */
  assert_false(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 0), 1);
  disk_is_full(false);
  append(owner, 2, 4);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  assert_int_equal(owner->errors, 1);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(owner->notices, 1);
  assert_int_equal(saved_value(owner, 0), 2);
  assert_int_equal(saved_value(owner, 1), 3);
  assert_int_equal(saved_value(owner, 2), 4);
  append_and_find(owner, 2, 5);
  append_log_close(owner->log);
}

/* After a sync that failed nobody knows what is on the disk. */
static void a_failed_sync_wants_a_rewrite(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  atomic_store(&failures, 1);
  append(owner, 0, 1);
  assert_false(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(owner->errors, 1);
  append_and_find(owner, 0, 2); /* the kernel still takes it */
  assert_false(append_log_sync(owner->log, HOLD_MS));
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(owner->notices, 1);
  assert_int_equal(owner->errors, 1);
  append_log_close(owner->log);
}

static void short_memory_wants_a_rewrite(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  append_log_append(owner->log, NULL);
  assert_int_equal(owner->errors, 1);
  assert_true(append_log_wants_rewrite(owner->log));
  bool has_failed = true;
  int64_t value = 10;
  for (size_t count = 0; has_failed; count++) {
    failing_after(count);
    if (begin_rewrite(owner)) {
      append(owner, 1, value);
      append_log_rewrite_end(owner->log);
    }
    has_failed = failing_stop();
    assert_true(count < 1000);
    owner->values[1] = value++;
    (void)append_log_sync(owner->log, HOLD_MS);
  }
  EVENTUALLY(!append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 1), value - 1);
  append_log_close(owner->log);
}

static void a_directory_that_appears_later_is_used(void **state) {
  struct owner *owner = *state;
  char directory[160];
  (void)snprintf(directory, sizeof(directory), "%s/state", owner->directory);
  assert_int_equal(rmdir(directory), 0);
  assert_int_equal(file_replace(directory, "", 0, 0640, false, NULL),
                   0); /* a file in its place */
  open_log(owner);
  assert_int_equal(owner->errors, 1);
  append(owner, 0, 1);
  assert_int_equal(unlink(directory), 0);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 0), 1);
  append_log_close(owner->log);
}

/* Its name is in memory, if not on the disk. */
static void
a_renamed_file_is_the_file_without_a_sync_of_its_directory(void **state) {
  struct owner *owner = *state;
  open_log(owner);
  append_and_find(owner, 0, 1);
  atomic_store(&directory_failures, 1);
  rewrite(owner);
  assert_false(append_log_sync(owner->log, HOLD_MS));
  append_and_find(owner, 0, 2);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  append_log_close(owner->log);
}

/* Also while nothing is appended. */
static void a_directory_that_is_replaced_is_noticed(void **state) {
  struct owner *owner = *state;
  char directory[160];
  char moved[160];
  (void)snprintf(directory, sizeof(directory), "%s/state", owner->directory);
  (void)snprintf(moved, sizeof(moved), "%s/moved", owner->directory);
  open_log(owner);
  append_and_find(owner, 0, 1);
  assert_int_equal(rename(directory, moved), 0);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 0), 1);
  assert_int_equal(unlink(owner->path), 0);
  append(owner, 1, 2);
  EVENTUALLY(append_log_wants_rewrite(owner->log), HOLD_MS);
  rewrite(owner);
  assert_true(append_log_sync(owner->log, HOLD_MS));
  assert_int_equal(saved_value(owner, 1), 2);
  append_log_close(owner->log);
}

static void without_descriptors_the_file_is_not_overwritten(void **state) {
  struct owner *owner = *state;
  static const char text[] = HEAD "{\"thing\":0,\"value\":5}\n";
  struct rlimit before;
  set_text(owner, text, strlen(text));
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit few = {.rlim_cur = 3, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  int code = try_open(owner);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(code, 0);
  assert_false(append_log_is_saving(owner->log));
  append(owner, 0, 9);
  append_log_close(owner->log);
  expect_text(owner->path, text);
}

/* ---- kills ---- */

#define LIVES 12 /* values of one life */

/* Appends, syncs and rewrites. synced: shared; the last value that is. fills:
 * the disk is full for a third of the time. */
static void live_until_killed(struct owner *owner, size_t calls, bool fills,
                              _Atomic int64_t *synced) {
  open_log(owner);
  dying_after(calls);
  for (int64_t i = 1; i < LIVES; i++) {
    disk_is_full(fills && i > 3 && i < 8);
    append(owner, 0, i);
    if (i % 4 == 0 || (fills && append_log_wants_rewrite(owner->log))) {
      if (begin_rewrite(owner)) {
        append_log_rewrite_end(owner->log);
      }
    }
    if (append_log_sync(owner->log, HOLD_MS)) {
      atomic_store(synced, i);
    }
  }
  _exit(0);
}

static void kill_at_each_call(struct owner *owner, bool fills) {
  int status = DYING_EXIT_CODE << 8;
  _Atomic int64_t *synced = mmap(NULL, sizeof(*synced), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(synced, MAP_FAILED);
  for (size_t calls = 0; WEXITSTATUS(status) == DYING_EXIT_CODE; calls++) {
    (void)unlink(owner->path);
    atomic_store(synced, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      live_until_killed(owner, calls, fills, synced);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    open_log(owner);
    assert_in_range(owner->values[0], *synced, fills ? LIVES - 1 : *synced + 1);
    append_and_find(owner, 1, 7);
    append_log_close(owner->log);
    assert_true(calls < 1000);
  }
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_true(fills || *synced == LIVES - 1);
  assert_int_equal(owner->warnings, 0);
  assert_int_equal(munmap(synced, sizeof(*synced)), 0);
}

static void a_kill_at_any_call_loses_nothing_that_was_synced(void **state) {
  kill_at_each_call(*state, false);
}

static void nor_does_it_while_the_disk_is_full(void **state) {
  kill_at_each_call(*state, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_is_appended_is_in_the_file_at_once),
      TEST(without_a_path_nothing_is_kept),
      TEST(bad_lines_are_set_aside_and_good_ones_kept),
      TEST(a_torn_last_line_is_passed_over),
      TEST(nuls_of_a_crash_are_passed_over),
      TEST(another_kind_of_file_is_moved_aside),
      TEST(no_link_is_followed),
      TEST(what_cannot_be_read_stays_as_it_is),
      TEST(a_read_error_is_no_empty_file),
      TEST(a_code_of_the_owner_ends_the_loading),
      TEST(a_rewrite_leaves_only_what_counts),
      TEST(a_rewrite_holds_up_no_append_and_loses_none),
      TEST(a_write_that_hangs_holds_up_no_append),
      TEST(a_disk_that_hangs_is_reported),
      TEST(a_sync_that_hangs_holds_up_no_append),
      TEST(lines_are_synced_without_a_request),
      TEST(a_disk_that_hangs_is_left_at_the_end),
      TEST(what_comes_together_is_synced_together),
      TEST(a_full_disk_is_logged_once_and_made_up_for),
      TEST(a_failed_sync_wants_a_rewrite),
      TEST(short_memory_wants_a_rewrite),
      TEST(a_directory_that_appears_later_is_used),
      TEST(a_renamed_file_is_the_file_without_a_sync_of_its_directory),
      TEST(a_directory_that_is_replaced_is_noticed),
      TEST(without_descriptors_the_file_is_not_overwritten),
      TEST(a_kill_at_any_call_loses_nothing_that_was_synced),
      TEST(nor_does_it_while_the_disk_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
