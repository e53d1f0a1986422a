/* SPDX-License-Identifier: MIT */
/* filesystems: reads the usage of the mounted file systems without waiting for
 * one that does not respond. */
#include "statgrab/filesystems.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/clock.h"
#include "statgrab/filesystem_filter.h"
#include "statgrab/metrics.h"
#include "statgrab/probe_pool.h"

/* Subject of a probe: one mount whose usage is queried; or, from a source that
 * queries all in one call, the list of all mounts with their usage. */
struct mount_query {
  struct stats_mount_table mounts;
  struct error error; /* of the list */
};

/* Used by one thread; the pool's workers see the subjects of probes only. */
struct filesystems {
  struct log_sink log;
  struct emitter emitter;
  struct source source;
  struct source_driver *driver; /* borrowed; for read_mounts only */
  struct stats_mount_table mounts;
  uint64_t generation; /* of the mounts that were filtered last */
  struct filesystem_filter filter;
  struct probe_pool *pool;
  struct probe_pool_probe *list; /* of all mounts; NULL: one probe for each */
  struct filesystem *items;      /* in the order of their names */
  size_t len;
};

/* ---- queries ---- */

/* On a worker; may wait for ever. */
static int query_usage(void *subject) {
  struct stats_mount *mount = ((struct mount_query *)subject)->mounts.rows;
  struct statvfs status;
  while (statvfs(mount->path, &status) != 0) {
    if (errno != EINTR) {
      return -errno;
    }
  }
  uint64_t unit = status.f_frsize != 0 ? status.f_frsize : status.f_bsize;
  mount->usage = (struct stats_usage){
      .size = status.f_blocks * unit,
      .free = status.f_bfree * unit,
      .available = status.f_bavail * unit,
      .inodes = status.f_files,
      .inodes_free = status.f_ffree,
      .inodes_available = status.f_favail,
  };
  return 0;
}

/* On a worker; may wait for ever, since libstatgrab queries each file
 * system. */
static int query_all_mounts(void *subject) {
  struct mount_query *query = subject;
  return source_libstatgrab.read_mounts(NULL, &query->mounts, &query->error);
}

/* On any thread: a worker frees the query that blocked it once it returns. */
static void free_mount_query(void *subject) {
  struct mount_query *query = subject;
  stats_mount_table_fini(&query->mounts);
  free(query);
}

/* mount: NULL for the list. Returns NULL when memory is short. */
static struct probe_pool_probe *
new_mount_probe(const struct filesystems *fs, const struct stats_mount *mount) {
  struct mount_query *query = calloc(1, sizeof(*query));
  if (query == NULL) {
    return NULL;
  }
  if (mount != NULL) {
    struct stats_mount *copy = stats_mount_add(&query->mounts, mount->device,
                                               mount->type, mount->path, "");
    if (copy == NULL) {
      free_mount_query(query);
      return NULL;
    }
    copy->id = mount->id;
  }
  return probe_pool_add(
      fs->pool,
      (struct probe_pool_subject){
          .run = mount == NULL ? query_all_mounts : query_usage,
          .free = free_mount_query,
          .may_hang = mount == NULL || filesystem_filter_may_hang(mount->type),
          .subject = query});
}

/* The mount of a probe whose result was taken, or that is being run: all but
 * its usage is constant. */
static const struct stats_mount *
get_probed_mount(const struct probe_pool_probe *probe) {
  return ((const struct mount_query *)probe_pool_subject(probe))->mounts.rows;
}

/* ---- which file systems ---- */

/* Drops the probes; one that is blocked is freed when its call returns. */
static void free_filesystem_items(struct filesystems *fs) {
  for (size_t i = 0; i < fs->len; i++) {
    probe_pool_drop(fs->pool, fs->items[i].probe);
  }
  free(fs->items);
}

/* For bsearch() of a name in the items. */
static int compare_name_to_item(const void *name, const void *item) {
  return strcmp(name, ((const struct filesystem *)item)->name);
}

/* Moves the probe of the same file system from the old items to the new one: it
 * may be blocked, and what was logged need not be logged again. Another file
 * system may be mounted in its place now; its id is then another, too, because
 * the kernel reuses no id while a blocked query uses the mount. */
static void move_probe(struct filesystems *fs, const struct stats_mount *mount,
                       struct filesystem *to) {
  struct filesystem *from = fs->len == 0
                                ? NULL
                                : bsearch(to->name, fs->items, fs->len,
                                          sizeof(*from), compare_name_to_item);
  if (from == NULL || from->probe == NULL) {
    return;
  }
  const struct stats_mount *last = get_probed_mount(from->probe);
  if (last->id == mount->id && strcmp(last->path, mount->path) == 0 &&
      strcmp(last->type, mount->type) == 0) {
    to->probe = from->probe;
    to->complaint = from->complaint;
    from->probe = NULL;
  }
}

/* Makes the items anew from the mounts. Where memory is short there are only
 * the first ones, until the next try. */
static int make_filesystem_items(struct filesystems *fs, struct error *error) {
  struct filesystem *items;
  size_t len;
  size_t made = 0;
  int code = filesystem_filter_list_selected(&fs->filter, &fs->mounts, &items,
                                             &len, error);
  if (code != 0) {
    return code;
  }
  for (; made < len; made++) {
    const struct stats_mount *mount = &fs->mounts.rows[items[made].row];
    move_probe(fs, mount, &items[made]);
    if (items[made].probe == NULL &&
        (items[made].probe = new_mount_probe(fs, mount)) == NULL) {
      code = error_set(error, -ENOMEM, "out of memory");
      break;
    }
  }
  free_filesystem_items(fs);
  fs->items = items;
  fs->len = made;
  return code;
}

/* Updates the items where the mounts have changed. */
static int read_mounts_and_update_items(struct filesystems *fs,
                                        struct error *error) {
  int code = fs->source.read_mounts(fs->driver, &fs->mounts, error);
  if (!source_has_data(code) || fs->generation == fs->mounts.generation) {
    return code;
  }
  int made = make_filesystem_items(fs, error);
  if (made != 0) {
    return made;
  }
  fs->generation = fs->mounts.generation;
  return code;
}

/* ---- values ---- */

/* Logs why a file system has no values. */
static void log_query_failure(const struct filesystems *fs,
                              struct filesystem *item, int code,
                              int64_t since_ms) {
  char hang[64];
  int64_t now_ms = clock_monotonic_ms();
  if (log_complaint_fail(&item->complaint, now_ms)) {
    (void)snprintf(hang, sizeof(hang), "has not responded for %lld ms",
                   (long long)(now_ms - since_ms));
    log_write(&fs->log, LOG_LEVEL_WARNING,
              "df: %s: %s; its values are left out",
              get_probed_mount(item->probe)->path,
              code == -EINPROGRESS ? hang : strerror(-code));
  }
}

/* Sends the values of a file system that has responded, and logs a change. */
static void send_filesystem_values(struct filesystems *fs,
                                   struct filesystem *item) {
  int64_t since_ms = 0;
  int64_t lasted_ms;
  int code = probe_pool_take_result(fs->pool, item->probe, &since_ms);
  if (code != 0) {
    log_query_failure(fs, item, code, since_ms);
    return;
  }
  const struct stats_mount *mount = get_probed_mount(item->probe);
  if (log_complaint_clear(&item->complaint, clock_monotonic_ms(), &lasted_ms)) {
    log_write(&fs->log, LOG_LEVEL_NOTICE, "df: %s: responds again after %lld s",
              mount->path, (long long)(lasted_ms / 1000));
  }
  metrics_send_filesystem(&mount->usage, item->name, fs->filter.options,
                          &fs->emitter);
}

/* Runs the probes. Returns 0 or negative errno with a text. */
static int run_and_await_probes(struct filesystems *fs, int64_t deadline_ms,
                                struct error *error) {
  int code = probe_pool_run_and_wait(fs->pool, deadline_ms);
  return code == 0 ? 0
                   : error_set(error, code, "cannot start a thread: %s",
                               strerror(-code));
}

/* For a source that lists file systems and their usage in one call: if one of
 * them does not respond, none is reported. */
static int collect_listed_filesystems(struct filesystems *fs,
                                      int64_t deadline_ms,
                                      struct error *error) {
  int code = run_and_await_probes(fs, deadline_ms, error);
  if (code != 0) {
    return code;
  }
  code = probe_pool_take_result(fs->pool, fs->list, NULL);
  const struct mount_query *query = probe_pool_subject(fs->list);
  if (code != 0) {
    return error_set(error, code, "%s",
                     code == -EINPROGRESS ? "a file system does not respond"
                                          : query->error.text);
  }
  free(fs->items);
  fs->items = NULL;
  fs->len = 0;
  code = filesystem_filter_list_selected(&fs->filter, &query->mounts,
                                         &fs->items, &fs->len, error);
  for (size_t i = 0; i < fs->len; i++) {
    const struct filesystem *item = &fs->items[i];
    metrics_send_filesystem(&query->mounts.rows[item->row].usage, item->name,
                            fs->filter.options, &fs->emitter);
  }
  return code;
}

int filesystems_collect(struct filesystems *fs, int64_t deadline_ms,
                        struct error *error) {
  if (fs->list != NULL) {
    return collect_listed_filesystems(fs, deadline_ms, error);
  }
  int listed = read_mounts_and_update_items(fs, error);
  if (!source_has_data(listed)) {
    return listed;
  }
  int code = run_and_await_probes(fs, deadline_ms, error);
  for (size_t i = 0; i < fs->len && code == 0; i++) {
    send_filesystem_values(fs, &fs->items[i]);
  }
  return code != 0 ? code : listed;
}

/* ---- life cycle ---- */

int filesystems_new(const struct df_options *options,
                    const struct source *source, struct source_driver *driver,
                    const struct emitter *emitter, const struct log_sink *log,
                    struct filesystems **ret_filesystems, struct error *error) {
  struct filesystems *fs = calloc(1, sizeof(*fs));
  if (fs == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  fs->log = *log;
  fs->emitter = *emitter;
  fs->source = *source;
  fs->driver = driver;
  int code = filesystem_filter_init(&fs->filter, options, error);
  if (code == 0 && probe_pool_new(&fs->pool) != 0) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  bool needs_list = source->read_mounts == source_libstatgrab.read_mounts;
  if (code == 0 && needs_list &&
      (fs->list = new_mount_probe(fs, NULL)) == NULL) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  if (code != 0) {
    (void)filesystems_stop(fs, 0);
    return code;
  }
  *ret_filesystems = fs;
  return 0;
}

unsigned filesystems_stop(struct filesystems *fs, int64_t deadline_ms) {
  if (fs == NULL) {
    return 0;
  }
  free_filesystem_items(fs);
  probe_pool_drop(fs->pool, fs->list);
  unsigned abandoned = probe_pool_stop(fs->pool, deadline_ms);
  filesystem_filter_fini(&fs->filter);
  stats_mount_table_fini(&fs->mounts);
  free(fs);
  return abandoned;
}
