/* SPDX-License-Identifier: MIT */
/* tail: reads every line of a log once, however its files are rotated.
 *
 * A poll scans the directories, matches what is found with the files that are
 * known, checks these for truncation, lets rotation.c classify new files, reads
 * all in the order of their modification, and closes what is finished. */
#include "session_log/tail/tail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_log/tail/rotation.h"

/* How far the clock of a file server may be ahead. */
#define CLOCK_SLACK_NS (INT64_C(3600) * 1000000000)

struct tail {
  struct log_complaint *complaints; /* owned: one a pattern */
  struct log_complaint file_limit;  /* about too many files */
  unsigned logged_frames;           /* 1 << format, of those that were found */
  struct rotation rotation;         /* the files */
  struct directory_scan scan;       /* of the last poll */
  struct tail_stats stats;
};

int tail_new(const struct log_options *options, const struct log_sink *log,
             struct tail **ret_tail) {
  struct tail *tail = calloc(1, sizeof(*tail));
  if (tail == NULL) {
    return -ENOMEM;
  }
  tail->rotation = (struct rotation){.options = options, .log = log};
  tail->complaints = calloc(options->files.len + 1, sizeof(*tail->complaints));
  if (tail->complaints == NULL) {
    free(tail);
    return -ENOMEM;
  }
  *ret_tail = tail;
  return 0;
}

void tail_free(struct tail *tail) {
  if (tail == NULL) {
    return;
  }
  rotation_fini(&tail->rotation);
  directory_scan_fini(&tail->scan);
  free(tail->complaints);
  free(tail);
}

/* ---- scanning ---- */

/* The usual causes; -EINVAL stands for a device or a pipe. */
static const char *describe_scan_error(int code) {
  switch (code) {
  case -ENOENT:
    return "no such file";
  case -EISDIR:
    return "is a directory";
  case -EINVAL:
    return "is neither a file nor a directory";
  default:
    return strerror(-code);
  }
}

/* Logs that a pattern matches no file, and that it does again. */
static void log_pattern(struct tail *tail, size_t index, int code,
                        const struct tail_time *now) {
  struct log_complaint *complaint = &tail->complaints[index];
  const char *pattern = tail->rotation.options->files.items[index];
  if (code == 0) {
    if (log_complaint_clear(complaint, now->mono_ms, NULL)) {
      log_write(tail->rotation.log, LOG_LEVEL_NOTICE, "log \"%s\": %s: found",
                tail->rotation.options->head.label, pattern);
    }
  } else if (log_complaint_fail(complaint, now->mono_ms)) {
    log_write(tail->rotation.log, LOG_LEVEL_WARNING,
              "log \"%s\": %s: %s; followed as soon as it appears",
              tail->rotation.options->head.label, pattern,
              describe_scan_error(code));
  }
}

/* A pattern that matches too much must not use up the daemon's memory. */
static void log_file_limit(struct tail *tail, const struct tail_time *now) {
  if (tail->scan.is_full &&
      log_complaint_fail(&tail->file_limit, now->mono_ms)) {
    log_write(tail->rotation.log, LOG_LEVEL_WARNING,
              "log \"%s\": more than %d files match, rotated ones included; "
              "the others are not followed; move old files elsewhere",
              tail->rotation.options->head.label, TAIL_FILES_MAX);
  }
}

/* Finds the files that the patterns match and the rotated ones beside them,
 * also where the file itself is missing. */
static int scan_files(struct tail *tail, const struct tail_time *now) {
  struct directory_scan *scan = &tail->scan;
  const struct option_strings *patterns = &tail->rotation.options->files;
  for (size_t i = 0; i < patterns->len; i++) {
    int code = directory_scan_add_pattern(scan, patterns->items[i]);
    if (code == -ENOMEM) {
      return code;
    }
    log_pattern(tail, i, code, now);
  }
  int code = directory_scan_add_rotated(
      scan, (const char *const *)patterns->items, patterns->len);
  log_file_limit(tail, now);
  return code;
}

/* The time begins when the file is found to be rotated, and ends without
 * effect if it gets its name back. */
static void update_closing_time(struct tail *tail, struct tail_file *file,
                                const struct tail_time *now) {
  bool is_away = !file->is_listed || !file->is_live;
  if (!is_away) {
    file->closing_ms = 0;
  } else if (file->state == TAIL_FILE_FOLLOWED && file->closing_ms == 0) {
    file->closing_ms = now->mono_ms + TAIL_ROTATE_WAIT_MS;
    tail->stats.rotated++;
  }
}

/* Gives each known file the name that the scan has found it under. */
static int match_known_files(struct tail *tail, const struct tail_time *now) {
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    struct tail_file *file = tail->rotation.files[i];
    const struct directory_scan_item *item =
        directory_scan_find(&tail->scan, &file->identity);
    file->is_listed = item != NULL;
    file->is_live = item != NULL && item->is_live;
    if (item != NULL && tail_file_set_path(file, item->path) != 0) {
      return -ENOMEM;
    }
    if (file->state == TAIL_FILE_DONE && file->is_live) {
      file->state = TAIL_FILE_FOLLOWED; /* it was given its old name again */
    }
    update_closing_time(tail, file, now);
  }
  return 0;
}

/* Returns 0, or the negative errno of a file that cannot be read now. */
static int refresh_file(struct tail *tail, struct tail_file *file,
                        const struct tail_time *now) {
  int code = tail_file_open(file);
  if (code == 0) {
    code = tail_file_check_content(file, now->wall_ns);
  }
  if (code == 0) {
    if (log_complaint_clear(&file->complaint, now->mono_ms, NULL)) {
      log_write(tail->rotation.log, LOG_LEVEL_NOTICE,
                "log \"%s\": %s: readable again",
                tail->rotation.options->head.label, file->path);
    }
  } else if (code != -EAGAIN && code != -ENOENT) {
    rotation_close_failed_file(&tail->rotation, file, code, now->mono_ms);
  }
  return code;
}

/* Opens and checks each followed file. Returns how many are truncated. */
static size_t refresh_followed_files(struct tail *tail,
                                     const struct tail_time *now) {
  size_t truncated = 0;
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    struct tail_file *file = tail->rotation.files[i];
    file->is_quiet = true;
    if (file->state == TAIL_FILE_FOLLOWED &&
        (file->fd >= 0 || file->is_listed)) {
      truncated += refresh_file(tail, file, now) == 0 && file->is_truncated;
    }
  }
  return truncated;
}

/* Brings the list of files up to date; nothing is read yet. */
static int update_files(struct tail *tail, const struct tail_time *now) {
  directory_scan_begin(&tail->scan, now->mono_ms, now->wall_ns);
  int code = scan_files(tail, now);
  if (code == 0) {
    code = match_known_files(tail, now);
  }
  if (code == 0 && refresh_followed_files(tail, now) > 0) {
    /* A copy may have been made between the scan and the check. */
    code = scan_files(tail, now);
  }
  return code == 0 ? rotation_classify_files(&tail->rotation, &tail->scan,
                                             now->mono_ms)
                   : code;
}

/* ---- reading ---- */

static bool is_closing_due(const struct tail_file *file,
                           const struct tail_time *now) {
  return file->closing_ms != 0 && now->mono_ms >= file->closing_ms;
}

/* Logs each format that "auto" has found, once. */
static void log_frame(struct tail *tail, const struct tail_file *file) {
  const struct log_options *options = tail->rotation.options;
  unsigned bit = 1U << file->frame;
  bool is_unusual = file->frame != FRAME_AUTO && file->frame != FRAME_PLAIN;
  if (!is_unusual || options->read.format != FRAME_AUTO ||
      (tail->logged_frames & bit) != 0) {
    return;
  }
  tail->logged_frames |= bit;
  log_write(tail->rotation.log,
            file->frame == FRAME_UTF16 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
            "log \"%s\": %s: has %s%s", options->head.label, file->path,
            frame_describe(file->frame),
            file->frame == FRAME_UTF16
                ? ", which is not searched; let the application write UTF-8"
                : "");
}

/* Returns 0 or -ENOMEM; other failures are logged and close the file. */
static int read_file_lines(struct tail *tail, struct tail_file *file,
                           const struct tail_time *now,
                           struct tail_file_buffer *buffer,
                           const struct tail_file_sink *sink) {
  int code = 0;
  if (file->offset == 0 && file->head.bytes == 0) {
    code = tail_file_rewind(file); /* passes over leading NULs */
    if (code == 0) {
      rotation_skip_read_lines(&tail->rotation, file);
    }
  }
  if (is_closing_due(file, now)) {
    file->is_final = true;
  }
  if (code == 0) {
    code = tail_file_read(file, buffer, &tail->rotation.options->read, sink,
                          &tail->stats.read);
    log_frame(tail, file);
  }
  if (code != 0 && code != -EAGAIN && code != -ENOMEM) {
    rotation_close_failed_file(&tail->rotation, file, code, now->mono_ms);
  }
  return code == -ENOMEM ? code : 0;
}

/* Reads all files that have changed, in the order of their modification. */
static int read_changed_files(struct tail *tail, const struct tail_time *now,
                              struct tail_file_buffer *buffer,
                              const struct tail_file_sink *sink) {
  int code = 0;
  rotation_sort(&tail->rotation, 0);
  for (size_t i = 0; i < tail->rotation.files_len && code == 0; i++) {
    struct tail_file *file = tail->rotation.files[i];
    bool is_unchanged =
        file->is_quiet && file->is_drained && !is_closing_due(file, now);
    if (file->state == TAIL_FILE_FOLLOWED && file->fd >= 0 && !is_unchanged) {
      code = read_file_lines(tail, file, now, buffer, sink);
    }
  }
  return code;
}

/* ---- closing what is finished ---- */

/* A file that was rotated and read to its end before has lost nothing; one that
 * was still written to may have had further lines. */
static void count_lost_file(struct tail *tail, const struct tail_file *file,
                            const struct tail_time *now) {
  bool was_rotated = file->closing_ms != 0 &&
                     file->closing_ms < now->mono_ms + TAIL_ROTATE_WAIT_MS;
  uint64_t unread = file->size > file->offset ? file->size - file->offset : 0;
  if (was_rotated && unread == 0) {
    return;
  }
  tail->stats.lost_files++;
  log_write(tail->rotation.log, LOG_LEVEL_WARNING,
            "log \"%s\": %s: gone before it was read to its end: %llu bytes "
            "and what was written later are lost",
            tail->rotation.options->head.label, file->path,
            (unsigned long long)unread);
}

/* Ends a followed file that was read to its end and has no writer any more. */
static void finish_file(struct tail *tail, struct tail_file *file,
                        const struct tail_time *now) {
  bool is_gone = file->fd < 0 && !file->is_listed;
  bool is_read = file->fd >= 0 && file->is_final && file->offset >= file->size;
  if (file->state != TAIL_FILE_FOLLOWED) {
    return;
  }
  if (is_gone) {
    count_lost_file(tail, file, now);
  } else if (!is_read) {
    return;
  } else if (file->is_live && !is_closing_due(file, now)) {
    file->is_final = false; /* a copy whose name a pattern matches */
    return;
  }
  rotation_finish_file(&tail->rotation, file);
}

/* Computed after each poll, since files come and go. */
static void recount_files_and_lag(struct tail *tail) {
  struct tail_stats *stats = &tail->stats;
  stats->truncated = tail->rotation.truncated;
  stats->files = 0;
  stats->lag_bytes = 0;
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    const struct tail_file *file = tail->rotation.files[i];
    if (file->state == TAIL_FILE_FOLLOWED) {
      stats->files++;
      stats->lag_bytes +=
          file->size > file->offset ? file->size - file->offset : 0;
    }
  }
}

/* Only after a scan: a file that was there before, but appears in the next
 * scan, is then not taken for an old one. */
static void update_newest_time(struct rotation *rotation, int64_t wall_ns) {
  if (rotation->newest_ns > wall_ns + CLOCK_SLACK_NS) {
    rotation->newest_ns = 0; /* the clock may have been ahead */
  }
  for (size_t i = 0; i < rotation->files_len; i++) {
    if (rotation->files[i]->modified_ns > rotation->newest_ns) {
      rotation->newest_ns = rotation->files[i]->modified_ns;
    }
  }
}

/* ---- polling ---- */

int tail_poll(struct tail *tail, const struct tail_time *now,
              struct tail_file_buffer *buffer,
              const struct tail_file_sink *sink) {
  int code = update_files(tail, now);
  if (code == 0) {
    code = read_changed_files(tail, now, buffer, sink);
  }
  if (code != 0) {
    return code;
  }
  tail->rotation.has_begun = true;
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    finish_file(tail, tail->rotation.files[i], now);
  }
  update_newest_time(&tail->rotation, now->wall_ns);
  recount_files_and_lag(tail);
  return 0;
}

static bool is_among(int number, const int *numbers, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (numbers[i] == number) {
      return true;
    }
  }
  return false;
}

int tail_poll_files(struct tail *tail, const struct tail_time *now,
                    const int *watch_numbers, size_t len,
                    struct tail_file_buffer *buffer,
                    const struct tail_file_sink *sink) {
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    struct tail_file *file = tail->rotation.files[i];
    bool is_followed = file->state == TAIL_FILE_FOLLOWED && file->fd >= 0;
    file->is_quiet = true;
    if (!is_among(file->watch_number, watch_numbers, len)) {
      continue;
    }
    /* A size that may be stale is checked again at the next poll, not at once.
     */
    int code = is_followed ? refresh_file(tail, file, now) : -ESTALE;
    if (code != -EAGAIN && (code != 0 || file->is_truncated)) {
      return 1;
    }
  }
  int code = read_changed_files(tail, now, buffer, sink);
  recount_files_and_lag(tail);
  return code;
}

/* ---- watching ---- */

/* The directory of PATH, unless its name is a pattern. */
static void watch_directory_of(const char *path, struct file_watch *watch,
                               size_t log) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t bytes = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
  if (bytes >= sizeof(directory)) {
    return;
  }
  memcpy(directory, slash == NULL ? "." : path, bytes);
  directory[bytes] = '\0';
  if (strpbrk(directory, "*?[") == NULL) {
    (void)file_watch_add(watch, log, directory, FILE_WATCH_DIRECTORY);
  }
}

void tail_watch(struct tail *tail, struct file_watch *watch, size_t log) {
  const struct option_strings *patterns = &tail->rotation.options->files;
  file_watch_begin_update(watch, log);
  for (size_t i = 0; i < patterns->len; i++) {
    watch_directory_of(patterns->items[i], watch, log);
  }
  for (size_t i = 0; i < tail->rotation.files_len; i++) {
    struct tail_file *file = tail->rotation.files[i];
    bool is_watchable = file->state == TAIL_FILE_FOLLOWED && file->is_listed;
    file->watch_number =
        is_watchable ? file_watch_add(watch, log, file->path, FILE_WATCH_FILE)
                     : -1;
  }
  file_watch_end_update(watch, log);
}

void tail_get_stats(const struct tail *tail, struct tail_stats *ret_stats) {
  *ret_stats = tail->stats;
}

/* ---- saving and loading ---- */

static void transfer_mark(struct state_file_record *record,
                          struct tail_file_mark *mark) {
  state_file_transfer_number(record, &mark->from);
  state_file_transfer_count(record, &mark->bytes);
  state_file_transfer_number(record, &mark->hash);
}

/* Saves FILE, or loads into it all but the names and the descriptor. */
static void transfer_file_fields(struct tail_file *file, int64_t now_ms,
                                 struct state_file_record *record) {
  size_t state = file->state;
  int64_t left_ms = file->closing_ms == 0 ? 0 : file->closing_ms - now_ms;
  bool is_closing = file->closing_ms != 0;
  state_file_transfer_size(record, &state, TAIL_FILE_DONE);
  state_file_transfer_number(record, &file->identity.device);
  state_file_transfer_number(record, &file->identity.inode);
  state_file_transfer_signed(record, &file->identity.born_ns);
  state_file_transfer_number(record, &file->size);
  state_file_transfer_signed(record, &file->modified_ns);
  state_file_transfer_number(record, &file->offset);
  transfer_mark(record, &file->head);
  transfer_mark(record, &file->marker);
  state_file_transfer_flag(record, &file->is_live);
  state_file_transfer_flag(record, &file->is_skipping);
  state_file_transfer_flag(record, &file->is_final);
  state_file_transfer_flag(record, &is_closing);
  state_file_transfer_signed(record, &left_ms);
  if (record->is_loading) {
    bool is_valid = file->size <= INT64_MAX / 2 &&
                    file->offset <= INT64_MAX / 2 &&
                    file->head.from <= INT64_MAX / 2 &&
                    file->head.bytes <= TAIL_FILE_HEAD_BYTES &&
                    file->marker.bytes <= TAIL_FILE_MARKER_BYTES &&
                    file->marker.bytes <= file->offset &&
                    file->marker.from == file->offset - file->marker.bytes;
    record->is_failed = record->is_failed || !is_valid;
    left_ms = left_ms > TAIL_ROTATE_WAIT_MS ? TAIL_ROTATE_WAIT_MS
              : left_ms < 0                 ? 0
                                            : left_ms;
    file->state = (enum tail_file_state)state;
    file->closing_ms = is_closing ? now_ms + left_ms : 0;
  }
}

/* The index of the copy's original among the files; their number for none. */
static size_t find_original_index(const struct rotation *rotation,
                                  const struct tail_file *copy) {
  size_t i = copy->original == NULL ? rotation->files_len : 0;
  while (i < rotation->files_len && rotation->files[i] != copy->original) {
    i++;
  }
  return i;
}

/* Saves the file at INDEX, or loads and adds it, with the index of its
 * original. */
static int transfer_indexed_file(struct rotation *rotation, size_t index,
                                 int64_t now_ms,
                                 struct state_file_record *record,
                                 size_t *original) {
  char first_path[PATH_MAX] = "";
  char path[PATH_MAX] = "";
  struct tail_file *file = NULL;
  if (!record->is_loading) {
    file = rotation->files[index];
    (void)snprintf(first_path, sizeof(first_path), "%s", file->first_path);
    (void)snprintf(path, sizeof(path), "%s", file->path);
    *original = find_original_index(rotation, file);
  }
  state_file_transfer_text(record, first_path, sizeof(first_path));
  state_file_transfer_text(record, path, sizeof(path));
  state_file_transfer_size(record, original, ROTATION_FILES_MAX);
  if (record->is_loading) {
    file = tail_file_new(first_path, path, &(struct tail_file_status){0});
    if (file == NULL || rotation_add(rotation, file) != 0) {
      return -ENOMEM;
    }
  }
  transfer_file_fields(file, now_ms, record);
  return record->is_loading && record->is_failed ? -EINVAL : 0;
}

int tail_transfer(struct tail *tail, int64_t now_ms,
                  struct state_file_record *record) {
  struct rotation *rotation = &tail->rotation;
  size_t originals[ROTATION_FILES_MAX];
  size_t len = rotation->files_len;
  state_file_transfer_flag(record, &rotation->has_begun);
  state_file_transfer_signed(record, &rotation->newest_ns);
  state_file_transfer_number(record, &tail->stats.read.bytes);
  state_file_transfer_number(record, &tail->stats.read.long_lines);
  state_file_transfer_number(record, &tail->stats.rotated);
  state_file_transfer_number(record, &rotation->truncated);
  state_file_transfer_number(record, &tail->stats.lost_files);
  state_file_transfer_size(record, &len, ROTATION_FILES_MAX);
  for (size_t i = 0; i < len; i++) {
    int code =
        transfer_indexed_file(rotation, i, now_ms, record, &originals[i]);
    if (code != 0) {
      return code;
    }
  }
  for (size_t i = 0; record->is_loading && i < len; i++) {
    struct tail_file *file = rotation->files[i];
    if (file->state == TAIL_FILE_COPY && originals[i] < len &&
        rotation->files[originals[i]]->state == TAIL_FILE_FOLLOWED) {
      file->original = rotation->files[originals[i]];
    }
  }
  return record->is_loading && record->is_failed ? -EINVAL : 0;
}
