/* SPDX-License-Identifier: MIT */
/* worker_thread: order, bound, the end, and a thread that hangs. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/worker_thread.h"
#include "support/failing.h"

#define LONG_MS 20000

struct bench {
  _Atomic bool is_held;
  _Atomic bool is_working;
  _Atomic int done;
  int numbers[64];
  struct worker_thread *again; /* puts each item below 3 once more */
};

static _Atomic int freed_items;
static _Atomic int freed_contexts;

static int *new_item(int number) {
  int *item = malloc(sizeof(*item));
  assert_non_null(item);
  *item = number;
  return item;
}

static void note(void *context, void *item) {
  struct bench *bench = context;
  const int *number = item;
  atomic_store(&bench->is_working, true);
  while (atomic_load(&bench->is_held)) {
    (void)poll(NULL, 0, 1);
  }
  bench->numbers[bench->done] = *number;
  atomic_fetch_add(&bench->done, 1);
  if (bench->again != NULL && *number < 3) {
    (void)worker_thread_put(bench->again, new_item(*number + 1));
  }
}

static void count_item(void *item) {
  free(item);
  atomic_fetch_add(&freed_items, 1);
}

static void count_context(void *context) {
  free(context);
  atomic_fetch_add(&freed_contexts, 1);
}

static struct worker_thread *start(struct bench *bench, size_t items_max) {
  const struct worker_thread_options options = {.work = note,
                                                .free_item = count_item,
                                                .free_context = count_context,
                                                .context = bench,
                                                .items_max = items_max,
                                                .stack_bytes = 256 * 1024};
  struct worker_thread *worker = NULL;
  struct error error = {{0}};
  freed_items = 0;
  freed_contexts = 0;
  assert_int_equal(worker_thread_new(&options, &worker, &error), 0);
  return worker;
}

static bool put(struct worker_thread *worker, int number) {
  return worker_thread_put(worker, new_item(number));
}

static void *look_at_mask(void *mask) {
  (void)pthread_sigmask(SIG_BLOCK, NULL, mask);
  return NULL;
}

static void a_thread_takes_no_signals(void **state) {
  pthread_t thread;
  sigset_t its, own;
  assert_int_equal(
      worker_thread_create_without_signals(&thread, NULL, look_at_mask, &its),
      0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  (void)look_at_mask(&own);
  static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD};
  for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
    assert_int_equal(sigismember(&its, signals[i]), 1);
    assert_int_equal(sigismember(&own, signals[i]), 0);
  }
}

static void items_are_done_in_order_before_the_end(void **state) {
  struct bench bench = {0};
  struct worker_thread *worker = start(&bench, 64);
  for (int i = 0; i < 50; i++) {
    assert_true(put(worker, i));
  }
  assert_true(worker_thread_stop(worker, LONG_MS));
  assert_int_equal(bench.done, 50);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(bench.numbers[i], i);
  }
  assert_int_equal(freed_items, 50);
  assert_int_equal(freed_contexts, 0);
}

static void a_full_queue_drops_and_counts(void **state) {
  struct bench bench = {.is_held = true};
  struct worker_thread *worker = start(&bench, 2);
  assert_true(put(worker, 0));
  EVENTUALLY(bench.is_working, LONG_MS); /* at work, not in the queue */
  assert_true(put(worker, 1));
  assert_true(put(worker, 2));
  assert_false(put(worker, 3));
  assert_int_equal(worker_thread_count_open(worker), 3);
  assert_int_equal(worker_thread_count_dropped(worker), 1);
  assert_int_equal(freed_items, 1);
  atomic_store(&bench.is_held, false);
  assert_true(worker_thread_stop(worker, LONG_MS));
  assert_int_equal(bench.done, 3);
  assert_int_equal(freed_items, 4);
}

static void a_flush_waits_for_what_was_put(void **state) {
  struct bench bench = {.is_held = true};
  struct worker_thread *worker = start(&bench, 4);
  assert_true(worker_thread_flush(worker, 0));
  assert_true(put(worker, 0));
  assert_false(worker_thread_flush(worker, 20));
  atomic_store(&bench.is_held, false);
  assert_true(worker_thread_flush(worker, LONG_MS));
  assert_int_equal(bench.done, 1);
  assert_int_equal(worker_thread_count_open(worker), 0);
  assert_true(worker_thread_stop(worker, LONG_MS));
}

static void it_says_how_long_an_item_is_at_work(void **state) {
  struct bench bench = {.is_held = true};
  struct worker_thread *worker = start(&bench, 4);
  assert_int_equal(worker_thread_busy_ms(worker), 0);
  assert_true(put(worker, 0));
  EVENTUALLY(worker_thread_busy_ms(worker) >= 20, LONG_MS);
  bench.is_held = false;
  EVENTUALLY(worker_thread_busy_ms(worker) == 0, LONG_MS);
  assert_true(worker_thread_stop(worker, LONG_MS));
}

static void count_idle_work(void *context, void *item) {
  struct bench *bench = context;
  assert_null(item);
  bench->done++;
}

static void an_idle_thread_works_without_an_item(void **state) {
  struct bench bench = {0};
  const struct worker_thread_options options = {.work = count_idle_work,
                                                .context = &bench,
                                                .items_max = 1,
                                                .idle_ms = 10};
  struct worker_thread *worker = NULL;
  assert_int_equal(worker_thread_new(&options, &worker, NULL), 0);
  EVENTUALLY(bench.done >= 2, LONG_MS);
  assert_true(worker_thread_flush(worker, 0));
  assert_int_equal(worker_thread_count_open(worker), 0);
  assert_true(worker_thread_stop(worker, LONG_MS));
}

static void work_may_put_more(void **state) {
  struct bench bench = {0};
  struct worker_thread *worker = start(&bench, 4);
  bench.again = worker;
  assert_true(put(worker, 0));
  EVENTUALLY(bench.done == 4, LONG_MS);
  assert_true(worker_thread_stop(worker, LONG_MS));
  assert_int_equal(bench.numbers[3], 3);
}

static void what_hangs_is_left_behind_and_frees_itself(void **state) {
  struct bench *bench = calloc(1, sizeof(*bench));
  assert_non_null(bench);
  bench->is_held = true;
  struct worker_thread *worker = start(bench, 4);
  assert_true(put(worker, 0));
  assert_true(put(worker, 1));
  EVENTUALLY(bench->is_working, LONG_MS);
  int64_t begun_ms = clock_monotonic_ms();
  assert_false(worker_thread_stop(worker, 20));
  assert_in_range(clock_monotonic_ms() - begun_ms, 19, LONG_MS);
  assert_int_equal(freed_contexts, 0);
  atomic_store(&bench->is_held, false);
  EVENTUALLY(freed_contexts == 1, LONG_MS);
  EVENTUALLY(freed_items == 2, LONG_MS); /* the second one without being done */
}

static void accepted_and_dropped_add_up(void **state) {
  struct bench bench = {0};
  struct worker_thread *worker = start(&bench, 1);
  int accepted = 0;
  while (accepted < 60) {
    accepted += put(worker, 7) ? 1 : 0;
  }
  uint64_t dropped = worker_thread_count_dropped(worker);
  assert_true(worker_thread_stop(worker, LONG_MS));
  assert_int_equal(bench.done, 60);
  assert_int_equal(freed_items, 60 + (int)dropped);
}

static void memory_that_is_short_starts_nothing(void **state) {
  const struct worker_thread_options options = {.work = note, .items_max = 4};
  struct worker_thread *worker = NULL;
  for (size_t count = 0; count < 2; count++) {
    failing_after(count);
    int code = worker_thread_new(&options, &worker, NULL);
    assert_true(failing_stop());
    assert_int_equal(code, -ENOMEM);
    assert_null(worker);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_takes_no_signals),
      cmocka_unit_test(items_are_done_in_order_before_the_end),
      cmocka_unit_test(a_full_queue_drops_and_counts),
      cmocka_unit_test(a_flush_waits_for_what_was_put),
      cmocka_unit_test(it_says_how_long_an_item_is_at_work),
      cmocka_unit_test(an_idle_thread_works_without_an_item),
      cmocka_unit_test(work_may_put_more),
      cmocka_unit_test(what_hangs_is_left_behind_and_frees_itself),
      cmocka_unit_test(accepted_and_dropped_add_up),
      cmocka_unit_test(memory_that_is_short_starts_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
