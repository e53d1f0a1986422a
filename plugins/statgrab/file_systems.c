/* SPDX-License-Identifier: MIT */
/* file_systems: which are mounted, how full they are, which do not answer. */
#include "statgrab/file_systems.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "statgrab/df_choice.h"
#include "statgrab/df_values.h"
#include "statgrab/prober.h"
#include "statgrab/usage.h"

/* What a probe asks: one file system. */
struct question {
  uint64_t mount_id;
  char *path;
  char *type;
  struct usage_facts usage;
};

/* What a probe asks where listing and asking are one. */
struct listing {
  int (*read_mounts)(struct driver *, struct mount_table *, struct error *);
  struct mount_table mounts;
  struct error error;
};

/* One of those that were chosen. */
struct entry {
  char name[ITEM_NAME_BYTES];
  struct probe *probe; /* of a struct question */
  struct complaint complaint;
};

struct file_systems {
  struct log_sink log;
  struct outlets outlets;
  struct source source;
  struct driver *driver; /* of our own: another thread uses the other */
  struct mount_table mounts;
  uint64_t generation; /* of the mounts that the choice was made from */
  struct df_choice choice;
  struct prober *prober;
  struct probe *listing; /* of a struct listing; NULL where we ask one by one */
  struct entry *entries; /* in the order of their names */
  struct probe **probes; /* theirs, for asking all at once */
  size_t len;
};

/* ---- questions ---- */

static int ask(void *subject) {
  struct question *question = subject;
  return usage_read(question->path, &question->usage);
}

static void free_question(void *subject) {
  struct question *question = subject;
  free(question->path);
  free(question->type);
  free(question);
}

static struct probe *new_probe(struct prober *prober,
                               const struct mount *mount) {
  struct question *question = calloc(1, sizeof(*question));
  if (question == NULL) {
    return NULL;
  }
  question->mount_id = mount->id;
  question->path = strdup(mount->path);
  question->type = strdup(mount->type);
  if (question->path == NULL || question->type == NULL) {
    free_question(question);
    return NULL;
  }
  return probe_new(
      prober, (struct probe_subject){.ask = ask,
                                     .free = free_question,
                                     .may_hang = df_type_may_hang(mount->type),
                                     .subject = question});
}

static int list(void *subject) {
  struct listing *listing = subject;
  return listing->read_mounts(NULL, &listing->mounts, &listing->error);
}

static void free_listing(void *subject) {
  struct listing *listing = subject;
  mount_table_fini(&listing->mounts);
  free(listing);
}

static struct probe *new_listing(struct prober *prober,
                                 const struct source *source) {
  struct listing *listing = calloc(1, sizeof(*listing));
  if (listing == NULL) {
    return NULL;
  }
  listing->read_mounts = source->read_mounts;
  return probe_new(prober, (struct probe_subject){.ask = list,
                                                  .free = free_listing,
                                                  .may_hang = true,
                                                  .subject = listing});
}

/* ---- entries ---- */

static void drop_entries(struct file_systems *fs, struct entry *entries,
                         size_t len) {
  for (size_t i = 0; i < len; i++) {
    probe_drop(fs->prober, entries[i].probe);
  }
  free(entries);
}

static int compare_entry(const void *name, const void *entry) {
  return strcmp(name, ((const struct entry *)entry)->name);
}

/* False if what is mounted there now is another than the one that was asked. An
 * id is given to another mount once nothing uses it, but a question that hangs
 * does. */
static bool is_about(const struct question *question,
                     const struct mount *mount) {
  return question->mount_id == mount->id &&
         strcmp(question->path, mount->path) == 0 &&
         strcmp(question->type, mount->type) == 0;
}

/* Takes over the probe of the same file system from those before: it may be
 * hanging, and what was said of it need not be said again. */
static bool take_over(struct file_systems *fs, const struct mount *mount,
                      struct entry *to) {
  struct entry *from = fs->len == 0
                           ? NULL
                           : bsearch(to->name, fs->entries, fs->len,
                                     sizeof(*fs->entries), compare_entry);
  if (from == NULL || from->probe == NULL) {
    return false;
  }
  if (!is_about(probe_subject(from->probe), mount)) {
    return false;
  }
  to->probe = from->probe;
  to->complaint = from->complaint;
  from->probe = NULL;
  return true;
}

/* Where memory is short there are none, until the next try. */
static int make_entries(struct file_systems *fs) {
  size_t len = fs->choice.items_len;
  struct entry *entries = calloc(len + 1, sizeof(*entries));
  struct probe **probes = calloc(len + 1, sizeof(struct probe *));
  size_t made = 0;
  while (entries != NULL && probes != NULL && made < len) {
    const struct df_item *item = &fs->choice.items[made];
    const struct mount *mount = &fs->mounts.rows[item->row];
    struct entry *entry = &entries[made];
    memcpy(entry->name, item->name, sizeof(item->name));
    if (!take_over(fs, mount, entry)) {
      entry->probe = new_probe(fs->prober, mount);
    }
    if (entry->probe == NULL) {
      break;
    }
    probes[made++] = entry->probe;
  }
  drop_entries(fs, fs->entries, fs->len);
  free(fs->probes);
  fs->entries = entries;
  fs->probes = probes;
  fs->len = made;
  return entries != NULL && probes != NULL && made == len ? 0 : -ENOMEM;
}

/* Brings the entries in line with what is mounted. */
static int choose(struct file_systems *fs, struct error *error) {
  int code = fs->source.read_mounts(fs->driver, &fs->mounts, error);
  if (!source_has_told(code) || fs->generation == fs->mounts.generation) {
    return code;
  }
  if (df_choice_make(&fs->choice, &fs->mounts, error) != 0) {
    return -ENOMEM;
  }
  if (make_entries(fs) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  fs->generation = fs->mounts.generation;
  return code;
}

/* ---- values ---- */

static void complain(const struct file_systems *fs, struct entry *entry,
                     int code, int64_t since_ms) {
  const struct question *question = probe_subject(entry->probe);
  int64_t now_ms = clock_monotonic_ms();
  if (!complaint_fail(&entry->complaint, now_ms)) {
    return;
  }
  if (code == -EINPROGRESS) {
    log_write(&fs->log, LOG_LEVEL_WARNING,
              "df: %s: does not answer for %lld ms; its values are left out",
              question->path, (long long)(now_ms - since_ms));
  } else {
    log_write(&fs->log, LOG_LEVEL_WARNING,
              "df: %s: %s; its values are left out", question->path,
              strerror(-code));
  }
}

static void put_entry(struct file_systems *fs, struct entry *entry) {
  int64_t since_ms = 0;
  int64_t lasted_ms;
  int code = probe_take(fs->prober, entry->probe, &since_ms);
  if (code != 0) {
    complain(fs, entry, code, since_ms);
    return;
  }
  const struct question *question = probe_subject(entry->probe);
  if (complaint_clear(&entry->complaint, clock_monotonic_ms(), &lasted_ms)) {
    log_write(&fs->log, LOG_LEVEL_NOTICE, "df: %s: answers again, after %lld s",
              question->path, (long long)(lasted_ms / 1000));
  }
  df_put(&question->usage, entry->name, fs->choice.options, &fs->outlets);
}

/* All in one: if one does not answer, none is told of. */
static int put_listing(struct file_systems *fs, int64_t deadline_ms,
                       struct error *error) {
  int code = prober_ask(fs->prober, &fs->listing, 1, deadline_ms);
  if (code != 0) {
    return error_set(error, code, "cannot start a thread: %s", strerror(-code));
  }
  code = probe_take(fs->prober, fs->listing, NULL);
  const struct listing *listing = probe_subject(fs->listing);
  if (code != 0) {
    return error_set(error, code, "%s",
                     code == -EINPROGRESS ? "one of them does not answer"
                                          : listing->error.text);
  }
  code = df_choice_make(&fs->choice, &listing->mounts, error);
  for (size_t i = 0; i < fs->choice.items_len; i++) {
    const struct df_item *item = &fs->choice.items[i];
    df_put(&listing->mounts.rows[item->row].usage, item->name,
           fs->choice.options, &fs->outlets);
  }
  return code;
}

int file_systems_put(struct file_systems *fs, int64_t deadline_ms,
                     struct error *error) {
  if (fs->listing != NULL) {
    return put_listing(fs, deadline_ms, error);
  }
  int chosen = choose(fs, error);
  if (!source_has_told(chosen)) {
    return chosen;
  }
  int code = prober_ask(fs->prober, fs->probes, fs->len, deadline_ms);
  if (code != 0) {
    return error_set(error, code, "cannot start a thread: %s", strerror(-code));
  }
  for (size_t i = 0; i < fs->len; i++) {
    put_entry(fs, &fs->entries[i]);
  }
  return chosen;
}

/* ---- life ---- */

int file_systems_new(const struct df_options *options,
                     const struct source *source, const char *root,
                     const struct outlets *outlets, const struct log_sink *log,
                     struct file_systems **ret_file_systems,
                     struct error *error) {
  struct file_systems *fs = calloc(1, sizeof(*fs));
  if (fs == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  fs->log = *log;
  fs->outlets = *outlets;
  fs->source = *source;
  int code = prober_new(&fs->prober);
  if (code != 0) {
    (void)error_set(error, code, "out of memory");
  }
  if (code == 0 && source->asks_file_systems) {
    fs->listing = new_listing(fs->prober, source);
    code = fs->listing == NULL ? error_set(error, -ENOMEM, "out of memory") : 0;
  }
  if (code == 0) {
    code = driver_new(root, &fs->driver, error);
  }
  if (code == 0) {
    code = df_choice_init(&fs->choice, options, error);
  }
  if (code != 0) {
    (void)file_systems_free(fs, 0);
    return code;
  }
  *ret_file_systems = fs;
  return 0;
}

unsigned file_systems_free(struct file_systems *fs, int64_t deadline_ms) {
  if (fs == NULL) {
    return 0;
  }
  drop_entries(fs, fs->entries, fs->len);
  free(fs->probes);
  probe_drop(fs->prober, fs->listing);
  unsigned left = prober_free(fs->prober, deadline_ms);
  df_choice_fini(&fs->choice);
  mount_table_fini(&fs->mounts);
  driver_free(fs->driver);
  free(fs);
  return left;
}
