/* SPDX-License-Identifier: MIT */
/* tail_model: an application writes numbered lines, somebody rotates its log
 * in every way there is, the daemon polls, restarts and dies at random; in the
 * end every line must have been taken exactly once. */
#pragma once

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "session_log/tail/tail.h"

#define STEPS 60
#define LINES_MAX 20000
#define ROTATE_WAIT_MS TAIL_ROTATE_WAIT_MS
#define KEPT 5 /* rotated files */

/* What decides a history: the choices, as far as they go, then the seed. */
struct chance {
  uint64_t seed;
  const unsigned char *choices;
  size_t choices_len;
};

struct world {
  char directory[64];
  const char *pattern;
  bool is_talkative;
  uint64_t random;
  const unsigned char *choices; /* in place of chance; NULL: none */
  size_t choices_len;
  int out; /* the writer's descriptor, -1: none */
  bool is_appending;
  int late;        /* one that still holds the file before, -1: none */
  int64_t late_ms; /* since then */
  bool is_torn;    /* the first half of a line has been written */
  int lines;
  int dated;
  unsigned char taken[LINES_MAX];
  int64_t mono_ms;
  struct tail *tail;
  struct file_watch *watch; /* never freed: reachable at the end */
  struct tail_file_buffer buffer;
  struct state_file_record saved;
  unsigned char saved_taken[LINES_MAX];
};

static uint64_t dice(struct world *world, uint64_t sides) {
  if (world->choices_len > 0) {
    world->choices_len--;
    return *world->choices++ % sides;
  }
  world->random ^= world->random << 13;
  world->random ^= world->random >> 7;
  world->random ^= world->random << 17;
  return (world->random >> 11) % sides;
}

static void say(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct world *world, const char *format, ...) {
  if (world->is_talkative) {
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)printf("\n");
  }
}

static const char *name(const struct world *world, const char *suffix) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof(paths[0]), "%s/app.log%s", world->directory,
                 suffix);
  return path;
}

static const char *numbered(const struct world *world, int number) {
  char suffix[16];
  (void)snprintf(suffix, sizeof(suffix), ".%d", number);
  return name(world, number == 0 ? "" : suffix);
}

/* ---- the daemon ---- */

static void take_lines(void *context, const struct tail_file *file,
                       const char *data, size_t bytes) {
  struct world *world = context;
  (void)file;
  const char *end = data + bytes;
  while (data < end) {
    const char *newline = memchr(data, '\n', (size_t)(end - data));
    const char *mark = memmem(data, (size_t)(end - data), "line ", 5);
    if (mark != NULL && (newline == NULL || mark < newline)) {
      int number = atoi(mark + 5);
      assert_in_range(number, 0, world->lines - 1);
      world->taken[number]++;
      if (world->taken[number] > 1) {
        say(world, "  line %d taken again", number);
      }
    }
    data = newline == NULL ? end : newline + 1;
  }
}

static void make_tail(struct world *world) {
  static char pattern[128];
  static char name_of_log[] = "model";
  static char *patterns[] = {pattern};
  static const struct log_options options = {
      .head = {.label = name_of_log},
      .files = {patterns, 1},
      .start_at = LOG_START_BEGINNING,
      .read = {.max_line_bytes = 4096, .max_bytes = 1 << 30},
  };
  (void)snprintf(pattern, sizeof(pattern), "%s/%s", world->directory,
                 world->pattern);
  assert_int_equal(tail_new(&options, NULL, &world->tail), 0);
  /* One for all worlds: to end an inotify instance takes milliseconds. */
  static struct file_watch *watch;
  if (watch == NULL) {
    assert_int_equal(file_watch_new(1, &watch), 0);
  }
  file_watch_begin_update(watch, 0);
  file_watch_end_update(watch, 0);
  world->watch = watch;
}

static struct tail_time time_now(const struct world *world) {
  struct timespec now;
  assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
  return (struct tail_time){.mono_ms = world->mono_ms,
                            .wall_ns =
                                now.tv_sec * INT64_C(1000000000) + now.tv_nsec};
}

static void poll_files(struct world *world) {
  const struct tail_time now = time_now(world);
  const struct tail_file_sink sink = {take_lines, world};
  say(world, "poll");
  assert_int_equal(tail_poll(world->tail, &now, &world->buffer, &sink), 0);
  tail_watch(world->tail, world->watch, 0);
  world->mono_ms += 1000 + (int64_t)dice(world, 9000);
}

/* As the thread does that is woken by writes. */
static void poll_events(struct world *world) {
  const struct tail_time now = time_now(world);
  const struct tail_file_sink sink = {take_lines, world};
  int numbers[4];
  bool has_events = false;
  assert_int_equal(file_watch_wait(world->watch, 0, &has_events), 0);
  size_t len = file_watch_take_events(world->watch, 0, numbers, 4);
  say(world, "events of %d files", (int)len);
  int code = len == FILE_WATCH_SCAN
                 ? 1
                 : tail_poll_files(world->tail, &now, numbers, len,
                                   &world->buffer, &sink);
  assert_true(code == 0 || code == 1);
  if (code == 1) {
    poll_files(world);
  }
}

static void save(struct world *world) {
  say(world, "save");
  state_file_record_fini(&world->saved);
  assert_int_equal(tail_transfer(world->tail, world->mono_ms, &world->saved),
                   0);
  assert_false(world->saved.is_failed);
  memcpy(world->saved_taken, world->taken, sizeof(world->taken));
}

static void die(struct world *world) {
  say(world, "die");
  tail_free(world->tail);
  make_tail(world);
  struct state_file_record loaded = world->saved;
  loaded.is_loading = true;
  assert_int_equal(tail_transfer(world->tail, world->mono_ms, &loaded), 0);
  assert_true(state_file_is_loaded_whole(&loaded));
  memcpy(world->taken, world->saved_taken, sizeof(world->taken));
}

/* ---- the writer ---- */

static void open_out(struct world *world) {
  int flags = O_WRONLY | O_CREAT | (world->is_appending ? O_APPEND : 0);
  world->out = open(name(world, ""), flags, 0644);
  assert_true(world->out >= 0);
  assert_true(lseek(world->out, 0, SEEK_END) >= 0);
}

static void put(int fd, const char *text, size_t bytes) {
  assert_int_equal(write(fd, text, bytes), bytes);
}

static void write_line(struct world *world, int fd) {
  char line[256];
  int bytes = snprintf(line, sizeof(line),
                       "2024-01-31 10:00:00 INFO %0*d line %d end\n",
                       (int)dice(world, 120), 0, world->lines++);
  put(fd, line, (size_t)bytes);
}

static void finish_torn(struct world *world) {
  if (world->is_torn) {
    put(world->out, " tail\n", 6);
    world->is_torn = false;
  }
}

static void write_some(struct world *world) {
  if (world->out < 0) {
    open_out(world);
  }
  finish_torn(world);
  int count = 1 + (int)dice(world, dice(world, 10) == 0 ? 200 : 8);
  say(world, "write %d from %d", count, world->lines);
  for (int i = 0; i < count; i++) {
    write_line(world, world->out);
  }
  if (dice(world, 4) == 0) {
    char half[64];
    int bytes = snprintf(half, sizeof(half), "half line %d", world->lines++);
    put(world->out, half, (size_t)bytes);
    world->is_torn = true;
    say(world, "  and half of %d", world->lines - 1);
  }
}

static void write_late(struct world *world) {
  if (world->late >= 0 && world->mono_ms - world->late_ms < ROTATE_WAIT_MS) {
    say(world, "late line %d", world->lines);
    write_line(world, world->late);
    if (dice(world, 2) == 0) {
      (void)close(world->late);
      world->late = -1;
    }
  }
}

/* ---- rotation ---- */

static void drop_late(struct world *world) {
  if (world->late >= 0) {
    (void)close(world->late);
    world->late = -1;
  }
}

static void shift(struct world *world) {
  if (access(numbered(world, KEPT), F_OK) == 0) {
    drop_late(world);
    poll_files(world); /* nobody deletes what was never read */
    save(world);
    assert_int_equal(unlink(numbered(world, KEPT)), 0);
  }
  for (int i = KEPT - 1; i > 0; i--) {
    if (rename(numbered(world, i), numbered(world, i + 1)) != 0) {
      assert_int_equal(errno, ENOENT);
    }
  }
}

static void rotate_by_rename(struct world *world) {
  if (world->out < 0) {
    return;
  }
  finish_torn(world);
  drop_late(world);
  char suffix[32] = ".1";
  if (dice(world, 3) == 0) {
    (void)snprintf(suffix, sizeof(suffix), "-20240131-%d", world->dated++);
  } else {
    shift(world);
  }
  say(world, "rename to %s", suffix);
  assert_int_equal(rename(name(world, ""), name(world, suffix)), 0);
  world->late = world->out;
  world->late_ms = world->mono_ms;
  world->out = -1;
  if (dice(world, 2) == 0) {
    open_out(world);
  }
}

static void copy_file(const char *from, const char *to) {
  char data[65536];
  int in = open(from, O_RDONLY);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  assert_true(in >= 0 && out >= 0);
  ssize_t got;
  while ((got = read(in, data, sizeof(data))) > 0) {
    put(out, data, (size_t)got);
  }
  (void)close(in);
  (void)close(out);
}

static void rotate_by_copy(struct world *world) {
  struct stat status;
  if (world->out < 0 || stat(name(world, ""), &status) != 0 ||
      status.st_size == 0) {
    return;
  }
  finish_torn(world);
  shift(world);
  say(world, "copy to .1");
  copy_file(name(world, ""), numbered(world, 1));
  if (dice(world, 3) == 0) {
    poll_files(world);
  }
  say(world, "truncate");
  assert_int_equal(truncate(name(world, ""), 0), 0);
  if (world->is_appending) {
    assert_true(lseek(world->out, 0, SEEK_SET) >= 0);
  }
}

static void delete_and_create(struct world *world) {
  if (world->out < 0) {
    return;
  }
  finish_torn(world);
  poll_files(world);
  write_some(world);
  finish_torn(world);
  say(world, "unlink");
  assert_int_equal(unlink(name(world, "")), 0);
  drop_late(world);
  (void)close(world->out);
  open_out(world);
  poll_files(world);
  save(world);
}

static void step(struct world *world) {
  switch (dice(world, 16)) {
  case 0:
  case 1:
  case 2:
  case 3:
    write_some(world);
    return;
  case 4:
    write_late(world);
    return;
  case 5:
  case 6:
    rotate_by_rename(world);
    return;
  case 7:
    rotate_by_copy(world);
    return;
  case 8:
    delete_and_create(world);
    return;
  case 9:
    save(world);
    return;
  case 10:
    die(world);
    return;
  case 11:
  case 12:
    poll_events(world);
    return;
  default:
    poll_files(world);
    return;
  }
}

/* ---- a history ---- */

static void clean(const struct world *world) {
  for (int i = 0; i <= KEPT; i++) {
    (void)unlink(numbered(world, i));
  }
  for (int i = 0; i < world->dated; i++) {
    char suffix[32];
    (void)snprintf(suffix, sizeof(suffix), "-20240131-%d", i);
    (void)unlink(name(world, suffix));
  }
  (void)rmdir(world->directory);
}

static int count_wrong(struct world *world) {
  int wrong = 0;
  for (int i = 0; i < world->lines; i++) {
    if (world->taken[i] != 1) {
      wrong++;
      say(world, "line %d taken %d times", i, world->taken[i]);
    }
  }
  return wrong;
}

/* Lives CHANCE's history. Returns how many lines were lost or taken twice. */
static int live(const struct chance *chance, bool is_talkative) {
  static struct world world;
  world =
      (struct world){.directory = "/dev/shm/follow.XXXXXX",
                     .is_talkative = is_talkative,
                     .random = chance->seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                     .choices = chance->choices,
                     .choices_len = chance->choices_len,
                     .out = -1,
                     .late = -1,
                     .mono_ms = 1000};
  if (access("/dev/shm", W_OK) != 0) { /* slower, and not everywhere */
    (void)snprintf(world.directory, sizeof(world.directory),
                   "/tmp/follow.XXXXXX");
  }
  assert_non_null(mkdtemp(world.directory));
  static const char *const ways[] = {"app.log", "app.log*", "*"};
  world.pattern = ways[dice(&world, 3)]; /* rotated names match some of them */
  world.is_appending = dice(&world, 3) > 0;
  make_tail(&world);
  poll_files(&world); /* an empty place: what appears is read from its start */
  save(&world);
  for (int i = 0; i < STEPS; i++) {
    step(&world);
  }
  if (world.out >= 0) {
    finish_torn(&world);
    (void)close(world.out);
  }
  drop_late(&world);
  for (int i = 0; i < 4; i++) {
    poll_files(&world);
    world.mono_ms += 61000;
  }
  int wrong = count_wrong(&world);
  tail_free(world.tail);
  tail_file_buffer_fini(&world.buffer);
  state_file_record_fini(&world.saved);
  clean(&world);
  return wrong;
}
