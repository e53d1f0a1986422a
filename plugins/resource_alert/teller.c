/* SPDX-License-Identifier: MIT */
/* teller: what became of a series is kept, then told.
 *
 * What is to be told stands in the state file before anybody hears of it, and a
 * mark behind it once the journal has its line and the notification plugins
 * have returned. A kill in between leaves it unmarked: the next start tells it,
 * to those who have no mark. */
#include "resource_alert/teller.h"

#include <errno.h>
#include <stdlib.h>

#include "resource_alert/event/notifier.h"
#include "resource_alert/journal.h"

#define LAST_LINE_MS 1000 /* the journal's writer is waited for at the end */
#define MARK_EACH 64      /* changes of a storm, so that few are held */

struct teller {
  struct teller_deps deps;
  struct notifier *notifier;
  struct state_file *state_file; /* NULL: nothing is kept */
  unsigned unmarked;             /* changes since the last mark */
  struct announcement *recalled; /* left untold by a kill, oldest first */
  size_t recalled_len, recalled_room;
  struct untold_marks recalled_marks; /* who has heard of them */
};

/* ---- telling ---- */

static void tell_journal(struct teller *teller,
                         const struct announcement *announcement) {
  if (teller->deps.journal != NULL) {
    journal_put_change(teller->deps.journal, announcement_to_json(announcement),
                       announcement->number);
  }
}

static void tell_people(struct teller *teller,
                        const struct announcement *announcement) {
  if (!announcement->is_loud) {
    return;
  }
  char verdict[LOG_LINE_BYTES];
  announcement_format_verdict(announcement, verdict, sizeof(verdict));
  log_write(&teller->deps.log,
            announcement->to == ALERT_OKAY ? LOG_LEVEL_NOTICE
                                           : LOG_LEVEL_WARNING,
            "%s", verdict);
  bool is_known =
      announcement->rule->notification != NULL; /* to all who hear */
  if (!is_known &&
      !silences_cover(teller->deps.silences, announcement->rule->name,
                      announcement->series, teller->deps.wall_ms())) {
    notifier_put(teller->notifier, announcement);
  }
}

void teller_record(struct teller *teller, struct announcement *announcement) {
  teller_tell_recalled(teller);
  if (teller->state_file != NULL) {
    announcement->number = state_file_next(teller->state_file);
    memory_keep(teller->state_file, announcement, teller->deps.monotonic_ms(),
                teller->deps.wall_ms());
  }
  tell_journal(teller, announcement);
}

void teller_tell(struct teller *teller,
                 const struct announcement *announcement) {
  tell_people(teller, announcement);
  if (++teller->unmarked >= MARK_EACH) {
    teller_mark(teller);
  }
}

void teller_tell_recalled(struct teller *teller) {
  const struct untold_marks *marks = &teller->recalled_marks;
  for (size_t i = 0; i < teller->recalled_len; i++) {
    const struct announcement *announcement = &teller->recalled[i];
    if (announcement->number > marks->journaled) {
      tell_journal(teller, announcement);
    }
    if (announcement->number > marks->notified) {
      tell_people(teller, announcement);
    }
  }
  free(teller->recalled);
  teller->recalled = NULL;
  teller->recalled_len = 0;
}

/* ---- marking ---- */

/* wait_ms: for the journal. */
static void mark(struct teller *teller, int wait_ms) {
  teller->unmarked = 0;
  if (teller->state_file == NULL || teller->recalled_len > 0) {
    return;
  }
  uint64_t last = state_file_next(teller->state_file) - 1;
  uint64_t oldest = notifier_oldest(teller->notifier);
  struct untold_marks marks = state_file_marks(teller->state_file);
  marks.notified = oldest > 0 ? oldest - 1 : last;
  if (teller->deps.journal == NULL) {
    marks.journaled = last;
  } else if (marks.journaled < last) { /* else it was before this start */
    marks.journaled = journal_settled(teller->deps.journal, last, wait_ms);
  }
  state_file_mark(teller->state_file, &marks, teller->deps.monotonic_ms());
}

void teller_mark(struct teller *teller) { mark(teller, 0); }

/* ---- keeping ---- */

void teller_keep_all(struct teller *teller, struct table *table, bool is_last) {
  struct state_file *file = teller->state_file;
  int64_t now_ms = teller->deps.monotonic_ms();
  if (file != NULL && (is_last || state_file_wants_rewrite(file, now_ms))) {
    memory_rewrite(file, table, now_ms, teller->deps.wall_ms());
  }
}

static void recall_one(void *context, const struct announcement *announcement) {
  struct teller *teller = context;
  if (teller->recalled_len == teller->recalled_room) {
    size_t room = 2 * teller->recalled_room + 16;
    struct announcement *more =
        realloc(teller->recalled, room * sizeof(*teller->recalled));
    if (more == NULL) {
      return;
    }
    teller->recalled = more;
    teller->recalled_room = room;
  }
  teller->recalled[teller->recalled_len++] = *announcement;
}

static int recall(struct teller *teller, struct table *table,
                  memory_find_type *find_type) {
  int code = state_file_new(teller->deps.state_dir, &teller->deps.log,
                            &teller->state_file);
  if (code != 0) {
    return code;
  }
  const struct memory_sink untold = {.put = recall_one, .context = teller};
  memory_recall(teller->state_file, table, find_type,
                teller->deps.monotonic_ms(), teller->deps.wall_ms(), &untold,
                &teller->recalled_marks);
  teller_keep_all(teller, table, true);
  return 0;
}

/* ---- life ---- */

static void free_all(struct teller *teller) {
  state_file_free(teller->state_file);
  free(teller->recalled);
  free(teller);
}

int teller_new(const struct teller_deps *deps, struct table *table,
               memory_find_type *find_type, struct teller **ret_teller,
               struct error *error) {
  struct teller *teller = calloc(1, sizeof(*teller));
  if (teller == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  teller->deps = *deps;
  int code = deps->state_dir == NULL ? 0 : recall(teller, table, find_type);
  code = code != 0 ? error_set(error, code, "out of memory")
                   : notifier_new(&deps->notifications, deps->changes,
                                  &teller->notifier, error);
  if (code != 0) {
    free_all(teller);
    return code;
  }
  *ret_teller = teller;
  return 0;
}

size_t teller_waiting(struct teller *teller) {
  return notifier_waiting(teller->notifier);
}

uint64_t teller_dropped(struct teller *teller) {
  return notifier_dropped(teller->notifier);
}

bool teller_stop(struct teller *teller) {
  if (teller == NULL) {
    return true;
  }
  bool is_drained = notifier_drain(teller->notifier);
  mark(teller, LAST_LINE_MS);
  if (!is_drained) {
    return false;
  }
  notifier_free(teller->notifier);
  free_all(teller);
  return true;
}
