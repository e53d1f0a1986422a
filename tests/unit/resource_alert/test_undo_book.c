/* SPDX-License-Identifier: MIT */
/* undo_book: what holds of every history of one number that several agents and
 * somebody else write, with a kill between any two steps. The seed is printed;
 * test_undo_book SEED repeats a run. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "resource_alert/actions/undo_book.h"

#define HISTORIES 20000
#define STEPS 120
#define AGENTS 3
#define MOST 30

static uint64_t seed;

static uint32_t draw(uint32_t below) { /* xorshift */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 32) % below;
}

/* ---- the world: a number and a record, each with a version ---- */

struct world {
  int64_t value;
  int value_version;
  struct undo_book book;
  int book_version;
  int64_t without_us; /* the number, had there been no agent */
  int64_t last;       /* the last number that somebody else wrote */
};

/* The parts of an attempt, in between which others act, or a kill comes. */
enum part {
  READ_BOOK,
  READ_VALUE,
  WRITE_BOOK,
  WRITE_VALUE,
  CANCEL_BOOK,
  END_BOOK,
};

struct agent {
  enum part part;
  bool is_on;
  int64_t step;
  struct undo_book book; /* as read, from here on, and changed */
  int book_version;
  int64_t value;
  int value_version;
  int64_t to;
  /* What is on the disk. */
  int64_t added;
  int64_t pending;
};

/* ---- somebody else ---- */

/* A number that equals what an agent has left or is about to leave cannot be
 * told from it; see undo_book.c. */
static bool can_be_told(const struct world *world, const struct agent *agents,
                        size_t len, int64_t value) {
  bool is_other = value != world->value && value != world->book.from &&
                  value != world->book.to;
  for (size_t i = 0; i < len; i++) {
    is_other = is_other && value != agents[i].value && value != agents[i].to;
  }
  return is_other;
}

/* A deploy sets a number; a person adds to what stands, or takes away. */
static void meddle(struct world *world, const struct agent *agents,
                   size_t len) {
  int64_t change = (int64_t)draw(9) - 4;
  bool is_relative = draw(2) == 0;
  int64_t value = is_relative ? world->value + change : (int64_t)draw(MOST);
  int64_t without_us = is_relative ? world->without_us + change : value;
  value = value < 0 ? 0 : value;
  if (can_be_told(world, agents, len, value)) {
    world->value = world->last = value;
    world->without_us = without_us < 0 ? 0 : without_us;
    world->value_version++;
  }
}

/* ---- an agent, as scale.c goes about it ---- */

static void conclude(struct agent *agent) {
  switch (undo_book_observe(&agent->book, agent->value)) {
  case UNDO_AS_LEFT:
    break;
  case UNDO_NOT_DONE:
    agent->added -= agent->pending;
    break;
  case UNDO_CHANGED:
  case UNDO_TAKEN_BACK:
    agent->added = 0;
    break;
  }
  agent->pending = 0;
}

/* Returns the number to write. */
static int64_t plan(const struct agent *agent) {
  int64_t more = agent->value + agent->step;
  if (!agent->is_on) {
    return undo_book_plan_release(&agent->book, agent->added, agent->step);
  }
  return more <= MOST ? more : agent->value;
}

/* Returns false if another agent was faster. */
static bool store_book(struct world *world, struct agent *agent) {
  bool is_current = agent->book_version == world->book_version;
  if (is_current) {
    world->book = agent->book;
    agent->book_version = ++world->book_version;
  }
  return is_current;
}

/* The server refuses a write with an old version. The end of one that it has
 * accepted may still be lost. */
static void write_value(struct world *world, struct agent *agent) {
  bool is_accepted = agent->value_version == world->value_version;
  bool is_lost = draw(5) == 0;
  if (is_accepted) {
    assert_true(agent->to >= world->without_us); /* what it is all about */
    world->value = agent->to;
    world->value_version++;
  }
  agent->part = !is_accepted ? CANCEL_BOOK : is_lost ? READ_BOOK : END_BOOK;
}

static void write_book(struct world *world, struct agent *agent) {
  const struct undo_book before = world->book;
  agent->part = READ_BOOK;
  if (agent->to == agent->value) {
    if (memcmp(&before, &agent->book, sizeof(before)) != 0) {
      (void)store_book(world, agent);
    }
    return;
  }
  undo_book_begin_write(&agent->book, agent->to);
  if (store_book(world, agent)) {
    agent->pending = agent->to - agent->value;
    agent->added += agent->pending;
    agent->part = WRITE_VALUE;
  }
}

static void act(struct world *world, struct agent *agent) {
  switch (agent->part) {
  case READ_BOOK:
    agent->book = world->book;
    agent->book_version = world->book_version;
    agent->part = READ_VALUE;
    break;
  case READ_VALUE:
    agent->value = world->value;
    agent->value_version = world->value_version;
    conclude(agent);
    agent->to = plan(agent);
    agent->part = WRITE_BOOK;
    break;
  case WRITE_BOOK:
    write_book(world, agent);
    break;
  case WRITE_VALUE:
    write_value(world, agent);
    break;
  case CANCEL_BOOK:
    agent->added -= agent->pending;
    agent->pending = 0;
    undo_book_cancel_write(&agent->book);
    (void)store_book(world, agent);
    agent->part = READ_BOOK;
    break;
  case END_BOOK:
    agent->pending = 0;
    undo_book_end_write(&agent->book);
    (void)store_book(world, agent);
    agent->part = READ_BOOK;
    break;
  }
}

/* ---- histories ---- */

static struct world begin_world(void) {
  int64_t value = draw(12);
  return (struct world){.value = value,
                        .without_us = value,
                        .last = value,
                        .book = undo_book_begin(value)};
}

/* Until nothing is to be taken back any more. */
static void release(struct world *world, struct agent *agent) {
  agent->is_on = false;
  agent->part = READ_BOOK;
  do {
    act(world, agent);
  } while (agent->part != READ_BOOK || agent->pending != 0 ||
           (agent->added > 0 && world->value > world->book.found));
}

static void live(struct world *world, struct agent *agents, size_t len,
                 bool is_meddled) {
  for (int i = 0; i < STEPS; i++) {
    struct agent *agent = &agents[draw((uint32_t)len)];
    uint32_t event = draw(30);
    if (event < 3 && is_meddled) {
      meddle(world, agents, len);
    } else if (event == 4) {
      agent->part = READ_BOOK; /* a kill: what is on the disk stays */
    } else if (event == 5) {
      agent->is_on = draw(3) != 0;
    } else {
      act(world, agent);
    }
    assert_true(world->value >= world->without_us);
  }
}

static void begin_agents(struct agent *agents, size_t len) {
  memset(agents, 0, len * sizeof(*agents));
  for (size_t i = 0; i < len; i++) {
    agents[i].is_on = true;
    agents[i].step = 1 + draw(4);
  }
}

static void nothing_of_others_is_taken_away(void **state) {
  struct agent agents[AGENTS];
  for (int i = 0; i < HISTORIES; i++) {
    struct world world = begin_world();
    size_t len = 1 + draw(AGENTS);
    begin_agents(agents, len);
    live(&world, agents, len, true);
    for (size_t k = 0; k < len; k++) {
      release(&world, &agents[k]);
      assert_true(world.value >= world.without_us);
    }
  }
}

static void one_agent_takes_back_all_that_it_added(void **state) {
  struct agent agent;
  for (int i = 0; i < HISTORIES; i++) {
    struct world world = begin_world();
    begin_agents(&agent, 1);
    live(&world, &agent, 1, i % 2 == 0);
    release(&world, &agent);
    assert_int_equal(world.value, world.last);
  }
}

/* ---- single cases ---- */

static void what_somebody_else_writes_counts_as_found(void **state) {
  struct undo_book book = undo_book_begin(6);
  undo_book_begin_write(&book, 8);
  undo_book_end_write(&book);
  assert_int_equal(undo_book_observe(&book, 8), UNDO_AS_LEFT);
  assert_int_equal(undo_book_plan_release(&book, 2, 5), 6);
  assert_int_equal(undo_book_observe(&book, 6), UNDO_TAKEN_BACK);
  assert_int_equal(undo_book_plan_release(&book, 2, 5), 6);
  assert_int_equal(undo_book_observe(&book, 9), UNDO_CHANGED);
  assert_int_equal(undo_book_plan_release(&book, 2, 5), 9);
}

static void a_lost_write_is_found_out(void **state) {
  struct undo_book book = undo_book_begin(2);
  undo_book_begin_write(&book, 4);
  struct undo_book done = book;
  assert_int_equal(undo_book_observe(&book, 2), UNDO_NOT_DONE);
  assert_int_equal(undo_book_plan_release(&book, 2, 2), 2);
  assert_int_equal(undo_book_observe(&done, 4), UNDO_AS_LEFT);
  assert_int_equal(undo_book_plan_release(&done, 2, 2), 2);
}

/* Somebody else has written the same number in between. */
static void a_refused_write_is_not_taken_for_done(void **state) {
  struct undo_book book = undo_book_begin(6);
  undo_book_begin_write(&book, 8);
  undo_book_cancel_write(&book);
  assert_int_equal(undo_book_observe(&book, 8), UNDO_CHANGED);
  assert_int_equal(undo_book_plan_release(&book, 2, 2), 8);
}

static void what_is_taken_back_again_and_again_is_left_alone(void **state) {
  struct undo_reverts reverts = {0};
  struct action_call call = {0};
  static const int64_t waits_s[] = {0, 10, 20, 40};
  for (size_t i = 0; i < 4; i++) {
    undo_book_add_revert(&reverts, 10, 1000);
    assert_int_equal(
        undo_book_forbid_write(&reverts, 1000, "replicas is 6", &call), i > 0);
    assert_int_equal(call.again_in_ms, waits_s[i] * 1000);
  }
  assert_string_equal(call.finding,
                      "replicas is 6: something else has set it back 4 times; "
                      "next attempt in 40 s");
  assert_false(undo_book_forbid_write(&reverts, 1040, "", &call));
  assert_false(undo_book_forbid_write(&reverts, -9000, "", &call));
  undo_book_add_revert(&reverts, 10, 1040);
  assert_true(
      undo_book_forbid_write(&reverts, 9999999, "replicas is 6", &call));
  assert_int_equal(call.outcome, ACTION_LEFT_ALONE);
  assert_int_equal(call.again_in_ms, 0);
}

static void memory_from_anywhere_is_bounded(void **state) {
  json_t *memory = json_pack("{s:I, s:I}", "reverts", (json_int_t)INT64_MAX,
                             "until", (json_int_t)INT64_MIN);
  struct undo_reverts reverts = undo_book_get_reverts(memory);
  assert_int_equal(reverts.count, UNDO_REVERTS_MAX);
  assert_int_equal(reverts.until_s, 0);
  undo_book_add_revert(&reverts, 86400, 1000);
  assert_int_equal(reverts.until_s, 1000 + UNDO_PAUSE_MAX_S);
  undo_book_set_reverts(&reverts, memory);
  assert_int_equal(json_integer_value(json_object_get(memory, "until")), 4600);
  json_decref(memory);
}

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
  (void)printf("seed %llu\n", (unsigned long long)seed);
  (void)fflush(stdout);
  seed = (seed | 1) * UINT64_C(0x9e3779b97f4a7c15);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_of_others_is_taken_away),
      cmocka_unit_test(one_agent_takes_back_all_that_it_added),
      cmocka_unit_test(what_somebody_else_writes_counts_as_found),
      cmocka_unit_test(a_lost_write_is_found_out),
      cmocka_unit_test(a_refused_write_is_not_taken_for_done),
      cmocka_unit_test(what_is_taken_back_again_and_again_is_left_alone),
      cmocka_unit_test(memory_from_anywhere_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
